//! `ops-coordinator status`: who waits for whom and why.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::{Hook, Status};

use super::CommandError;
use super::coordination::CoordinationArgs;
use super::format::Format;
use crate::output::say;

/// Show who waits for whom and why, as this unit sees it.
///
/// Outside a hook, run it through Juju: `juju exec --unit app/0 -- ./ops-coordinator status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ops-coordinator status
  ops-coordinator status --format json
  ops-coordinator status --line      # restart: 2nd in line, behind app/3")]
#[cfg_attr(
    feature = "etcd",
    command(after_help = "Examples:
  ops-coordinator status
  ops-coordinator status --format json
  ops-coordinator status --line      # restart: 2nd in line, behind app/3
  ops-coordinator status --etcd 10.0.0.1,10.0.0.2,10.0.0.3      # the locks of `ops-coordinator lock`")
)]
pub(crate) struct StatusArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Say in one line what this unit waits for, and nothing if it waits for nothing. In a hook that has called `run`,
    /// this calls no hook tool
    #[arg(long, conflicts_with = "format")]
    line: bool,
    #[command(flatten)]
    coordination: CoordinationArgs,
    #[cfg(feature = "etcd")]
    #[command(flatten)]
    etcd: super::etcd::status::EtcdStatusArgs,
}

pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode, CommandError> {
    #[cfg(feature = "etcd")]
    if let Some(shown) = args.etcd.run(args.format) {
        return shown;
    }
    if args.line {
        let summary = args.coordination.in_hook(|hook| Ok(hook.summary()?))?;
        summary.iter().for_each(say);
        return Ok(ExitCode::SUCCESS);
    }
    let text = args.coordination.in_hook(|hook| text(hook, args.format))?;
    say(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// Where all requests stand.
pub(crate) fn text(hook: &mut Hook, format: Format) -> Result<String, CommandError> {
    format.show(&hook.status()?, Status::table)
}
