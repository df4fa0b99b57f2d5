//! `ops-coordinator wake`: the detached process that brings what no event of Juju brings.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Errand, run_waker};

use super::CommandError;
use super::coordination::executable;

/// Bring another hook in a few seconds, unless one comes before; or have a line written at once.
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
    /// What for: hook or line
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
