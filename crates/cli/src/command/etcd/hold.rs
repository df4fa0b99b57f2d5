//! `ops-coordinator hold`: a lock in etcd that a hook in Python holds while a block of its code runs.
//!
//! Its standard input is a pipe from that hook: a line with the lock as JSON, and then nothing, until it ends: because the block
//! has ended, or because the hook is dead. Either way the lock is given back. On standard output it tells, as a line of JSON each,
//! how the lock stands. If it dies itself, the hook sees that this ends.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::pin::pin;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use ops_coordinator_etcd::{
    Client, Error, Lease, Moment, Request, Turn, Validity, WaitError, Wish,
};
use ops_coordinator_juju::SharedLock;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::{Value, json};
use tokio::sync::oneshot::{Receiver, channel};
use tokio::time::{sleep, timeout};

use super::lock::TIMED_OUT;
use super::operation::LOST;
use super::{PAUSE, run as block_on, time, wanted};
use crate::command::CommandError;

/// How long it is tried to give the lock back. After that its lease ends by itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it tells within the life of a lease how long that is still good.
const NOTES: u32 = 10;

/// Hold a lock in etcd until standard input ends.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// The unit
    unit: String,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
}

/// Runs `ops-coordinator hold`.
///
/// # Errors
/// When it is not told what to hold, or cannot use it.
pub(crate) fn run(args: &HoldArgs) -> Result<ExitCode, CommandError> {
    let done = prepare().and_then(|lock| {
        let client = wanted::client(&lock)?;
        let wish = wanted::wish(&lock, who(&args.unit));
        let patience = args.timeout.unwrap_or(Duration::MAX);
        block_on(async { Ok(hold(&client, &wish, patience).await) })
            .map_err(|error| error.to_string())
    });
    match done {
        Ok(code) => Ok(code.into()),
        Err(why) => {
            say(&json!({ "error": why }));
            Err(CommandError::failed(why))
        }
    }
}

fn prepare() -> Result<SharedLock, String> {
    // What ends the hook must not end this before it has given the lock back.
    let _ = rustix::process::setsid();
    // A hook that does not listen for a while must not keep the lease from being renewed.
    let stdout = io::stdout();
    let flags = fcntl_getfl(&stdout).map_err(|error| error.to_string())?;
    fcntl_setfl(&stdout, flags | OFlags::NONBLOCK).map_err(|error| error.to_string())?;
    let mut said = String::new();
    let read = io::stdin().lock().read_line(&mut said);
    read.map_err(|error| error.to_string())?;
    serde_json::from_str(&said).map_err(|error| error.to_string())
}

/// How the line names a hook of a unit.
fn who(unit: &str) -> String {
    let path = std::env::var("JUJU_DISPATCH_PATH").unwrap_or_default();
    match path.rsplit('/').next() {
        Some(hook) if !hook.is_empty() => format!("{}, {hook}", wanted::who(unit)),
        _ => wanted::who(unit),
    }
}

/// Waits for the turn, and holds it until standard input ends. Returns the exit code.
async fn hold(client: &Client, wish: &Wish, patience: Duration) -> u8 {
    let mut end = pin!(input_ends());
    // Whatever ends the wait, what was begun in etcd is taken back by this number.
    let lease = Cell::new(None);
    let code = tokio::select! {
        // A turn that has come counts, however late it is; but not for a hook that is dead.
        biased;
        () = &mut end => 0,
        turn = stand(client, wish, &lease) => return keep(turn, end).await,
        () = sleep(patience) => TIMED_OUT,
    };
    if let Some(lease) = lease.get() {
        let _ = timeout(PATIENCE, client.take_back(lease)).await;
    }
    code
}

/// Stands in line until its turn has come, whatever is in the way.
async fn stand(client: &Client, wish: &Wish, lease: &Cell<Option<i64>>) -> Turn {
    // A place that is there already: its lease and its token.
    let mut place = None;
    loop {
        let error = match place_in_line(client, wish, lease, place).await {
            Ok(mut request) => {
                let token = request.token();
                match wait(client, wish, &mut request).await {
                    Ok(()) => return request.begin(),
                    Err(WaitError::Etcd(error)) => {
                        place = lease.get().map(|lease| (lease, token));
                        error
                    }
                    Err(_) => {
                        place = None;
                        continue;
                    }
                }
            }
            Err(error) => error,
        };
        trouble(&error);
        if let Some(lease) = lease.get().filter(|_| place.is_none()) {
            // It may have arrived, and would stand in the way of the next attempt.
            let _ = timeout(PAUSE, client.take_back(lease)).await;
        }
        sleep(PAUSE).await;
    }
}

async fn place_in_line(
    client: &Client,
    wish: &Wish,
    lease: &Cell<Option<i64>>,
    place: Option<(i64, i64)>,
) -> Result<Request, Error> {
    if let Some((own, token)) = place
        && let Some(request) = Request::resume(client, wish.clone(), own, token).await?
    {
        return Ok(request);
    }
    let number = Lease::draw();
    lease.set(Some(number));
    Request::join(client, wish.clone(), number).await
}

/// Waits for the turn, and tells now and then who is ahead.
async fn wait(client: &Client, wish: &Wish, request: &mut Request) -> Result<(), WaitError> {
    let token = request.token();
    let mut turn = pin!(request.wait(trouble));
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            done = &mut turn => return done,
            () = sleep(pause) => match wanted::ahead(client, wish, token).await {
                Ok(Some(words)) => say(&json!({ "waits": words })),
                Ok(None) => {}
                Err(error) => trouble(&error),
            },
        }
        pause = wish.ttl;
    }
}

/// Has the turn until standard input ends, or the turn does.
async fn keep(turn: Turn, mut end: std::pin::Pin<&mut impl Future<Output = ()>>) -> u8 {
    let (token, ttl) = (turn.token(), turn.ttl());
    let kept = {
        let mut told = pin!(super::tell(&turn));
        loop {
            if let Validity::Until(moment) = turn.validity() {
                let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
                say(&json!({ "token": token, "until": moment.as_millis(), "ttl": ttl }));
            }
            tokio::select! {
                () = &mut end => break true,
                () = turn.gone() => break false,
                () = &mut told => {}
                () = sleep(ttl / NOTES) => {}
            }
        }
    };
    if !kept {
        return LOST;
    }
    // A lease that was not renewed ends by itself, and soon.
    let left = match turn.validity() {
        Validity::Until(moment) => moment.as_millis().saturating_sub(Moment::now().as_millis()),
        Validity::Gone { .. } => 0,
    };
    let patience = PATIENCE.min(Duration::from_millis(left));
    let _ = timeout(patience, turn.release()).await;
    0
}

/// Returns when standard input has ended.
async fn input_ends() {
    let (told, ended): (_, Receiver<()>) = channel();
    let reader = thread::Builder::new().spawn(move || {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        let _ = told.send(());
    });
    // Without a thread nobody would see the hook's end: as if it had come.
    if reader.is_ok() {
        let _ = ended.await;
    }
}

fn trouble(error: &Error) {
    say(&json!({ "trouble": error.to_string() }));
}

/// Says a line, if there is room for it: the next one says it again.
fn say(line: &Value) {
    let _ = rustix::io::write(io::stdout(), format!("{line}\n").as_bytes());
}
