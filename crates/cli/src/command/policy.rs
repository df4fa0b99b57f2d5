//! The options that say how the leader fills the line, for all commands that do.

use clap::Args;
use ops_coordinator_excerpt::excerpt;
use ops_coordinator_juju::policy::{LimitFor, PerLock, Sequence, Waves};
use ops_coordinator_juju::{Coordination, Hook};
use serde_json::Value;

use super::CommandError;

/// How many may run at once, and in which order.
#[derive(Debug, Default, PartialEq, Args)]
pub(crate) struct PolicyArgs {
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
}

impl PolicyArgs {
    /// The policy of `coordination.toml`, over it the charm's config option, and over both the options of this call.
    pub(crate) fn policy(&self, hook: &mut Hook) -> Result<PerLock, CommandError> {
        let charm_dir = hook.environment().charm_dir.clone();
        let declared = Coordination::of(&charm_dir)?;
        let policy = declared.as_ref().map(|file| file.policy(&charm_dir));
        let mut policy = policy.unwrap_or_default();
        if let Some(option) = &self.limit_option {
            policy = limited(policy, configured(hook, option)?);
        }
        let (single, all): (Vec<_>, Vec<_>) =
            self.limit.iter().partition(|limit| limit.lock.is_some());
        for limit in all.into_iter().chain(single) {
            if let (Some(lock), Some(declared)) = (&limit.lock, &declared) {
                declared.require(lock)?;
            }
            policy = limited(policy, limit.clone());
        }
        if let Some(order) = &self.order {
            policy = policy.with_sequence(order);
        }
        Ok(policy.with(|rules| {
            rules.waves = self.waves.unwrap_or(rules.waves);
            rules.canary |= self.canary;
            rules.lookahead = self.lookahead.unwrap_or(rules.lookahead);
        }))
    }

    /// The same, if anything says what the policy is: an option, or a `coordination.toml`.
    pub(crate) fn declared(&self, hook: &mut Hook) -> Result<Option<PerLock>, CommandError> {
        let is_given = *self != Self::default();
        let is_declared =
            || Coordination::of(&hook.environment().charm_dir).map(|file| file.is_some());
        Ok(match is_given || is_declared()? {
            true => Some(self.policy(hook)?),
            false => None,
        })
    }
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
