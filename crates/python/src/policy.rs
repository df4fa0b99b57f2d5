//! Policies written in Python, called on the leader.

use std::cell::RefCell;

use ops_coordinator_juju::LockName;
use ops_coordinator_juju::policy::{PerLock, Policy, Request, Situation};
use pyo3::prelude::*;

/// The limit of a line under a Python policy; the policy itself decides who may run.
const UNBOUNDED: u32 = 1000;

/// Rotation, except for locks for which Python decides every single turn.
pub(crate) struct Rule {
    limits: PerLock,
    grant: Option<Py<PyAny>>,
    custom: Vec<LockName>,
    raised: RefCell<Option<PyErr>>,
}

impl Rule {
    /// `grant(lock, queue)` returns the units of the queue that may start now, in order; it is called for
    /// the locks in `custom`.
    pub(crate) fn new(limits: PerLock, grant: Option<Py<PyAny>>, custom: Vec<LockName>) -> Self {
        Self {
            limits,
            grant,
            custom,
            raised: RefCell::new(None),
        }
    }

    /// The exception that Python raised.
    pub(crate) fn take_error(&self) -> Option<PyErr> {
        self.raised.borrow_mut().take()
    }

    fn granted(&self, lock: &LockName, queue: Vec<String>) -> Vec<String> {
        let Some(grant) = &self.grant else {
            return Vec::new();
        };
        let answer = Python::attach(|py| {
            let units = grant.call1(py, (lock.as_str(), queue))?;
            units.extract::<Vec<String>>(py)
        });
        answer.unwrap_or_else(|error| {
            *self.raised.borrow_mut() = Some(error);
            Vec::new()
        })
    }
}

impl Policy for Rule {
    fn limit(&self, lock: &LockName, situation: &Situation<'_>) -> u32 {
        if self.custom.contains(lock) {
            UNBOUNDED
        } else {
            self.limits.limit(lock, situation)
        }
    }

    fn lookahead(&self, lock: &LockName) -> u32 {
        if self.custom.contains(lock) {
            0
        } else {
            self.limits.lookahead(lock)
        }
    }

    fn max_unavailable(&self, lock: &LockName, situation: &Situation<'_>) -> Option<u32> {
        self.limits.max_unavailable(lock, situation)
    }

    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, situation: &Situation<'_>) {
        self.limits.order(lock, requests, situation);
        if !self.custom.contains(lock) {
            return;
        }
        let queue = requests
            .iter()
            .map(|request| request.ticket.unit.to_string())
            .collect();
        let granted = self.granted(lock, queue);
        let place = |request: &Request| {
            let unit = request.ticket.unit.to_string();
            granted.iter().position(|name| *name == unit)
        };
        requests.retain(|request| place(request).is_some());
        requests.sort_by_key(place);
    }

    fn take_faults(&self) -> Vec<String> {
        self.limits.take_faults()
    }
}
