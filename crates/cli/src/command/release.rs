//! `ops-coordinator release`: the end of a hook.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::excerpt;
use ops_coordinator_juju::Hook;
use ops_coordinator_juju::policy::{LimitFor, PerLock};
use serde_json::Value;

use super::CommandError;
use super::coordination::CoordinationArgs;

/// End a hook: publish this unit's changes. Call it last in every hook.
///
/// On the leader, this also maintains the line. If the hook took longer than 25 s, a short visit of its own writes
/// the line right afterwards. Changes take effect when the hook succeeds.
#[derive(Debug, Args)]
#[command(after_help = "Examples, the last line of a hook:
  ops-coordinator release
  ops-coordinator release --limit 2
  ops-coordinator release --limit-option restarts-at-once --limit backup=3
  ops-coordinator release --unit-status
  ops-coordinator release --metrics /var/lib/node-exporter/ops-coordinator-$UNIT.prom")]
pub(crate) struct ReleaseArgs {
    /// How many units may run at once, from 1 to 100; repeat it with LOCK= to give single locks their own limits
    #[arg(long, value_name = "[LOCK=]N")]
    limit: Vec<LimitFor>,
    /// The charm's config option that says how many units may run at once; only the leader reads it. An invalid value
    /// causes a warning, and the last valid one stays in force
    #[arg(long, value_name = "OPTION")]
    limit_option: Option<String>,
    /// How many units to keep in the line beyond those that may run; with 0, every turn waits for the leader
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=32))]
    lookahead: u32,
    /// Show in this unit's status what it waits for, as long as the charm has not set a more important one (blocked,
    /// maintenance). What the charm had set before is restored afterwards
    #[arg(long)]
    unit_status: bool,
    /// Write this unit's metrics to a file for the textfile collector of Prometheus' node exporter; its name must end
    /// with .prom and differ from unit to unit
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: ReleaseArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|hook| {
        let mut limits = args.limit;
        if let Some(option) = args.limit_option.filter(|_| hook.is_leader()) {
            limits.insert(0, configured(hook, &option)?);
        }
        let policy = PerLock::new().with_lookahead(args.lookahead);
        let policy = limits.into_iter().fold(policy, PerLock::with_limit);
        hook.release(&policy)?;
        if args.unit_status {
            hook.show_unit_status()?;
        }
        if let Some(file) = &args.metrics {
            hook.write_metrics(file)?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The limit that the operator has configured. A mistake there must not fail the leader's hook, or the leader would
/// lose what it has finished.
fn configured(hook: &mut Hook, option: &str) -> Result<LimitFor, CommandError> {
    let value = hook.tools().config_get(option)?;
    let text = match &value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let name = format!("limit {option}");
    match text.parse::<LimitFor>() {
        Ok(limit) => {
            hook.note(&name, &text);
            Ok(limit)
        }
        Err(why) => {
            let last = hook.noted(&name).and_then(|text| text.parse().ok());
            let limit = last.unwrap_or_default();
            hook.warn(format!(
                "invalid limit in the config option '{}': {} ({why}); {limit} stays in force",
                excerpt(option),
                excerpt(&text)
            ));
            Ok(limit)
        }
    }
}
