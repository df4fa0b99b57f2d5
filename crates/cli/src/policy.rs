//! How many units may run at once, as given on the command line.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ops_coordinator_core::policy::{Policy, Request, Rotation};
use ops_coordinator_core::{LockName, UnitName};

/// The most units that may run at once; it bounds the size of the application's databag.
const LIMIT_MAX: u32 = 100;

/// A limit for one lock, or for all locks without their own: `[LOCK=]N`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    lock: Option<LockName>,
    limit: u32,
}

impl Default for Limit {
    /// One at a time, for every lock.
    fn default() -> Self {
        Self {
            lock: None,
            limit: 1,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lock {
            Some(lock) => write!(f, "{lock}={}", self.limit),
            None => self.limit.fmt(f),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (lock, number) = match text.split_once('=') {
            Some((lock, number)) => (
                Some(lock.parse::<LockName>().map_err(|e| e.to_string())?),
                number,
            ),
            None => (None, text),
        };
        let limit = number
            .parse()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit));
        let limit =
            limit.ok_or_else(|| format!("expected a whole number from 1 to {LIMIT_MAX}"))?;
        Ok(Self { lock, limit })
    }
}

/// Rotation with a limit for each lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    fallback: Rotation,
    locks: BTreeMap<LockName, u32>,
}

impl Limits {
    pub(crate) fn new(limits: Vec<Limit>, lookahead: u32) -> Self {
        let mut policy = Self {
            fallback: Rotation {
                limit: 1,
                lookahead,
            },
            locks: BTreeMap::new(),
        };
        for Limit { lock, limit } in limits {
            match lock {
                Some(lock) => drop(policy.locks.insert(lock, limit)),
                None => policy.fallback.limit = limit,
            }
        }
        policy
    }
}

impl Policy for Limits {
    fn limit(&self, lock: &LockName, _requests: usize) -> u32 {
        self.locks.get(lock).copied().unwrap_or(self.fallback.limit)
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        self.fallback.lookahead
    }

    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, last: Option<&UnitName>) {
        self.fallback.order(lock, requests, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_may_have_a_limit_of_its_own() {
        let limits = ["2", "backup=3"].map(|text| text.parse().unwrap()).to_vec();
        let policy = Limits::new(limits, 4);
        let limit = |lock: &str| policy.limit(&lock.parse().unwrap(), 9);
        assert_eq!((limit("restart"), limit("backup")), (2, 3));
    }

    #[test]
    fn a_limit_of_nothing_or_too_much_is_refused() {
        for bad in ["0", "101", "x", "restart=", "Restart=1", "-1"] {
            assert!(bad.parse::<Limit>().is_err(), "{bad}");
        }
    }
}
