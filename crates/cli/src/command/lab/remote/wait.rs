//! `lab wait`: until a running lab has nothing left to do.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_lab::scenario::parse_duration;

use super::{WhichArgs, failed};
use crate::command::CommandError;
use crate::command::lab::PATIENCE;
use crate::output::say;

/// Wait until nothing is left to do in a running lab, and no unit waits for a turn.
///
/// A unit whose request is not served while nothing else happens gets 12 s, because a process that a hook left running
/// may still trigger the next hook.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  nothing is left to do
  1  units wait for a turn and nothing happens, time ran out, or no lab is running
  2  usage error

Examples:
  ops-coordinator lab wait
  ops-coordinator lab wait --waiting-allowed --timeout 5m")]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Units may wait for a turn, for example because the roll has stopped
    #[arg(long)]
    waiting_allowed: bool,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    timeout: u64,
}

/// Runs `lab wait`.
pub(crate) fn run(args: &WaitArgs) -> Result<ExitCode, CommandError> {
    let patience = match args.waiting_allowed {
        true => 0,
        false => PATIENCE.min(args.timeout),
    };
    let lab = args.which.find()?;
    let unserved = lab.rest(patience, args.timeout).map_err(failed)?;
    for problem in &unserved {
        say(problem);
    }
    match unserved.is_empty() || args.waiting_allowed {
        true => Ok(ExitCode::SUCCESS),
        false => Err(CommandError::failed(
            "nothing is left to do, but units wait for a turn",
        )),
    }
}
