//! The command that starts a waker.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Errand;

/// The command that starts a waker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakerCommand {
    command: Vec<OsString>,
}

impl WakerCommand {
    /// A waker that this command starts. The state directory, the endpoint, the context, and the errand
    /// (`hook`, `line` or `later-MILLISECONDS`) are appended to its arguments; it must end up in [`run_waker`](crate::run_waker).
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
        detached(program)
            .args(args)
            .arg(state)
            .args([endpoint, context, &errand.to_string()])
            .spawn()
            .map(drop)
    }
}

/// A process that outlives its hook, and hears and says nothing.
pub(crate) fn detached(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    // juju-exec refuses to run where it believes itself inside a hook.
    command
        .env_remove("JUJU_CONTEXT_ID")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
