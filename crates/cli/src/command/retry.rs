//! `ops-coordinator retry`: an operator lets a stopped unit try again.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Instruction, LockName, UnitName};

use super::coordination::CoordinationArgs;
use super::{CommandError, instruct};

/// Let a unit try its failed operation once more; on the leader only.
///
/// This is for an operation that failed under `run --on-failure stop`. The unit runs it in its next hook. If that
/// attempt fails too, it stops again.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Example:
  juju exec --unit app/leader -- ./ops-coordinator retry restart app/2",
    instruct::EXIT_CODES))]
pub(crate) struct RetryArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// The unit that has stopped
    #[arg(value_name = "UNIT")]
    unit: UnitName,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: RetryArgs) -> Result<ExitCode, CommandError> {
    let retry = Instruction::Retry(args.unit);
    instruct::run(&args.coordination, &args.lock, &retry)
}
