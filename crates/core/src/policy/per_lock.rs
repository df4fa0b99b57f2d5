//! Each lock with its own rules.

use std::collections::BTreeMap;

use super::chooser::Choices;
use super::{Chooser, LimitFor, Policy, Request, Rules, Sequence, Situation};
use crate::LockName;

/// Each lock with its own [`Rules`].
#[derive(Debug, Clone, Default)]
pub struct PerLock {
    others: Rules,
    locks: BTreeMap<LockName, Rules>,
    choices: Choices,
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

    /// Lets somebody else say in which order units join the line of one lock.
    #[must_use]
    pub fn with_chooser(mut self, lock: LockName, chooser: Chooser) -> Self {
        self.choices.insert(lock, chooser);
        self
    }

    /// Sets the order of all locks, whatever was said about single ones.
    #[must_use]
    pub fn with_sequence(mut self, sequence: &Sequence) -> Self {
        self.choices.clear();
        self.with(|rules| rules.sequence = sequence.clone())
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
        let rules = self.rules(lock);
        rules.order(lock, requests, situation);
        if requests.len() < 2 || !self.choices.has(lock) {
            return;
        }
        let units = requests.iter().map(|request| request.ticket.unit.clone());
        if let Some(sequence) = self.choices.sequence(lock, units.collect()) {
            let rules = Rules {
                sequence,
                ..rules.clone()
            };
            rules.order(lock, requests, situation);
        }
    }

    fn take_faults(&self) -> Vec<String> {
        self.choices.take_faults()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::policy::Waves;
    use crate::{Incarnation, Ticket};

    fn limit(policy: &PerLock, lock: &str) -> u32 {
        let leader = "app/0".parse().unwrap();
        policy.limit(&lock.parse().unwrap(), &Situation::new(&leader))
    }

    #[test]
    fn a_lock_may_have_a_budget_of_its_own() {
        let rules = Rules {
            max_unavailable: crate::policy::Limit::new(3),
            ..Rules::default()
        };
        let policy = PerLock::new().with_rules("backup".parse().unwrap(), rules);
        let leader = "app/0".parse().unwrap();
        let budget = |lock: &str| {
            let lock = lock.parse().unwrap();
            policy.max_unavailable(&lock, &Situation::new(&leader))
        };
        assert_eq!((budget("backup"), budget("restart")), (Some(3), None));
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

    #[test]
    fn somebody_else_may_say_who_goes_first_and_is_asked_once() {
        let lock: LockName = "restart".parse().unwrap();
        let leader = "app/0".parse().unwrap();
        let situation = Situation::new(&leader);
        let order = |policy: &PerLock| {
            let mut requests: Vec<Request> = ["app/0", "app/1", "app/2"].map(request).into();
            policy.order(&lock, &mut requests, &situation);
            let units = requests.iter().map(|request| request.ticket.unit.number());
            units.collect::<Vec<u32>>()
        };
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let last = Chooser::new(move |_, units| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(units[2..].to_vec())
        });
        let policy = PerLock::new().with_chooser(lock.clone(), last);
        assert_eq!(
            (order(&policy), order(&policy)),
            (vec![2, 0, 1], vec![2, 0, 1])
        );
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let by_number = policy.with_sequence(&Sequence::UnitNumber);
        assert_eq!(order(&by_number), [0, 1, 2]);
        let failing = Chooser::new(|_, _| Err("no answer".to_owned()));
        let policy = PerLock::new().with_chooser(lock.clone(), failing);
        assert_eq!(order(&policy), [0, 1, 2]);
        assert_eq!(
            policy.take_faults(),
            ["lock restart: units join as they come: no answer"]
        );
        assert!(policy.take_faults().is_empty());
    }

    #[test]
    fn nobody_is_asked_who_goes_first_where_there_is_no_choice() {
        let lock: LockName = "restart".parse().unwrap();
        let leader = "app/0".parse().unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let chooser = Chooser::new(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Vec::new())
        });
        let policy = PerLock::new().with_chooser(lock.clone(), chooser);
        for (units, times) in [(&["app/0"][..], 0), (&["app/0", "app/1"][..], 1)] {
            let mut requests = units.iter().copied().map(request).collect();
            policy.order(&lock, &mut requests, &Situation::new(&leader));
            assert_eq!(asked.load(Ordering::Relaxed), times);
        }
    }

    #[test]
    fn an_order_for_all_locks_changes_nothing_else() {
        let policy = PerLock::new().with_limit("3".parse().unwrap());
        let policy = policy.with_sequence(&Sequence::UnitNumber);
        assert_eq!(limit(&policy, "restart"), 3);
    }

    fn request(unit: &str) -> Request {
        let ticket = Ticket {
            unit: unit.parse().unwrap(),
            incarnation: Incarnation::from_random(1),
            seq: 1,
        };
        Request {
            ticket,
            asked: 0,
            zone: None,
            wave: 0,
        }
    }
}
