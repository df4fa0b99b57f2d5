//! `ops-coordinator wake`: the detached process for work that no Juju event triggers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Errand, run_waker};

use super::CommandError;
use super::coordination::executable;

/// Run another hook in a few seconds, unless one runs first; or write a pending line at once.
#[derive(Debug, Args)]
pub(crate) struct WakeArgs {
    /// The unit to wake
    unit: String,
    /// Where the unit keeps its state
    state: PathBuf,
    /// The peer relation
    endpoint: String,
    /// The hook that asks
    context: String,
    /// What for: hook, line, or later-MILLISECONDS
    errand: Errand,
}

pub(crate) fn run(args: &WakeArgs) -> Result<ExitCode, CommandError> {
    let visit = [
        executable(),
        "write-pending-line".into(),
        "--relation".into(),
        args.endpoint.clone().into(),
    ];
    run_waker(
        &args.state,
        &args.endpoint,
        &args.context,
        args.errand,
        &args.unit,
        &visit,
    )?;
    Ok(ExitCode::SUCCESS)
}
