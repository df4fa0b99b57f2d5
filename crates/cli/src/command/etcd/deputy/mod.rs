//! `ops-coordinator deputy`: the process that stands in etcd's lines for a unit.
//!
//! It serves each wish of the unit (`ops_coordinator_juju::shared`) with a task of its own, and ends when there is none. A
//! deputy that dies leaves its leases to the next one: the unit keeps its places if that comes before they end.

mod board;
mod notice;
mod place;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use ops_coordinator_etcd::Client;
use ops_coordinator_juju::LockName;
use ops_coordinator_juju::shared::{Desk, Wish, Wishes};
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::timeout;

use super::{run as block_on, wanted};
use crate::command::CommandError;
use board::Board;
use notice::Notice;
use place::Place;

/// How long it is tried to give something back. After that its lease ends by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keep the unit's places and leases in etcd.
#[derive(Debug, Args)]
pub(crate) struct DeputyArgs {
    /// The unit
    unit: String,
    /// Where the unit keeps its state
    state: PathBuf,
    /// The peer relation
    endpoint: String,
}

/// Runs `ops-coordinator deputy`.
///
/// # Errors
/// When the unit's files cannot be used.
pub(crate) fn run(args: &DeputyArgs) -> Result<ExitCode, CommandError> {
    // It must outlive the hook's process group.
    let _ = rustix::process::setsid();
    let desk = Desk::take(&args.state, &args.endpoint).map_err(CommandError::failed)?;
    if let Some(desk) = desk {
        let board = Rc::new(Board::new(desk, args)?);
        block_on(async { LocalSet::new().run_until(serve(board)).await })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A wish that is being served.
struct Served {
    wish: Wish,
    task: JoinHandle<()>,
}

async fn serve(board: Rc<Board>) -> Result<(), CommandError> {
    let notice = Notice::of(board.desk.directory());
    let mut served: BTreeMap<LockName, Served> = BTreeMap::new();
    let mut leaving: Vec<JoinHandle<()>> = Vec::new();
    loop {
        let mut wishes = board.desk.wishes()?;
        let over = |wishes: &Wishes, served: &BTreeMap<LockName, Served>| {
            wishes.over(served.iter().map(|(lock, one)| (lock, &one.wish)))
        };
        let mut guard = None;
        if !over(&wishes, &served).is_empty() {
            guard = Some(board.without_hooks().await?);
            wishes = board.desk.wishes()?;
        }
        for (lock, gives_back) in over(&wishes, &served) {
            let Some(one) = served.remove(&lock) else {
                continue;
            };
            one.task.abort();
            if gives_back && let Some(lease) = board.forget(&lock)? {
                leaving.push(spawn_local(give_back(
                    wanted::client(&one.wish.lock),
                    lease,
                )));
            }
        }
        drop(guard);
        for (lock, wish) in wishes.locks {
            let place = || Place::new(&board, &lock, &wish);
            if let Entry::Vacant(new) = served.entry(lock.clone()) {
                let task = spawn_local(place().keep());
                new.insert(Served { wish, task });
            }
        }
        if served.is_empty() {
            for task in leaving.drain(..) {
                let _ = task.await;
            }
            if board.desk.leave()? {
                return Ok(());
            }
            continue;
        }
        notice.wait().await;
    }
}

async fn give_back(client: Result<Client, String>, lease: i64) {
    if let Ok(client) = client {
        let _ = timeout(PATIENCE, client.take_back(lease)).await;
    }
}
