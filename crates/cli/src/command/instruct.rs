//! What the operator's commands share: they tell the leader, and say what came of it.

use std::process::ExitCode;

use ops_coordinator_juju::{Hook, Instruction, LockName};

use super::CommandError;
use super::coordination::{CoordinationArgs, declared};
use crate::output::say;

/// The exit codes of such a command, for its help.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  done, or it was so already
  1  not done; the message says why
  2  usage error";

/// Carries out an instruction and says what came of it.
pub(crate) fn run(
    coordination: &CoordinationArgs,
    lock: &LockName,
    instruction: &Instruction,
) -> Result<ExitCode, CommandError> {
    coordination.in_hook(|hook| {
        say(tell(hook, lock, instruction)?);
        Ok(ExitCode::SUCCESS)
    })
}

/// What came of an instruction, in a line.
pub(crate) fn tell(
    hook: &mut Hook,
    lock: &LockName,
    instruction: &Instruction,
) -> Result<String, CommandError> {
    // Any other instruction may be about a lock that the charm does not declare any more.
    if matches!(instruction, Instruction::Pause { .. }) {
        declared(hook, lock)?;
    }
    Ok(format!("{lock}: {}", hook.instruct(lock, instruction)?))
}
