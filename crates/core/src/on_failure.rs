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
