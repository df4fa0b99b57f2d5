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
///
/// With `--for`, all units know the reason, as in config-changed: then the leader rolls them all (see `campaign`), and no
/// unit publishes a request, which makes the roll cheaper. A unit that the leader has not called after a minute asks for
/// itself.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ops-coordinator request restart
  ops-coordinator request restart --service postgresql --service pgbouncer
  ops-coordinator request restart --ctx '{\"generation\": 7}' --operation 'reload config'
  ops-coordinator request restart --for \"config $(config-get --all | md5sum | cut -c1-8)\"")]
pub(crate) struct RequestArgs {
    /// What to take turns for: a-z, 0-9, '-', '_', starting with a letter
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// A reason that all units have at the same time, the same on each of them and different from the last one
    #[arg(long = "for", value_name = "REASON")]
    reason: Option<String>,
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
        if let Some(reason) = &args.reason {
            hook.expect(&args.lock, reason, &operation)?;
            say(format!("{}: the leader rolls all units", args.lock));
            return Ok(ExitCode::SUCCESS);
        }
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
