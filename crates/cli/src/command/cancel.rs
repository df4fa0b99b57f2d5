//! `ops-coordinator cancel`: an operator ends another unit's request.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::excerpt;
use ops_coordinator_juju::{LockName, Order, UnitName};

use super::CommandError;
use super::coordination::CoordinationArgs;
use crate::output::say;

/// Cancel a unit's request, so that the units behind it can proceed; on the leader only.
///
/// The unit ends its request itself in its next hook, and keeps its place until then, so nothing starts beside an
/// operation that is still running. If the unit can no longer respond, use `--force`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  cancelled, or there was nothing to cancel
  1  not cancelled
  2  usage error

Examples:
  juju exec --unit app/leader -- ./ops-coordinator cancel restart app/2
  juju exec --unit app/leader -- ./ops-coordinator cancel restart app/2 --force")]
pub(crate) struct CancelArgs {
    /// The requested lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// The unit whose request to cancel
    #[arg(value_name = "UNIT")]
    unit: UnitName,
    /// Remove the entry without waiting for the unit. If its operation is still running, the next one starts beside
    /// it: use this only for a machine that is gone
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &CancelArgs) -> Result<ExitCode, CommandError> {
    let (lock, unit) = (&args.lock, &args.unit);
    args.coordination.in_hook(|hook| {
        let Some(ticket) = hook.ticket_of(lock, unit)? else {
            let unit = unit.to_string();
            say(format!("{lock}: {} has nothing to cancel", excerpt(&unit)));
            return Ok(ExitCode::SUCCESS);
        };
        let name = ticket.to_string();
        let order = if args.force {
            Order::Force(lock.clone(), ticket)
        } else {
            Order::Cancel(lock.clone(), ticket)
        };
        let done = if hook.carry_out_orders(&[order])? {
            "cancelled"
        } else {
            "already cancelled"
        };
        let until = if args.force {
            "; its entry was removed from the line"
        } else {
            "; it keeps its place until the unit's next hook"
        };
        say(format!("{lock}: {name} {done}{until}"));
        Ok(ExitCode::SUCCESS)
    })
}
