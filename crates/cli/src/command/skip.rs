//! `ops-coordinator skip`: an operator lets the line go on without a unit.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Instruction, LockName, UnitName};

use super::coordination::CoordinationArgs;
use super::{CommandError, instruct};

/// Go on without a unit's request, whether it waits or has failed; on the leader only.
///
/// The unit ends its request itself in its next hook, with the outcome `skipped`, and keeps its place until then, so
/// nothing starts beside an operation that is still running. For a unit that can no longer respond there is
/// `cancel --force`.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Example:
  juju exec --unit app/leader -- ./ops-coordinator skip restart app/2",
    instruct::EXIT_CODES))]
pub(crate) struct SkipArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// The unit to go on without
    #[arg(value_name = "UNIT")]
    unit: UnitName,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: SkipArgs) -> Result<ExitCode, CommandError> {
    let skip = Instruction::Skip(args.unit);
    instruct::run(&args.coordination, &args.lock, &skip)
}
