//! `ops-coordinator request`: a unit asks for its turn.

use std::process::ExitCode;

use clap::Args;
use ops_coordinator_juju::service::ServiceName;
use ops_coordinator_juju::{LockName, Operation};
use serde_json::Value;

use super::CommandError;
use super::coordination::{CoordinationArgs, declared};
use crate::output::say;

/// Request a turn for this unit.
///
/// A second request joins one that is still waiting: their services are merged, and the newer context wins.
/// If the peer relation does not exist yet, the request is stored and published later.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ops-coordinator request restart
  ops-coordinator request restart --service postgresql --service pgbouncer
  ops-coordinator request restart --ctx '{\"generation\": 7}' --operation 'reload config'")]
pub(crate) struct RequestArgs {
    /// What to take turns for: a-z, 0-9, '-', '_', starting with a letter
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    operation: OperationArgs,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

/// What the operation is given when its turn comes.
#[derive(Debug, Args)]
pub(crate) struct OperationArgs {
    /// Context to hand to the operation when its turn comes; at most 16 KiB of JSON
    #[arg(long, value_name = "JSON", value_parser = context)]
    ctx: Option<Value>,
    /// A systemd service to restart; repeat it for more, in order
    #[arg(long, value_name = "NAME", value_parser = str::parse::<ServiceName>, allow_hyphen_values = true)]
    service: Vec<ServiceName>,
    /// A short description of the operation, for readers of the status
    #[arg(long, value_name = "TEXT")]
    operation: Option<String>,
}

impl OperationArgs {
    pub(crate) fn operation(self) -> Result<Operation, CommandError> {
        let mut operation = Operation::new(self.ctx.unwrap_or_default(), self.service)?;
        operation.name = self.operation;
        Ok(operation)
    }
}

fn context(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

pub(crate) fn run(args: RequestArgs) -> Result<ExitCode, CommandError> {
    let operation = args.operation.operation()?;
    args.coordination.in_hook(|hook| {
        declared(hook, &args.lock)?;
        let requested = hook.request_with(&args.lock, &operation)?;
        let how = if requested.joined {
            "joined"
        } else {
            "requested"
        };
        let kept = if hook.has_relation() {
            ""
        } else {
            ", stored until the peer relation exists"
        };
        say(format!(
            "{}: {how} as {}{kept}",
            args.lock, requested.ticket
        ));
        Ok(ExitCode::SUCCESS)
    })
}
