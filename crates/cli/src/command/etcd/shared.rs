//! The operation of `run` while its unit holds a shared lock.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

use ops_coordinator_etcd::Moment;
use ops_coordinator_juju::{Hook, LockName, SharedTurn};
use rustix::process::{Pid, Signal};

use super::guard::Guard;
use super::operation::send;
use crate::output::complain;

/// How often it looks whether the operation has ended.
const GLANCE: Duration = Duration::from_millis(10);
/// After how many of these it looks whether the lock is still held.
const LOOK: u32 = 10;

/// How an operation ended.
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped, because the lock was lost.
    Stopped,
}

/// Runs the operation, and stops it before the lock can be somebody else's. `begun` is told its process.
///
/// # Errors
/// When it cannot be run.
pub(crate) fn supervise(
    hook: &mut Hook,
    lock: &LockName,
    turn: SharedTurn,
    mut command: Command,
    begun: impl FnOnce(&mut Hook, u32),
) -> io::Result<Ended> {
    // If this process is killed, nobody is left who would stop the operation in time.
    let guard = Guard::start().map_err(|error| io::Error::other(error.to_string()))?;
    if guard.group {
        command.process_group(0);
    }
    let mut child = command
        .env("OPS_COORDINATOR_TOKEN", turn.token.to_string())
        .spawn()?;
    let pid = Pid::from_child(&child);
    guard.watch(pid);
    begun(hook, child.id());
    let ended = watch_over(hook, lock, turn, &mut child, pid, guard.group);
    guard.dismiss();
    ended
}

fn watch_over(
    hook: &mut Hook,
    lock: &LockName,
    mut turn: SharedTurn,
    child: &mut Child,
    pid: Pid,
    leads: bool,
) -> io::Result<Ended> {
    loop {
        for _ in 0..LOOK {
            if let Some(status) = child.try_wait()? {
                return Ok(Ended::Exited(status));
            }
            sleep(GLANCE);
        }
        // What cannot be read is as good as lost.
        let now = hook.shared_turn(lock).ok().flatten();
        match turn.goes_on(now) {
            Ok(now) => turn = now,
            Err(left) => {
                complain(format!(
                    "{lock}: the shared lock was lost; stopping the operation"
                ));
                return stop(child, pid, leads, left);
            }
        }
    }
}

/// Asks the operation to end, and ends it when its time is up.
fn stop(child: &mut Child, pid: Pid, leads: bool, left: Duration) -> io::Result<Ended> {
    let over = Moment::now().after(left);
    send(pid, leads, Signal::TERM);
    while child.try_wait()?.is_none() {
        if over.has_passed() {
            send(pid, leads, Signal::KILL);
            child.wait()?;
        }
        sleep(GLANCE);
    }
    if leads {
        // What it has left behind holds no lock either.
        send(pid, leads, Signal::KILL);
    }
    Ok(Ended::Stopped)
}
