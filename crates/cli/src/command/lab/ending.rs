//! How a run ended.

use super::narrator::seconds;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All steps were taken and nothing was left to do.
    Idle,
    /// Time ran out.
    Timeout,
    /// A step could not be taken, or what it expected did not hold.
    Failed(String),
    /// The user interrupted it.
    Interrupted,
}

impl Ending {
    /// Whether unserved requests had enough time. In a run that was cut short they had not.
    pub(super) fn leaves_things_at_rest(&self) -> bool {
        matches!(self, Self::Idle | Self::Timeout)
    }

    /// The problem it means for the run.
    pub(super) fn problem(&self, timeout: u64) -> Option<String> {
        match self {
            Self::Idle => None,
            Self::Timeout => Some(format!("not idle after {} s", seconds(timeout))),
            Self::Failed(problem) => Some(problem.clone()),
            Self::Interrupted => Some("interrupted".to_owned()),
        }
    }
}
