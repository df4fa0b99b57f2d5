//! The waker: a tiny detached process for work that no Juju event triggers.
//!
//! To run another hook, it waits until the current one has ended, and then a few seconds more. If another hook has run
//! by then, the waker is not needed. Otherwise it runs the charm's `update-status` through `juju-exec` (`juju-run` before
//! Juju 3). Juju does not retry that run if it fails; the waker does. For a line that a long hook left pending, it
//! runs a visit at once, without the charm's code.
//!
//! It dies with the machine, the pod, and sometimes the agent; then `update-status` does its work.

mod command;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ops_coordinator_core::engine::Session;
use ops_coordinator_core::{Waker, WakerStep};

pub use command::WakerCommand;
pub(crate) use command::detached;

use crate::state::{PENDING, SESSION};
use crate::{Errand, Error, ToolError};

/// What the woken unit runs: whatever it would run for `update-status`, in the charm's directory. If there is
/// nothing to run, that is a failure: the work is not done, and another hook is needed.
const HOOK: &str = "export JUJU_DISPATCH_PATH=hooks/update-status JUJU_HOOK_NAME=update-status; \
    if [ -x ./dispatch ]; then exec ./dispatch; elif [ -x ./hooks/update-status ]; \
    then exec ./hooks/update-status; else juju-log --log-level WARNING -- 'ops-coordinator: \
    cannot wake this unit: the charm has neither dispatch nor hooks/update-status; add one'; exit 3; fi";

/// Runs a waker, in a separate process. `visit` is the command of a visit that ends up in
/// [`crate::write_pending_line`].
///
/// # Errors
/// [`Error::Tool`] if there is neither `juju-exec` nor `juju-run`.
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
    let mut waker = Waker::new(errand, context);
    let done = loop {
        match waker.poll() {
            WakerStep::AwaitHookEnd => {
                // A command returns when the hook that runs has ended.
                let _ = execute(unit, "true");
                waker.handle_wait();
            }
            WakerStep::Sleep(time) => {
                std::thread::sleep(Duration::from_millis(time));
                waker.handle_wait();
            }
            WakerStep::Look => {
                let line_waits = state.join(PENDING).exists();
                waker.handle_look(last_context(&state).as_deref(), line_waits);
            }
            WakerStep::Run => {
                let command = match errand {
                    Errand::Line => shell_command(visit),
                    _ => HOOK.into(),
                };
                match execute(unit, command) {
                    Ok(success) => waker.handle_run(success, last_context(&state).as_deref()),
                    Err(error) => break Err(error),
                }
            }
            WakerStep::End => break Ok(()),
        }
    };
    done.map_err(|error| {
        let failed = ToolError {
            tool: "juju-exec".to_owned(),
            args: Vec::new(),
            code: None,
            stderr: format!("it could not be run: {error}"),
        };
        failed.into()
    })
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

/// The context of the most recent hook.
fn last_context(state: &Path) -> Option<String> {
    let text = fs::read(state.join(SESSION)).ok()?;
    let session: Session = serde_json::from_slice(&text).ok()?;
    Some(session.context().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
