//! `ops-coordinator pass`: a unit needs no turn in a campaign.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::LockName;

use super::CommandError;
use super::coordination::CoordinationArgs;
use crate::output::say;

/// Pass in the campaign that calls this unit: it needs no turn.
///
/// Nobody else decides that for a unit. It may pass before the leader has invited it, and then takes no place in the line.
/// A request of the unit's own is not touched (see `withdraw`), nor is an operation that has begun.
#[derive(Debug, Args)]
#[command(after_help = "Example, before `run`:
  [ certificate -nt config ] || ops-coordinator pass restart --reason 'has the new certificate'")]
pub(crate) struct PassArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// Why, for everybody who looks
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &PassArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|hook| {
        let passed = hook.pass(&args.lock, args.reason.as_deref())?;
        let how = if passed {
            "passed"
        } else {
            "no campaign calls this unit"
        };
        say(format!("{}: {how}", args.lock));
        Ok(ExitCode::SUCCESS)
    })
}
