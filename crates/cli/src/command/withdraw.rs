//! `ops-coordinator withdraw`: a unit takes its request back.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::LockName;

use super::CommandError;
use super::coordination::CoordinationArgs;
use crate::output::say;

/// Withdraw this unit's request; the turn passes to the next unit.
///
/// An operation that is running in this hook is not withdrawn.
#[derive(Debug, Args)]
#[command(after_help = "Example, in the stop hook:
  ops-coordinator withdraw restart")]
pub(crate) struct WithdrawArgs {
    /// The requested lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &WithdrawArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|hook| {
        let withdrawn = hook.withdraw(&args.lock)?;
        let how = if withdrawn {
            "withdrawn"
        } else {
            "nothing to withdraw"
        };
        say(format!("{}: {how}", args.lock));
        Ok(ExitCode::SUCCESS)
    })
}
