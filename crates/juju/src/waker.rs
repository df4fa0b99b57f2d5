//! The waker: a tiny detached process for work that no Juju event triggers.
//!
//! To run another hook, it waits until the current one has ended, then a few seconds more. If another hook has run
//! meanwhile, it is not needed. Otherwise it runs the charm's `update-status` through `juju-exec` (`juju-run` before
//! Juju 3). Juju does not retry that run if it fails; the waker does. For a line that a long hook left pending, it
//! runs a visit at once, without the charm's code.
//!
//! It dies with the machine, the pod, and sometimes the agent; then `update-status` does its work.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::session::Session;
use crate::state::{PENDING, SESSION};
use crate::{Errand, Error};

/// How long the waker waits for another hook.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it tries: it doubles the wait each time, until `update-status` is due anyway.
const TRIES: u32 = 6;

/// What the woken unit runs: whatever it would run for `update-status`, in the charm's directory. If there is nothing
/// to run, that is a failure: the work is not done, and another hook is needed.
const HOOK: &str = "export JUJU_DISPATCH_PATH=hooks/update-status JUJU_HOOK_NAME=update-status; \
    if [ -x ./dispatch ]; then exec ./dispatch; elif [ -x ./hooks/update-status ]; \
    then exec ./hooks/update-status; else juju-log --log-level WARNING -- 'ops-coordinator: \
    cannot wake this unit: the charm has neither dispatch nor hooks/update-status; add one'; exit 3; fi";

/// The command that starts a waker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waker {
    command: Vec<OsString>,
}

impl Waker {
    /// A waker that this command starts. The state directory, the endpoint, the context, and the errand
    /// (`hook` or `line`) are appended to its arguments; it must end up in [`run_waker`].
    pub fn new(command: Vec<OsString>) -> Self {
        Self { command }
    }

    /// No waker: pending work waits for the next `update-status`.
    pub fn none() -> Self {
        Self {
            command: Vec::new(),
        }
    }

    pub(crate) fn start(
        &self,
        state: &Path,
        endpoint: &str,
        context: &str,
        errand: Errand,
    ) -> io::Result<()> {
        let Some((program, args)) = self.command.split_first() else {
            return Ok(());
        };
        Command::new(program)
            .args(args)
            .arg(state)
            .args([endpoint, context, errand.as_str()])
            // juju-exec refuses to run where it believes itself inside a hook.
            .env_remove("JUJU_CONTEXT_ID")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(drop)
    }
}

/// Runs a waker, in a separate process. `visit` is the command of a visit that ends up in
/// [`crate::write_pending_line`].
///
/// # Errors
/// [`Error::State`] if nothing can be run.
pub fn run_waker(
    state: &Path,
    endpoint: &str,
    context: &str,
    errand: Errand,
    unit: &str,
    visit: &[OsString],
) -> Result<(), Error> {
    // The waker must outlive the hook's process group. It fails where the process leads a group of its
    // own already, which serves as well.
    let _ = rustix::process::setsid();
    let state = state.join(endpoint);
    let done = match errand {
        Errand::Hook => {
            // Juju runs commands before hooks. One that waits while the hook is still running would come before the
            // news for which the unit waits, again and again. This returns when the hook has ended.
            let _ = execute(unit, "true");
            wake(&state, context, std::thread::sleep, || execute(unit, HOOK))
        }
        Errand::Line => {
            let command = shell_command(visit);
            publish(&state, std::thread::sleep, || execute(unit, &command))
        }
    };
    done.map_err(|source| Error::State {
        path: "juju-exec".into(),
        source,
    })
}

/// Runs the visit until it has succeeded or has nothing left to do.
fn publish(
    state: &Path,
    mut sleep: impl FnMut(Duration),
    mut run: impl FnMut() -> io::Result<bool>,
) -> io::Result<()> {
    for tried in 0..TRIES {
        if !state.join(PENDING).exists() || run()? {
            return Ok(());
        }
        sleep(PATIENCE * 2_u32.pow(tried));
    }
    Ok(())
}

/// Quotes words as one shell command.
fn shell_command(words: &[OsString]) -> OsString {
    let mut command = OsString::from("exec");
    for word in words {
        let quoted = word.as_bytes().split(|byte| *byte == b'\'');
        let quoted: Vec<u8> = quoted.collect::<Vec<_>>().join(&b"'\\''"[..]);
        command.push(" '");
        command.push(OsStr::from_bytes(&quoted));
        command.push("'");
    }
    command
}

/// Runs a hook once no other has run for a while. Juju does not retry it on failure as it retries its own hooks, and
/// an operation may have failed in it, or its commit been refused. So this function retries it.
fn wake(
    state: &Path,
    context: &str,
    mut sleep: impl FnMut(Duration),
    mut run: impl FnMut() -> io::Result<bool>,
) -> io::Result<()> {
    let mut context = Some(context.to_owned());
    for tried in 0..TRIES {
        sleep(PATIENCE * 2_u32.pow(tried));
        if another_hook_came(state, context.as_deref()) || run()? {
            return Ok(());
        }
        context = last_context(state);
    }
    Ok(())
}

/// Runs a command on the unit, in a separate context; false if it fails.
fn execute(unit: &str, command: impl AsRef<OsStr>) -> io::Result<bool> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for program in ["juju-exec", "juju-run"] {
        match Command::new(program)
            .args(["-u", unit])
            .arg(&command)
            .stdin(Stdio::null())
            .status()
        {
            Ok(status) => return Ok(status.success()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether another hook has run since the one of this context.
fn another_hook_came(state: &Path, context: Option<&str>) -> bool {
    last_context(state).is_some_and(|last| Some(last.as_str()) != context)
}

/// The context of the most recent hook.
fn last_context(state: &Path) -> Option<String> {
    let text = fs::read(state.join(SESSION)).ok()?;
    let session: Session = serde_json::from_slice(&text).ok()?;
    Some(session.context)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ops_coordinator_core::Tick;

    use super::*;

    fn hook_comes(state: &Path, context: &str) {
        let session = serde_json::to_vec(&Session::new(context, Tick(0))).unwrap();
        fs::write(state.join(SESSION), session).unwrap();
    }

    /// How often the waker that `asked` started runs a hook which does `work`, and for how long it waits.
    fn woken(asked: &str, before: &str, work: impl Fn(&Path, u32) -> bool) -> (u32, Duration) {
        let directory = tempfile::tempdir().unwrap();
        hook_comes(directory.path(), before);
        let (runs, waited) = (Cell::new(0), Cell::new(Duration::ZERO));
        let sleep = |time| waited.set(waited.get() + time);
        wake(directory.path(), asked, sleep, || {
            runs.set(runs.get() + 1);
            Ok(work(directory.path(), runs.get()))
        })
        .unwrap();
        (runs.get(), waited.get())
    }

    #[test]
    fn a_hook_that_came_of_itself_makes_the_waker_unnecessary() {
        assert_eq!(woken("a", "b", |_, _| true).0, 0);
        assert_eq!(woken("a", "a", |_, _| true), (1, PATIENCE));
    }

    #[test]
    fn a_line_left_behind_is_written_at_once_and_tried_again_while_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let pending = directory.path().join(PENDING);
        let (runs, waited) = (Cell::new(0), Cell::new(Duration::ZERO));
        let run = |written_by: u32| {
            runs.set(0);
            waited.set(Duration::ZERO);
            publish(
                directory.path(),
                |time| waited.set(waited.get() + time),
                || {
                    runs.set(runs.get() + 1);
                    Ok(runs.get() == written_by)
                },
            )
            .unwrap();
            (runs.get(), waited.get())
        };
        assert_eq!(run(1), (0, Duration::ZERO), "nothing is left behind");
        fs::write(&pending, "{}").unwrap();
        assert_eq!(run(1), (1, Duration::ZERO));
        assert_eq!(run(3), (3, PATIENCE * 3));
        assert_eq!(run(99).0, TRIES);
    }

    #[test]
    fn a_command_for_the_shell_keeps_its_words() {
        let words = ["a b", "it's", "$x"].map(OsString::from);
        let command = shell_command(&words);
        assert_eq!(command, r"exec 'a b' 'it'\''s' '$x'");
    }

    #[test]
    fn a_charm_with_nothing_to_run_for_the_waker_is_a_failure() {
        let charm = tempfile::tempdir().unwrap();
        let run = || {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", HOOK]).current_dir(charm.path());
            command.stderr(Stdio::null()).status().unwrap().code()
        };
        assert_eq!(run(), Some(3));
        fs::write(charm.path().join("dispatch"), "#!/bin/sh\nexit 0\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(charm.path().join("dispatch"), mode).unwrap();
        assert_eq!(run(), Some(0));
    }

    #[test]
    fn a_hook_that_fails_is_run_again_until_it_succeeds_or_another_comes() {
        let own = |state: &Path, run| hook_comes(state, &format!("exec-{run}"));
        let third_time = woken("a", "a", |state, run| {
            own(state, run);
            run == 3
        });
        assert_eq!(third_time, (3, PATIENCE * 7));
        let never = woken("a", "a", |state, run| {
            own(state, run);
            false
        });
        assert_eq!(never, (TRIES, PATIENCE * 63));
        let calls = Cell::new(0);
        let directory = tempfile::tempdir().unwrap();
        let sleep = |_| {
            if calls.get() == 1 {
                hook_comes(directory.path(), "another");
            }
        };
        wake(directory.path(), "a", sleep, || {
            own(directory.path(), 1);
            calls.set(calls.get() + 1);
            Ok(false)
        })
        .unwrap();
        assert_eq!(calls.get(), 1);
    }
}
