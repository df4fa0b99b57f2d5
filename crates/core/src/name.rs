//! Names of locks and units, valid by construction.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::NameError;

/// The longest lock name, in bytes.
pub(crate) const LOCK_NAME_MAX: usize = 32;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_ordered_by_number_not_by_text() {
        let [two, ten]: [UnitName; 2] = ["app/2".parse().unwrap(), "app/10".parse().unwrap()];
        assert!(two < ten);
    }

    #[test]
    fn a_name_gives_its_parts() {
        let unit: UnitName = "web-app/12".parse().unwrap();
        assert_eq!((unit.application(), unit.number()), ("web-app", 12));
        let lock: LockName = "restart".parse().unwrap();
        assert_eq!(lock.as_str(), "restart");
    }

    #[test]
    fn names_that_could_hurt_are_refused() {
        for bad in [
            "",
            "--now",
            "Restart",
            "a b",
            "a/b",
            "1st",
            "x".repeat(33).as_str(),
        ] {
            assert!(bad.parse::<LockName>().is_err(), "{bad:?}");
        }
        for bad in [
            "", "app", "app/", "/0", "app/-1", "app/+1", "app/01", "a p/0", "app/0/0",
        ] {
            assert!(bad.parse::<UnitName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_says_what_is_expected() {
        let error = "--now".parse::<LockName>().unwrap_err().to_string();
        assert_eq!(
            error,
            "invalid lock name '--now': use 1 to 32 of a-z, 0-9, '-', '_', starting with a letter"
        );
    }
}
