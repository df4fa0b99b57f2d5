//! What can be wrong with a window.

use std::fmt;

use ops_coordinator_excerpt::excerpt;

/// A text that is no window, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowError {
    /// It does not consist of days, times and a zone.
    Form(String),
    /// No day of the week is called this.
    Day(String),
    /// These are no two different times of a day.
    Times(String),
    /// No time zone is called this.
    Zone(String),
}

impl WindowError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Form(_) | Self::Times(_) => {
                "a window is days, times and a zone: 'Mon-Fri 02:00-05:00 Europe/London'; \
                 without days it is open every day"
            }
            Self::Day(_) => "days are Mon, Tue, Wed, Thu, Fri, Sat, Sun: 'Mon-Fri', 'Sat,Sun'",
            Self::Zone(_) => "a zone is a name such as Europe/London or UTC",
        }
        .to_owned()
    }
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(text) => write!(f, "'{}' is not a window", excerpt(text)),
            Self::Day(text) => write!(f, "'{}' is no day of the week", excerpt(text)),
            Self::Times(text) => write!(f, "'{}' is no time of a window", excerpt(text)),
            Self::Zone(text) => write!(f, "unknown time zone '{}'", excerpt(text)),
        }
    }
}

impl std::error::Error for WindowError {}
