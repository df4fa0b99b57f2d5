//! `ops-coordinator pause`: an operator lets nothing start.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Instruction, LockName};

use super::coordination::CoordinationArgs;
use super::{CommandError, instruct};

/// The reason if an operator gives none.
pub(crate) const NO_REASON: &str = "by an operator";

/// Let nothing start any more, until `resume`; on the leader only.
///
/// What runs is not interrupted; an operation that was cut off waits as well. Units respect the pause from the hook in
/// which they read it. Requests still join the line. A second `pause` replaces the reason.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Examples:
  juju exec --unit app/leader -- ./ops-coordinator pause restart
  juju exec --unit app/leader -- ./ops-coordinator pause restart --reason 'until the backup has ended'",
    instruct::EXIT_CODES))]
pub(crate) struct PauseArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// Why, for everybody who looks
    #[arg(long, value_name = "TEXT", default_value = NO_REASON)]
    reason: String,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: PauseArgs) -> Result<ExitCode, CommandError> {
    let pause = Instruction::Pause {
        reason: args.reason,
    };
    instruct::run(&args.coordination, &args.lock, &pause)
}
