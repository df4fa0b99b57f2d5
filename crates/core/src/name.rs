//! Names of locks and units, valid by construction.

use std::fmt;
use std::str::FromStr;

use ops_coordinator_excerpt::excerpt;
use serde::{Deserialize, Serialize};

/// The longest lock name, in bytes.
const LOCK_NAME_MAX: usize = 32;

/// The name of a lock: what units take turns for, for example `restart`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LockName(String);

impl LockName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LockName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits =
            text.len() <= LOCK_NAME_MAX && text.starts_with(|c: char| c.is_ascii_lowercase());
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if fits && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Lock(text.to_owned()))
        }
    }
}

impl TryFrom<String> for LockName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<LockName> for String {
    fn from(name: LockName) -> Self {
        name.0
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a unit, `application/number`; ordered by application, then by number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName {
    application: String,
    number: u32,
}

impl UnitName {
    /// The application's name.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// The unit's number within its application.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Unit(text.to_owned());
        let (application, digits) = text.split_once('/').ok_or_else(wrong)?;
        let plain = application
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        // "app/+1" and "app/01" would be second names of another unit.
        if application.is_empty() || !plain || number.to_string() != digits {
            return Err(wrong());
        }
        Ok(Self {
            application: application.to_owned(),
            number,
        })
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.number)
    }
}

/// An invalid name: what it was to name, and the text.
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

impl NameError {
    /// What a valid name looks like.
    pub fn hint(&self) -> String {
        match self {
            Self::Lock(_) => {
                format!(
                    "a lock name is 1 to {LOCK_NAME_MAX} of a-z, 0-9, '-' and '_', starting with a letter"
                )
            }
            Self::Unit(_) => "a unit name is APPLICATION/NUMBER, as in 'app/0'".to_owned(),
            Self::Incarnation(_) => "an incarnation is eight hexadecimal digits".to_owned(),
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, text) = match self {
            Self::Lock(text) => ("lock name", text),
            Self::Unit(text) => ("unit name", text),
            Self::Incarnation(text) => ("incarnation", text),
        };
        write!(f, "invalid {what} '{}'", excerpt(text))
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
