//! Limits: how many units may be inside a lock at once.

use std::fmt;
use std::str::FromStr;

use crate::{LockName, NameError};

/// How many units may be inside a lock at once: a number from 1 to 100, or a percentage of the application's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(Measure);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Units(u32),
    Percent(u32),
}

impl Limit {
    /// One at a time.
    pub const ONE: Self = Self(Measure::Units(1));
    /// The greatest number of units that any limit allows. It bounds the size of the application databag.
    pub const MAX: u32 = 100;

    /// The limit of this number of units; `None` if it is not from 1 to 100.
    pub const fn new(units: u32) -> Option<Self> {
        if units >= 1 && units <= Self::MAX {
            Some(Self(Measure::Units(units)))
        } else {
            None
        }
    }

    /// This percentage of the application's units; `None` if it is not from 1 to 100.
    pub const fn percent(percent: u32) -> Option<Self> {
        if percent >= 1 && percent <= 100 {
            Some(Self(Measure::Percent(percent)))
        } else {
            None
        }
    }

    /// How many units of an application that has so many may be inside: a percentage is rounded down, but one always
    /// may, and never more than [`Limit::MAX`].
    pub fn of(self, units: usize) -> u32 {
        match self.0 {
            Measure::Units(limit) => limit,
            Measure::Percent(percent) => {
                let part = units.saturating_mul(percent as usize) / 100;
                u32::try_from(part).unwrap_or(u32::MAX).clamp(1, Self::MAX)
            }
        }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Measure::Units(units) => units.fmt(f),
            Measure::Percent(percent) => write!(f, "{percent}%"),
        }
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

/// What a limit is.
const VALID: &str = "a whole number from 1 to 100, or a percentage such as 25%";

impl LimitError {
    /// What is valid instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Lock(error) => error.hint(),
            Self::Number => format!("a limit is {VALID}"),
        }
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(error) => error.fmt(f),
            Self::Number => write!(f, "expected {VALID}"),
        }
    }
}

impl std::error::Error for LimitError {}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let limit = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().and_then(Self::percent),
            None => text.parse().ok().and_then(Self::new),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_limit_says_what_is_valid() {
        let hint = |text: &str| text.parse::<LimitFor>().unwrap_err().hint();
        assert!(hint("101").contains("from 1 to 100"), "{}", hint("101"));
        assert!(!hint("Restart=1").contains("from 1 to 100"));
    }

    #[test]
    fn a_limit_is_from_one_to_a_hundred() {
        for bad in [
            "0",
            "101",
            "x",
            "restart=",
            "Restart=1",
            "-1",
            "",
            "0%",
            "101%",
            "%",
            "2.5%",
            "-1%",
        ] {
            assert!(bad.parse::<LimitFor>().is_err(), "{bad}");
        }
        for good in ["1", "100", "restart=7", "25%", "restart=100%"] {
            assert_eq!(good.parse::<LimitFor>().unwrap().to_string(), good);
        }
        assert_eq!(LimitFor::default().to_string(), "1");
    }

    #[test]
    fn a_percentage_is_rounded_down_but_one_always_may() {
        let quarter: Limit = "25%".parse().unwrap();
        let of = [0, 1, 3, 4, 7, 8, 100, 1000].map(|units| quarter.of(units));
        assert_eq!(of, [1, 1, 1, 1, 1, 2, 25, 100]);
        assert_eq!(Limit::percent(100).unwrap().of(usize::MAX), Limit::MAX);
        assert_eq!(Limit::new(3).unwrap().of(1), 3);
    }
}
