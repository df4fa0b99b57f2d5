//! How the unit's wishes stand, as its hooks read it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use ops_coordinator_etcd::Wish as Wanted;
use ops_coordinator_juju::shared::{Desk, Standing, Standings, Wish};
use ops_coordinator_juju::{LocalMachine, LockName, Machine, WakerCommand, process};
use tokio::process::Command;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::DeputyArgs;
use crate::command::CommandError;
use crate::command::coordination::executable;
use crate::command::etcd::wanted;

/// The pause before it is tried again to keep the unit's hooks away.
const GLANCE: Duration = Duration::from_millis(10);

/// What all tasks of a deputy share.
pub(super) struct Board {
    pub(super) desk: Desk,
    standings: RefCell<Standings>,
    /// How the unit is named in etcd.
    who: String,
    waker: Vec<OsString>,
}

impl Board {
    /// Begins with what the deputy before this one has left.
    pub(super) fn new(desk: Desk, args: &DeputyArgs) -> Result<Self, CommandError> {
        let mut standings = desk.standings()?;
        let boot = LocalMachine::new(&args.state, WakerCommand::none()).boot();
        standings.take_over(process::own(), boot);
        desk.store(&standings, true)?;
        let who = wanted::who(&args.unit);
        // The waker knows of no hook that asks: it runs another one in any case.
        let waker = [
            executable(),
            "wake".into(),
            args.unit.clone().into(),
            args.state.clone().into(),
            args.endpoint.clone().into(),
            "deputy".into(),
            "later-0".into(),
        ];
        Ok(Self {
            desk,
            standings: standings.into(),
            who,
            waker: waker.into(),
        })
    }

    /// The standing of a lock.
    pub(super) fn standing(&self, lock: &LockName) -> Option<Standing> {
        self.standings.borrow().locks.get(lock).cloned()
    }

    /// Changes the standing of a lock, and writes it. `durable`: so that it survives the machine. A file that cannot be
    /// written now is written with the next change; until then hooks believe less than they could.
    pub(super) fn change(
        &self,
        lock: &LockName,
        durable: bool,
        change: impl FnOnce(&mut Standing),
    ) {
        let mut standings = self.standings.borrow_mut();
        let own = standings.locks.entry(lock.clone()).or_default();
        let before = own.clone();
        change(own);
        if *own != before {
            let _ = self.desk.store(&standings, durable);
        }
    }

    /// Waits until no hook is at the unit's files, and keeps them away until the returned value is dropped. Leases are
    /// renewed meanwhile.
    pub(super) async fn without_hooks(&self) -> Result<Box<dyn Any>, CommandError> {
        loop {
            if let Some(guard) = self.desk.try_lock()? {
                return Ok(guard);
            }
            sleep(GLANCE).await;
        }
    }

    /// Forgets a lock, and returns its lease.
    pub(super) fn forget(&self, lock: &LockName) -> Result<Option<i64>, CommandError> {
        let mut standings = self.standings.borrow_mut();
        let own = standings.locks.remove(lock);
        self.desk.store(&standings, false)?;
        Ok(own.map(|own| own.lease))
    }

    /// A wish as etcd's line has it.
    pub(super) fn wanted(&self, wish: &Wish) -> Wanted {
        wanted::wish(&wish.lock, self.who.clone())
    }

    /// Has the charm run a hook, unless one has taken this turn already.
    pub(super) fn wake(&self, lock: &LockName, token: i64) {
        let wishes = self.desk.wishes().unwrap_or_default();
        let taken = wishes.locks.get(lock).and_then(|wish| wish.taken);
        let Some((program, args)) = self.waker.split_first().filter(|_| taken != Some(token))
        else {
            return;
        };
        let started = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Ok(mut waker) = started {
            spawn_local(async move { waker.wait().await });
        }
    }
}
