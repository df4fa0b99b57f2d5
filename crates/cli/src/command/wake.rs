//! `ops-coordinator wake`: the detached process that brings another hook where none comes of itself.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::run_waker;

use super::CommandError;

/// Bring another hook in a few seconds, unless one comes of itself.
#[derive(Debug, Args)]
pub(crate) struct WakeArgs {
    /// The unit to wake
    unit: String,
    /// Where the unit keeps its state
    state: PathBuf,
    /// The hook that asks
    context: String,
}

pub(crate) fn run(args: &WakeArgs) -> Result<ExitCode, CommandError> {
    run_waker(&args.state, &args.context, &args.unit)?;
    Ok(ExitCode::SUCCESS)
}
