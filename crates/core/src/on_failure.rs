//! What happens after a failed operation.

use std::fmt;
use std::str::FromStr;

/// What happens after an operation has failed. The unit that runs it decides.
///
/// An operation that was cut off has not failed: it is always run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFailure {
    /// The unit keeps its place, and its next hook tries again.
    #[default]
    Retry,
    /// The unit keeps its place, and nothing behind it starts. It is not tried again until an operator permits it, or
    /// lets the line go on without it.
    Stop,
    /// The turn passes on.
    Continue,
}

/// What happens after failures, and how often and how soon a failed operation is tried again.
///
/// A check that has not come good is a failure of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Recovery {
    /// What happens after each of them.
    pub on_failure: OnFailure,
    /// After how many further attempts [`OnFailure::Retry`] becomes [`OnFailure::Stop`]; without a limit if `None`.
    pub max_retry: Option<u16>,
    /// How long to wait before the second attempt, in milliseconds. Each further wait is twice as long, up to
    /// [`Recovery::LONGEST_WAIT`].
    pub back_off: u64,
}

impl Recovery {
    /// The longest wait before another attempt, in milliseconds, unless the first one is already longer.
    pub const LONGEST_WAIT: u64 = 600_000;

    /// What happens after so many failures of one operation.
    pub(crate) fn after(&self, failures: u16) -> OnFailure {
        let exhausted = self.max_retry.is_some_and(|max| failures > max);
        match self.on_failure {
            OnFailure::Retry if exhausted => OnFailure::Stop,
            mode => mode,
        }
    }

    /// How long to wait after so many failures before another attempt, in milliseconds.
    pub(crate) fn wait(&self, failures: u16) -> u64 {
        let doubled = 1_u64.checked_shl(u32::from(failures.saturating_sub(1)));
        let wait = self.back_off.saturating_mul(doubled.unwrap_or(u64::MAX));
        wait.min(Self::LONGEST_WAIT.max(self.back_off))
    }
}

impl From<OnFailure> for Recovery {
    fn from(on_failure: OnFailure) -> Self {
        Self {
            on_failure,
            ..Self::default()
        }
    }
}

/// A text that names no [`OnFailure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownOnFailure(String);

impl OnFailure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Retry, Self::Stop, Self::Continue];

    /// Its name on the command line and in Python.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Stop => "stop",
            Self::Continue => "continue",
        }
    }
}

impl FromStr for OnFailure {
    type Err = UnknownOnFailure;

    fn from_str(text: &str) -> Result<Self, UnknownOnFailure> {
        let mut all = Self::ALL.into_iter();
        let named = all.find(|mode| mode.as_str() == text);
        named.ok_or_else(|| UnknownOnFailure(text.to_owned()))
    }
}

impl fmt::Display for UnknownOnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "what happens after a failure is 'retry', 'stop' or 'continue', not {:?}",
            self.0
        )
    }
}

impl std::error::Error for UnknownOnFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_last_retry_an_operator_decides() {
        let thrice = Recovery {
            max_retry: Some(2),
            ..Recovery::default()
        };
        let modes = [1, 2, 3].map(|failures| thrice.after(failures));
        assert_eq!(modes, [OnFailure::Retry, OnFailure::Retry, OnFailure::Stop]);
        assert_eq!(Recovery::default().after(u16::MAX), OnFailure::Retry);
        let on = Recovery {
            on_failure: OnFailure::Continue,
            ..thrice
        };
        assert_eq!(on.after(3), OnFailure::Continue);
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let back_off = |back_off| Recovery {
            back_off,
            ..Recovery::default()
        };
        let waits = [1, 2, 3, 7, 60, 200].map(|failures| back_off(10_000).wait(failures));
        assert_eq!(waits, [10_000, 20_000, 40_000, 600_000, 600_000, 600_000]);
        assert_eq!(back_off(0).wait(5), 0);
        assert_eq!(back_off(900_000).wait(3), 900_000);
    }
}
