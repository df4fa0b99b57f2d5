//! `ops-coordinator cancel`: an operator ends another unit's request.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Instruction, LockName, UnitName};

use super::coordination::CoordinationArgs;
use super::{CommandError, instruct};

/// Cancel a unit's request, so that the units behind it can proceed; on the leader only.
///
/// The unit ends its request itself in its next hook, and keeps its place until then, so nothing starts beside an
/// operation that is still running. If the unit can no longer respond, use `--force`.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Examples:
  juju exec --unit app/leader -- ./ops-coordinator cancel restart app/2
  juju exec --unit app/leader -- ./ops-coordinator cancel restart app/2 --force",
    instruct::EXIT_CODES))]
pub(crate) struct CancelArgs {
    /// The requested lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// The unit whose request to cancel
    #[arg(value_name = "UNIT")]
    unit: UnitName,
    /// Remove the entry without waiting for the unit. If its operation is still running, the next one starts beside
    /// it: use this only for a machine that is gone. The line says so until the unit has answered or Juju has forgotten it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: CancelArgs) -> Result<ExitCode, CommandError> {
    let instruction = if args.force {
        Instruction::Force(args.unit)
    } else {
        Instruction::Cancel(args.unit)
    };
    instruct::run(&args.coordination, &args.lock, &instruction)
}
