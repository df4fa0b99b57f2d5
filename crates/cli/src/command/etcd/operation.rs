//! The command that runs while the lock is held.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use ops_coordinator_etcd::{Turn, Validity};
use ops_coordinator_excerpt::path;
use ops_coordinator_juju::LockName;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::time::timeout;

use super::guard::Guard;
use super::tell;
use crate::command::CommandError;
use crate::output::complain;

/// "Remote error in protocol" in sysexits.h: the lock was lost.
pub(super) const LOST: u8 = 76;
/// That etcd has ended a lease that it had promised for longer.
const EARLY: &str = "etcd has ended the lease before its time, or an operator has";
/// What of a lease is left for the command to end in: a third.
const GRACE: u32 = 3;

/// How long a lease that was not renewed is tried to be given back.
const BRIEF: Duration = Duration::from_secs(1);

/// The signals that are passed on, and the last one that came.
pub(super) struct Signals {
    streams: [(Signal, Stream); 6],
    pub(super) last: Option<i32>,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, CommandError> {
        let listen = |kind: SignalKind| signal(kind).map_err(CommandError::failed);
        let streams = [
            (Signal::HUP, listen(SignalKind::hangup())?),
            (Signal::INT, listen(SignalKind::interrupt())?),
            (Signal::QUIT, listen(SignalKind::quit())?),
            (Signal::TERM, listen(SignalKind::terminate())?),
            (Signal::USR1, listen(SignalKind::user_defined1())?),
            (Signal::USR2, listen(SignalKind::user_defined2())?),
        ];
        Ok(Self {
            streams,
            last: None,
        })
    }

    async fn next(&mut self) -> Signal {
        let [hup, int, quit, term, usr1, usr2] = &mut self.streams;
        let signal = tokio::select! {
            _ = hup.1.recv() => hup.0,
            _ = int.1.recv() => int.0,
            _ = quit.1.recv() => quit.0,
            _ = term.1.recv() => term.0,
            _ = usr1.1.recv() => usr1.0,
            _ = usr2.1.recv() => usr2.0,
        };
        self.last = Some(signal.as_raw());
        signal
    }

    /// Waits for a signal that ends this process while no command runs: any of them.
    pub(super) async fn end(&mut self) {
        self.next().await;
    }
}

/// Runs the command, and gives the lock back.
pub(super) async fn run(
    turn: Turn,
    lock: &LockName,
    command: &[OsString],
    guard: &Guard,
    signals: &mut Signals,
) -> Result<ExitCode, CommandError> {
    let result = supervise(&turn, lock, command, guard, signals).await;
    let seconds = turn.ttl().as_secs();
    // What is lost needs no patience: its lease has ended, or does so by itself.
    let patience = if matches!(result, Ok(None)) {
        BRIEF
    } else {
        Duration::MAX
    };
    let kept = match timeout(patience, turn.release()).await {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            complain(format!(
                "{lock}: {error}; the lock is free when its lease ends, in {seconds} s at the latest"
            ));
            true
        }
        Err(_) => false,
    };
    let code = result?;
    match code {
        Some(_) if !kept => Err(lost(lock, "the command ended after that")),
        Some(code) => Ok(code.into()),
        None => Err(lost(lock, "the command was stopped")),
    }
}

fn lost(lock: &LockName, what: &str) -> CommandError {
    let lost = format!("{lock}: the lock was lost while the command ran; {what}");
    CommandError::with_code(LOST, lost).hint(Some(
        "somebody else may have had the lock meanwhile. A longer --ttl rides out longer gaps",
    ))
}

/// The command's exit code; `None` if it was stopped because the lock was lost.
async fn supervise(
    turn: &Turn,
    lock: &LockName,
    command: &[OsString],
    guard: &Guard,
    signals: &mut Signals,
) -> Result<Option<u8>, CommandError> {
    let mut operation = Operation::start(turn, lock, command, guard.group)?;
    if let Some(pid) = operation.pid {
        guard.watch(pid);
    }
    operation.watch_over(turn, lock, signals).await
}

/// The command's process.
struct Operation {
    child: Child,
    pid: Option<Pid>,
    /// Whether it leads a process group.
    leads: bool,
}

impl Operation {
    fn start(
        turn: &Turn,
        lock: &LockName,
        command: &[OsString],
        leads: bool,
    ) -> Result<Self, CommandError> {
        let (program, rest) = command
            .split_first()
            .ok_or_else(|| CommandError::usage("no command"))?;
        let mut made = Command::new(program);
        made.args(rest)
            .env("OPS_COORDINATOR_LOCK", lock.as_str())
            .env("OPS_COORDINATOR_TOKEN", turn.token().to_string());
        if leads {
            made.process_group(0);
        }
        let child = made.spawn().map_err(|error| {
            let code = match error.kind() {
                io::ErrorKind::NotFound => 127,
                _ => 126,
            };
            let program = path(program.as_ref());
            CommandError::with_code(code, format!("cannot run {program}: {error}"))
        })?;
        let raw = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            pid: raw.and_then(Pid::from_raw),
            child,
            leads,
        })
    }

    /// Waits for its end, or ends it when the lock is lost: then `None`, else its exit code.
    async fn watch_over(
        &mut self,
        turn: &Turn,
        lock: &LockName,
        signals: &mut Signals,
    ) -> Result<Option<u8>, CommandError> {
        let grace = turn.ttl() / GRACE;
        // What the others wait for must not keep this command from starting, nor its end from being seen.
        let mut told = std::pin::pin!(tell(turn));
        loop {
            tokio::select! {
                ended = self.child.wait() => {
                    return ended.map(|status| Some(code(status))).map_err(CommandError::failed);
                }
                signal = signals.next() => self.pass_on(signal),
                () = &mut told => {}
                () = turn.nearly_over(grace) => break,
            }
        }
        let why = match turn.validity() {
            Validity::Gone { early: true } => EARLY,
            Validity::Gone { early: false } => "its lease has ended",
            Validity::Until(_) => "its lease cannot be renewed",
        };
        complain(format!("{lock}: {why}; stopping the command"));
        self.signal(Signal::TERM);
        if timeout(grace, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = self.child.wait().await;
        } else if self.leads {
            // What it has left behind holds no lock either.
            self.signal(Signal::KILL);
        }
        Ok(None)
    }

    /// Passes on what came from outside.
    fn pass_on(&self, signal: Signal) {
        let from_keyboard = signal == Signal::INT || signal == Signal::QUIT;
        if self.leads || !from_keyboard {
            self.signal(signal);
        }
    }

    /// To the command and, if it has a group of its own, to what it has started.
    fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid else {
            return;
        };
        send(pid, self.leads, signal);
    }
}

/// To a process or its group. It may have ended.
pub(super) fn send(pid: Pid, group: bool, signal: Signal) {
    let _ = match group {
        true => kill_process_group(pid, signal),
        false => kill_process(pid, signal),
    };
}

fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code).unwrap_or(1)
}
