//! What ends the command of `lock` if `lock` itself is killed.

use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

use clap::Args;
use rustix::process::{Pid, Signal};

use super::operation::send;
use crate::command::CommandError;

/// What tells the guard that there is nothing to end, or nothing any more.
const ALL_WELL: &str = "end";

/// Kills a process when standard input ends after its number, and without a word that all is well.
#[derive(Debug, Args)]
pub(crate) struct GuardArgs {
    /// Whether the command leads a process group, which goes with it
    #[arg(long)]
    group: bool,
}

/// Runs `ops-coordinator guard`.
pub(crate) fn run(args: &GuardArgs) -> ExitCode {
    let mut said = String::new();
    // A failure to read is an end like any other.
    let _ = io::stdin().read_to_string(&mut said);
    if let [process] = said.split_whitespace().collect::<Vec<_>>()[..]
        && let Some(pid) = process.parse().ok().and_then(Pid::from_raw)
    {
        send(pid, args.group, Signal::KILL);
    }
    ExitCode::SUCCESS
}

/// A guard of a command. It strikes if this process ends between [`Guard::watch`] and [`Guard::dismiss`].
pub(super) struct Guard {
    child: Child,
    /// Whether its command is to lead a process group.
    pub(super) group: bool,
}

impl Guard {
    /// Starts one: this same program, which needs nothing but a pipe. Early, so that nobody has to wait for it when the
    /// turn comes.
    ///
    /// # Errors
    /// When the system gives no process.
    pub(super) fn start() -> Result<Self, CommandError> {
        // Where somebody types, the command stays in the terminal's group: it may read, and what the terminal sends
        // reaches it without us.
        let group = !io::stdin().is_terminal();
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("ops-coordinator")
            .arg("guard")
            .args(group.then_some("--group"))
            // What a terminal sends is for the command.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().map_err(CommandError::failed)?;
        Ok(Self { child, group })
    }

    /// The command runs as this process.
    pub(super) fn watch(&self, pid: Pid) {
        self.say(&pid.as_raw_nonzero().to_string());
    }

    /// The command has ended, or never begins.
    pub(super) fn dismiss(self) {
        self.say(ALL_WELL);
    }

    fn say(&self, word: &str) {
        if let Some(mut pipe) = self.child.stdin.as_ref() {
            // If it is gone, nobody can help it.
            let _ = pipe.write_all(format!("{word}\n").as_bytes());
        }
    }
}
