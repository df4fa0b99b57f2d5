//! `ops-coordinator begin`: the start of a hook.

use std::process::ExitCode;

use clap::Args;

use super::CommandError;
use super::coordination::CoordinationArgs;

/// Begin a hook: read whose turn it is. Call it first in every hook.
///
/// It asks whether this unit leads and reads the line, once for the whole hook; the other commands use the
/// result. A hook that calls no other command costs nothing more.
#[derive(Debug, Args)]
#[command(after_help = "Example, the first line of a hook:
  ops-coordinator begin")]
pub(crate) struct BeginArgs {
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &BeginArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|_| Ok(ExitCode::SUCCESS))
}
