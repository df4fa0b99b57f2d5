//! A policy that takes its time, as a charm's own function may.

use std::rc::Rc;

use ops_coordinator_core::LockName;
use ops_coordinator_core::policy::{Policy, Request, Rules, Situation};

/// The rules, and what is done before units are put in order.
pub(crate) struct Deliberate {
    pub(crate) rules: Rules,
    pub(crate) first: Option<Rc<dyn Fn()>>,
}

impl Policy for Deliberate {
    fn limit(&self, lock: &LockName, situation: &Situation<'_>) -> u32 {
        self.rules.limit(lock, situation)
    }

    fn lookahead(&self, lock: &LockName) -> u32 {
        self.rules.lookahead(lock)
    }

    fn max_unavailable(&self, lock: &LockName, situation: &Situation<'_>) -> Option<u32> {
        self.rules.max_unavailable(lock, situation)
    }

    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, situation: &Situation<'_>) {
        if let Some(first) = &self.first {
            first();
        }
        self.rules.order(lock, requests, situation);
    }
}
