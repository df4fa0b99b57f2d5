//! The waker: a tiny detached process that brings another hook where Juju may send none.
//!
//! It waits some seconds and then looks whether any hook has come since; if so it was not needed. Else
//! it runs the charm's `update-status` through `juju-exec` (`juju-run` before Juju 3).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Error;
use crate::hook::SESSION;
use crate::session::Session;

/// How long the waker waits for a hook to come of itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the woken unit runs: whatever it would run for `update-status`, in the charm's directory.
const HOOK: &str = "export JUJU_DISPATCH_PATH=hooks/update-status JUJU_HOOK_NAME=update-status; \
    if [ -x ./dispatch ]; then exec ./dispatch; elif [ -x ./hooks/update-status ]; \
    then exec ./hooks/update-status; fi";

/// The command that starts a waker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waker {
    command: Vec<OsString>,
}

impl Waker {
    /// A waker that this command starts. The state directory and the context are appended to its
    /// arguments; it must end up in [`run_waker`].
    pub fn new(command: Vec<OsString>) -> Self {
        Self { command }
    }

    /// No waker: what waits for one waits for the next `update-status`.
    pub fn none() -> Self {
        Self {
            command: Vec::new(),
        }
    }

    pub(crate) fn start(&self, state: &Path, context: &str) -> io::Result<()> {
        let Some((program, args)) = self.command.split_first() else {
            return Ok(());
        };
        Command::new(program)
            .args(args)
            .arg(state)
            .arg(context)
            // juju-exec refuses to run where it believes itself inside a hook.
            .env_remove("JUJU_CONTEXT_ID")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(drop)
    }
}

/// Runs a waker, in a process of its own.
///
/// # Errors
/// [`Error::State`] where the hook cannot be run.
pub fn run_waker(state: &Path, context: &str, unit: &str) -> Result<(), Error> {
    // The waker must outlive the hook's process group. It fails where the process leads a group of its
    // own already, which serves as well.
    let _ = rustix::process::setsid();
    std::thread::sleep(PATIENCE);
    if !still_needed(state, context) {
        return Ok(());
    }
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for program in ["juju-exec", "juju-run"] {
        match Command::new(program)
            .args(["-u", unit, HOOK])
            .stdin(Stdio::null())
            .status()
        {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(Error::State {
        path: "juju-exec".into(),
        source: last,
    })
}

/// Whether no other hook has come since the one that asked for the waker.
fn still_needed(state: &Path, context: &str) -> bool {
    let session = fs::read(state.join(SESSION)).ok();
    let session = session.and_then(|text| serde_json::from_slice::<Session>(&text).ok());
    session.is_none_or(|session| session.context == context)
}
