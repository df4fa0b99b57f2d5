//! `ops-coordinator release`: the end of a hook.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::excerpt;
use ops_coordinator_juju::policy::{LimitFor, PerLock, Sequence, Waves};
use ops_coordinator_juju::{Coordination, Hook};
use serde_json::Value;

use super::CommandError;
use super::coordination::CoordinationArgs;

/// End a hook: publish this unit's changes. Call it last in every hook.
///
/// On the leader, this also maintains the line. If the hook took longer than 25 s, a short visit of its own writes
/// the line right afterwards. Changes take effect when the hook succeeds.
///
/// If the charm has a file coordination.toml, the policy of each lock comes from there; options given here win. A lower
/// limit holds at once, also for units that are in the line already.
#[derive(Debug, Args)]
#[command(after_help = "Examples, the last line of a hook:
  ops-coordinator release
  ops-coordinator release --limit 25%
  ops-coordinator release --waves zone --order leader-last --canary
  ops-coordinator release --limit-option restarts-at-once --limit backup=3
  ops-coordinator release --unit-status
  ops-coordinator release --metrics /var/lib/node-exporter/ops-coordinator-$UNIT.prom")]
pub(crate) struct ReleaseArgs {
    /// How many units may run at once, from 1 to 100, or a percentage of the application's units, rounded down but at
    /// least one; repeat it with LOCK= to give single locks their own limits
    #[arg(long, value_name = "[LOCK=]N|N%")]
    limit: Vec<LimitFor>,
    /// The charm's config option that says how many units may run at once; only the leader reads it. An invalid value
    /// causes a warning, and the last valid one stays in force
    #[arg(long, value_name = "OPTION")]
    limit_option: Option<String>,
    /// In which order waiting units join the line: first-come, unit-number, leader-last, or the units that go first, as
    /// in app/2,app/0 [default: first-come]
    #[arg(long, value_name = "ORDER")]
    order: Option<Sequence>,
    /// What must be finished before the next may start: zone, for one availability zone after the other, or one, for no
    /// such bounds [default: one]
    #[arg(long, value_name = "WAVES")]
    waves: Option<Waves>,
    /// Let the first unit that joins an idle line go alone
    #[arg(long)]
    canary: bool,
    /// How many units to keep in the line beyond those that may run; with 0, every turn waits for the leader [default: 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=32))]
    lookahead: Option<u32>,
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
        // Only the leader fills the line, so only it reads what that takes.
        let policy = if hook.is_leader() {
            policy(hook, &args)?
        } else {
            PerLock::new()
        };
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

/// The policy of `coordination.toml`, over it the charm's config option, and over both the options of this call.
fn policy(hook: &mut Hook, args: &ReleaseArgs) -> Result<PerLock, CommandError> {
    let declared = Coordination::of(&hook.environment().charm_dir)?;
    let policy = declared.as_ref().map(Coordination::policy);
    let mut policy = policy.unwrap_or_default();
    if let Some(option) = &args.limit_option {
        policy = limited(policy, configured(hook, option)?);
    }
    let (single, all): (Vec<_>, Vec<_>) = args.limit.iter().partition(|limit| limit.lock.is_some());
    for limit in all.into_iter().chain(single) {
        if let (Some(lock), Some(declared)) = (&limit.lock, &declared) {
            declared.require(lock)?;
        }
        policy = limited(policy, limit.clone());
    }
    Ok(policy.with(|rules| {
        if let Some(order) = &args.order {
            rules.sequence = order.clone();
        }
        rules.waves = args.waves.unwrap_or(rules.waves);
        rules.canary |= args.canary;
        rules.lookahead = args.lookahead.unwrap_or(rules.lookahead);
    }))
}

fn limited(policy: PerLock, limit: LimitFor) -> PerLock {
    match limit.lock {
        Some(_) => policy.with_limit(limit),
        None => policy.with(|rules| rules.limit = limit.limit),
    }
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
