//! `ops-coordinator request`: a unit asks for its turn.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_core::LockName;
use ops_coordinator_juju::Operation;
use ops_coordinator_juju::service::ServiceName;
use serde_json::Value;

use super::CommandError;
use super::coordination::CoordinationArgs;
use crate::output::say;

/// Ask for this unit's turn.
///
/// A request that still waits serves a second one too: their services are joined, the newer context wins.
/// Before the peer relation is there, the request is kept and published later.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ops-coordinator request restart
  ops-coordinator request restart --service postgresql --service pgbouncer
  ops-coordinator request restart --ctx '{\"generation\": 7}' --operation 'reload config'")]
pub(crate) struct RequestArgs {
    /// What to take turns for: a-z, 0-9, '-', '_', starting with a letter
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// Anything that the operation wants back when its turn has come; at most 16 KiB of JSON
    #[arg(long, value_name = "JSON", value_parser = context)]
    ctx: Option<Value>,
    /// A systemd service to restart; give it again for more, in their order
    #[arg(long, value_name = "NAME", value_parser = str::parse::<ServiceName>, allow_hyphen_values = true)]
    service: Vec<ServiceName>,
    /// What the operation is, in a few words for those who look at the status
    #[arg(long, value_name = "TEXT")]
    operation: Option<String>,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

fn context(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

pub(crate) fn run(args: RequestArgs) -> Result<ExitCode, CommandError> {
    let operation = Operation::new(args.ctx.unwrap_or_default(), args.service)?;
    let given = operation != Operation::default();
    args.coordination.in_hook(|hook| {
        let requested = hook.request(
            &args.lock,
            args.operation.as_deref(),
            given.then_some(operation),
        )?;
        let how = if requested.joined {
            "joined"
        } else {
            "requested"
        };
        let kept = if hook.has_relation() {
            ""
        } else {
            ", kept until the peer relation is there"
        };
        say(format!(
            "{}: {how} as {}{kept}",
            args.lock, requested.ticket
        ));
        Ok(ExitCode::SUCCESS)
    })
}
