//! Errors about names.

use std::fmt;

/// An invalid name, and why it is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// A lock name is empty, too long, or has a character that is not allowed.
    Lock(String),
    /// A unit name is not `application/number`.
    Unit(String),
    /// An incarnation is not eight hexadecimal digits.
    Incarnation(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock(name) => write!(
                f,
                "invalid lock name '{name}': use 1 to {} of a-z, 0-9, '-', '_', starting with a letter",
                crate::name::LOCK_NAME_MAX
            ),
            Self::Unit(name) => {
                write!(
                    f,
                    "invalid unit name '{name}': expected APPLICATION/NUMBER, as in 'app/0'"
                )
            }
            Self::Incarnation(text) => {
                write!(
                    f,
                    "invalid incarnation '{text}': expected eight hexadecimal digits"
                )
            }
        }
    }
}

impl std::error::Error for NameError {}
