//! Each lock with its own rules.

use std::collections::BTreeMap;

use super::{LimitFor, Policy, Request, Rules, Situation};
use crate::LockName;

/// Each lock with its own [`Rules`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PerLock {
    others: Rules,
    locks: BTreeMap<LockName, Rules>,
}

impl PerLock {
    /// The default rules, whatever the lock.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many more entries to keep in each line, see [`Policy::lookahead`].
    #[must_use]
    pub fn with_lookahead(self, lookahead: u32) -> Self {
        self.with(|rules| rules.lookahead = lookahead)
    }

    /// Sets a limit: for one lock, or for all without rules of their own. The last one wins.
    #[must_use]
    pub fn with_limit(mut self, LimitFor { lock, limit }: LimitFor) -> Self {
        let rules = match lock {
            Some(lock) => {
                let others = self.others.clone();
                self.locks.entry(lock).or_insert(others)
            }
            None => &mut self.others,
        };
        rules.limit = limit;
        self
    }

    /// Sets the rules of one lock.
    #[must_use]
    pub fn with_rules(mut self, lock: LockName, rules: Rules) -> Self {
        self.locks.insert(lock, rules);
        self
    }

    /// Changes the rules of all locks.
    #[must_use]
    pub fn with(mut self, change: impl Fn(&mut Rules)) -> Self {
        change(&mut self.others);
        self.locks.values_mut().for_each(change);
        self
    }

    fn rules(&self, lock: &LockName) -> &Rules {
        self.locks.get(lock).unwrap_or(&self.others)
    }
}

impl Policy for PerLock {
    fn limit(&self, lock: &LockName, situation: &Situation<'_>) -> u32 {
        self.rules(lock).limit(lock, situation)
    }

    fn lookahead(&self, lock: &LockName) -> u32 {
        self.rules(lock).lookahead
    }

    fn max_unavailable(&self, lock: &LockName, situation: &Situation<'_>) -> Option<u32> {
        self.rules(lock).max_unavailable(lock, situation)
    }

    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, situation: &Situation<'_>) {
        self.rules(lock).order(lock, requests, situation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Waves;

    fn limit(policy: &PerLock, lock: &str) -> u32 {
        let leader = "app/0".parse().unwrap();
        policy.limit(&lock.parse().unwrap(), &Situation::new(&leader))
    }

    #[test]
    fn a_lock_may_have_a_limit_of_its_own() {
        let limits = ["3", "2", "backup=3"].map(|text| text.parse().unwrap());
        let policy = limits.into_iter().fold(PerLock::new(), PerLock::with_limit);
        assert_eq!(
            (limit(&policy, "restart"), limit(&policy, "backup")),
            (2, 3)
        );
    }

    #[test]
    fn the_line_keeps_as_many_more_as_is_wanted() {
        let lookahead = |policy: PerLock| policy.lookahead(&"restart".parse().unwrap());
        assert_eq!(lookahead(PerLock::new()), 16);
        assert_eq!(lookahead(PerLock::new().with_lookahead(0)), 0);
    }

    #[test]
    fn a_limit_changes_nothing_else_in_a_locks_rules() {
        let lock: LockName = "restart".parse().unwrap();
        let by_zone = Rules {
            waves: Waves::Zone,
            ..Rules::default()
        };
        let policy = PerLock::new()
            .with_rules(lock.clone(), by_zone.clone())
            .with_limit("restart=2".parse().unwrap());
        assert_eq!(policy.rules(&lock).waves, Waves::Zone);
        assert_eq!(limit(&policy, "restart"), 2);
        let other = "backup".parse().unwrap();
        assert_eq!(policy.rules(&other), &Rules::default());
    }
}
