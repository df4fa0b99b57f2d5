//! Limits: how many units may be inside a lock at once, for all locks or lock by lock.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{Policy, Request, Rotation};
use crate::{LockName, NameError, UnitName};

/// How many units may be inside a lock at once: from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Limit(u32);

impl Limit {
    /// One at a time.
    pub const ONE: Self = Self(1);
    /// The greatest limit. It bounds the size of the application databag.
    pub const MAX: Self = Self(100);

    /// The limit of this number of units; `None` if it is not from 1 to 100.
    pub const fn new(units: u32) -> Option<Self> {
        if units >= 1 && units <= Self::MAX.0 {
            Some(Self(units))
        } else {
            None
        }
    }

    /// The number of units.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An invalid limit, and why it is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitError {
    /// The name of the lock is not valid.
    Lock(NameError),
    /// The number is none, or not from 1 to 100.
    Number,
}

impl LimitError {
    /// What is valid instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Lock(error) => error.hint(),
            Self::Number => format!("a limit is a whole number from 1 to {}", Limit::MAX),
        }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(error) => error.fmt(f),
            Self::Number => write!(f, "expected a whole number from 1 to {}", Limit::MAX),
        }
    }
}

impl std::error::Error for LimitError {}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let limit = text.parse().ok().and_then(Self::new);
        limit.ok_or(LimitError::Number)
    }
}

/// A limit as written by a user: `2` for all locks without their own limit, `backup=2` for one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitFor {
    /// The lock; `None` for all locks without their own limit.
    pub lock: Option<LockName>,
    /// The limit.
    pub limit: Limit,
}

impl FromStr for LimitFor {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let (lock, limit) = match text.split_once('=') {
            Some((lock, limit)) => (Some(lock), limit),
            None => (None, text),
        };
        let lock = lock.map(str::parse).transpose();
        Ok(Self {
            lock: lock.map_err(LimitError::Lock)?,
            limit: limit.parse()?,
        })
    }
}

impl fmt::Display for LimitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.lock {
            Some(lock) => write!(f, "{lock}={}", self.limit),
            None => self.limit.fmt(f),
        }
    }
}

/// [`Rotation`], with a limit for each lock.
#[derive(Debug, Clone, Default)]
pub struct PerLock {
    others: Rotation,
    locks: BTreeMap<LockName, Limit>,
}

impl PerLock {
    /// One at a time, whatever the lock.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many more entries to keep in each line, see [`Policy::lookahead`].
    #[must_use]
    pub fn with_lookahead(mut self, lookahead: u32) -> Self {
        self.others.lookahead = lookahead;
        self
    }

    /// Sets a limit. The last one wins.
    #[must_use]
    pub fn with_limit(mut self, LimitFor { lock, limit }: LimitFor) -> Self {
        match lock {
            Some(lock) => drop(self.locks.insert(lock, limit)),
            None => self.others.limit = limit.get(),
        }
        self
    }
}

impl Policy for PerLock {
    fn limit(&self, lock: &LockName, _requests: usize) -> u32 {
        let own = self.locks.get(lock).map(|limit| limit.get());
        own.unwrap_or(self.others.limit)
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        self.others.lookahead
    }

    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, last: Option<&UnitName>) {
        self.others.order(lock, requests, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_may_have_a_limit_of_its_own() {
        let limits = ["3", "2", "backup=3"].map(|text| text.parse().unwrap());
        let policy = limits.into_iter().fold(PerLock::new(), PerLock::with_limit);
        let limit = |lock: &str| policy.limit(&lock.parse().unwrap(), 9);
        assert_eq!((limit("restart"), limit("backup")), (2, 3));
    }

    #[test]
    fn the_line_keeps_as_many_more_as_is_wanted() {
        let lookahead = |policy: PerLock| policy.lookahead(&"restart".parse().unwrap());
        assert_eq!(lookahead(PerLock::new()), 16);
        assert_eq!(lookahead(PerLock::new().with_lookahead(0)), 0);
    }

    #[test]
    fn a_limit_is_from_one_to_a_hundred() {
        for bad in ["0", "101", "x", "restart=", "Restart=1", "-1", ""] {
            assert!(bad.parse::<LimitFor>().is_err(), "{bad}");
        }
        for good in ["1", "100", "restart=7"] {
            assert_eq!(good.parse::<LimitFor>().unwrap().to_string(), good);
        }
        assert_eq!(LimitFor::default().to_string(), "1");
    }
}
