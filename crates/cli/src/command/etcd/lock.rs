//! `ops-coordinator lock`: a command under a lock in etcd.

use std::cell::Cell;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ops_coordinator_etcd::{Client, Endpoint, Error, Lease, Request, Turn, WaitError, Wish};
use ops_coordinator_juju::LockName;

use super::guard::Guard;
use super::operation::{self, Signals};
use super::{ReachArgs, UNREACHABLE, run as block_on, time, told};
use crate::command::CommandError;
use crate::output::complain;

/// "Temporary failure" in sysexits.h: somebody else has the lock, and we were not to wait.
const TAKEN: u8 = 75;
/// As `timeout` has it.
pub(super) const TIMED_OUT: u8 = 124;

/// Run a command while holding a lock in etcd, one after the other across machines.
///
/// Those who want the same lock get it in the order in which they asked, N at a time with `--limit N`. While the command
/// runs, the lock's lease is renewed; when the command ends, or this machine dies, the next one gets the lock.
///
/// If the lease cannot be renewed, because etcd is out of reach or this process was stopped for too long, the command is
/// stopped: SIGTERM when a third of the lease is left, SIGKILL when it is over.
///
/// The command's environment contains OPS_COORDINATOR_LOCK and OPS_COORDINATOR_TOKEN, a number that grows with every turn
/// of the lock. Signals are passed on to the command.
///
/// This command needs no Juju.
#[expect(clippy::doc_markdown, reason = "`--help` prints this text as it is")]
#[derive(Debug, Args)]
#[command(after_help = "Exit codes, other than the command's own:
  2    usage error
  69   etcd cannot be reached
  75   somebody else has the lock (`--no-wait`)
  76   the lock was lost while the command ran, and the command was stopped
  77   etcd refuses: no permission, no space
  124  the lock was not to be had in time (`--timeout`)
  126  the command cannot be run (127: it does not exist)
  128+N: signal N ended the command, or the wait for the lock

Examples:
  ops-coordinator lock --etcd 10.0.0.1,10.0.0.2,10.0.0.3 migrate -- ./migrate-database
  ops-coordinator lock --etcd 10.0.0.1 --no-wait nightly -- ./backup
  ops-coordinator lock --etcd https://etcd.example:2379 --cacert ca.pem --cert me.pem --key me.key \\
      --limit 3 --timeout 10m restart -- systemctl restart my-service
  ops-coordinator status --etcd 10.0.0.1     # who holds what, who waits")]
pub(crate) struct LockArgs {
    /// The lock's name: 1 to 32 of a-z, 0-9, '-' and '_', starting with a letter
    #[arg(value_name = "NAME")]
    lock: LockName,
    /// How many may hold the lock at once. If others disagree, the lowest number counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Give up after this time, without having run the command
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// Give up at once if it is not our turn
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
    /// How long the others wait for us if we vanish, and how long we may go on without etcd; 2s or more
    #[arg(long, value_name = "TIME", value_parser = ttl, default_value = "15s")]
    ttl: Duration,
    /// How `status` names us [default: host and process]
    #[arg(long, value_name = "WHO")]
    r#as: Option<String>,
    /// The command and its arguments; no shell is involved
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// Where etcd is: HOST:PORT, http://HOST:PORT or https://HOST:PORT, several separated by commas
    #[arg(
        long,
        value_name = "ENDPOINTS",
        value_delimiter = ',',
        required = true,
        help_heading = "etcd"
    )]
    etcd: Vec<Endpoint>,
    #[command(flatten)]
    reach: ReachArgs,
}

fn ttl(text: &str) -> Result<Duration, &'static str> {
    let time = time(text)?;
    let whole = time.subsec_millis() == 0 && time.as_secs() >= 2;
    whole
        .then_some(time)
        .ok_or("expected whole seconds, 2s or more")
}

/// Runs `ops-coordinator lock`.
///
/// # Errors
/// When the lock was not to be had, or was lost.
pub(crate) fn run(args: &LockArgs) -> Result<ExitCode, CommandError> {
    let client = args.reach.client(&args.etcd)?;
    block_on(async {
        let mut signals = Signals::listen()?;
        let guard = Guard::start()?;
        let ended = match obtain(args, &client, &mut signals).await {
            Ok(Some(turn)) => {
                operation::run(turn, &args.lock, &args.command, &guard, &mut signals).await
            }
            Ok(None) => {
                let number = signals.last.unwrap_or_default();
                Ok(u8::try_from(128 + number).unwrap_or(1).into())
            }
            Err(error) => Err(error),
        };
        guard.dismiss();
        ended
    })
}

/// Waits for the turn; `None` if a signal ended that.
async fn obtain(
    args: &LockArgs,
    client: &Client,
    signals: &mut Signals,
) -> Result<Option<Turn>, CommandError> {
    // Whatever ends the wait, what was begun in etcd is taken back by this number.
    let lease = Cell::new(None);
    let patience = args.timeout.unwrap_or(Duration::MAX);
    let ended = tokio::select! {
        // A turn that has come counts, however late it is.
        biased;
        got = join_and_wait(args, client, &lease) => match got {
            Ok(turn) => return Ok(Some(turn)),
            Err(error) => Err(error),
        },
        () = signals.end() => Ok(None),
        () = tokio::time::sleep(patience) => Err(CommandError::with_code(
            TIMED_OUT,
            format!("{}: not our turn within {} s", args.lock, patience.as_secs_f64()),
        )),
    };
    let unreachable = ended.as_ref().is_err_and(|error| error.is(UNREACHABLE));
    if let Some(lease) = lease.get().filter(|_| !unreachable) {
        // If this fails, the lease ends by itself.
        let _ = client.take_back(lease).await;
    }
    ended
}

async fn join_and_wait(
    args: &LockArgs,
    client: &Client,
    lease: &Cell<Option<i64>>,
) -> Result<Turn, CommandError> {
    loop {
        let number = Lease::draw();
        lease.set(Some(number));
        let mut request = Request::join(client, wish(args), number)
            .await
            .map_err(told)?;
        match wait(args, &mut request).await {
            Ok(true) => return Ok(request.begin()),
            Ok(false) => {
                let taken = format!("{}: somebody else has the lock", args.lock);
                return Err(CommandError::with_code(TAKEN, taken));
            }
            Err(WaitError::Etcd(error)) => return Err(told(error)),
            Err(lost) => complain(format!("{}: {lost}; asking again, at its end", args.lock)),
        }
    }
}

async fn wait(args: &LockArgs, request: &mut Request) -> Result<bool, WaitError> {
    if args.no_wait {
        return request.is_up().await;
    }
    let mut said = false;
    let trouble = |error: &Error| {
        if !said {
            complain(format!("{}: {error}; we go on waiting", args.lock));
        }
        said = true;
    };
    request.wait(trouble).await.map(|()| true)
}

fn wish(args: &LockArgs) -> Wish {
    Wish {
        prefix: args.reach.prefix(),
        lock: args.lock.clone(),
        limit: args.limit,
        ttl: args.ttl,
        who: args.r#as.clone().unwrap_or_else(who),
    }
}

fn who() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{host} pid {}", std::process::id())
}
