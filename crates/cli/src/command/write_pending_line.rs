//! `ops-coordinator write-pending-line`: the visit that writes a line left pending by a long hook.

use std::process::ExitCode;
use std::rc::Rc;

use clap::Args;
use ops_coordinator_juju::{Environment, Exec, write_pending_line};

use super::CommandError;
use super::coordination::{CoordinationArgs, machine};
use crate::output::say;

/// Write the line that a long hook left pending. A waker runs this in a separate context.
#[derive(Debug, Args)]
pub(crate) struct WritePendingLineArgs {
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &WritePendingLineArgs) -> Result<ExitCode, CommandError> {
    let environment = Environment::from_process()?;
    let machine = Rc::new(machine(&environment));
    let endpoint = args.coordination.endpoint();
    if write_pending_line(&environment, Rc::new(Exec), machine, endpoint)? {
        say("wrote the line");
    }
    Ok(ExitCode::SUCCESS)
}
