//! `ops-coordinator resume`: an operator ends a pause.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Instruction, LockName};

use super::coordination::CoordinationArgs;
use super::{CommandError, instruct};

/// Let operations start again after `pause`; on the leader only.
#[derive(Debug, Args)]
#[command(after_help = format!("{}

Example:
  juju exec --unit app/leader -- ./ops-coordinator resume restart",
    instruct::EXIT_CODES))]
pub(crate) struct ResumeArgs {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &ResumeArgs) -> Result<ExitCode, CommandError> {
    instruct::run(&args.coordination, &args.lock, &Instruction::Resume)
}
