//! Juju versions, and what differs between them as far as a charm can see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::LabError;

/// A Juju version that the lab can imitate: 2.9 to 4.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct JujuVersion {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

impl JujuVersion {
    /// A version from its three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// `leader-get` and `leader-set` exist; 4.0 removed them.
    pub fn has_leader_tools(self) -> bool {
        self.major < 4
    }

    /// The hook `leader-settings-changed` exists; 4.0 removed it.
    pub fn has_leader_settings_changed(self) -> bool {
        self.major < 4
    }

    /// A databag's version is a hash of its contents rather than a counter, so that A, B, A between
    /// two deliveries goes unnoticed.
    pub fn hashes_databags(self) -> bool {
        self.major >= 4
    }

    /// `relation-model-get` exists: from 3.6.2.
    pub fn has_relation_model_get(self) -> bool {
        self >= Self::new(3, 6, 2)
    }

    /// A unit's databag starts with `private-address` as well; 4.0 no longer maintains it.
    pub fn seeds_private_address(self) -> bool {
        self.major < 4
    }

    /// Hooks see `JUJU_SLA` and the meter variables.
    pub fn has_sla(self) -> bool {
        self.major < 4
    }

    /// `juju-exec` goes by its older name `juju-run` only: before 3.0.
    pub fn calls_exec_run(self) -> bool {
        self.major < 3
    }

    /// Unknown commands are reported as "unknown hook command": from 3.0.
    pub(crate) fn says_hook_command(self) -> bool {
        self.major >= 3
    }
}

impl Default for JujuVersion {
    fn default() -> Self {
        Self::new(3, 6, 9)
    }
}

impl fmt::Display for JujuVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl From<JujuVersion> for String {
    fn from(version: JujuVersion) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for JujuVersion {
    type Error = LabError;

    fn try_from(text: String) -> Result<Self, LabError> {
        text.parse()
    }
}

impl FromStr for JujuVersion {
    type Err = LabError;

    /// Parses `MAJOR.MINOR` or `MAJOR.MINOR.PATCH`.
    ///
    /// # Errors
    /// `LabError::BadVersion` for another shape, `LabError::UnknownVersion` outside 2.9 to 4.x.
    fn from_str(text: &str) -> Result<Self, LabError> {
        let bad = || LabError::BadVersion(text.to_owned());
        let numbers = text
            .split('.')
            .map(|part| part.parse().map_err(|_| bad()))
            .collect::<Result<Vec<u16>, _>>()?;
        let version = match numbers[..] {
            [major, minor] => Self::new(major, minor, 0),
            [major, minor, patch] => Self::new(major, minor, patch),
            _ => return Err(bad()),
        };
        if version < Self::new(2, 9, 0) || version.major > 4 {
            return Err(LabError::UnknownVersion(text.to_owned()));
        }
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_printed() {
        assert_eq!("3.6.9".parse::<JujuVersion>().unwrap().to_string(), "3.6.9");
        assert_eq!(
            "4.0".parse::<JujuVersion>().unwrap(),
            JujuVersion::new(4, 0, 0)
        );
    }

    #[test]
    fn versions_that_nobody_knows_are_refused() {
        assert!(matches!(
            "three".parse::<JujuVersion>(),
            Err(LabError::BadVersion(_))
        ));
        assert!(matches!(
            "2.8.0".parse::<JujuVersion>(),
            Err(LabError::UnknownVersion(_))
        ));
    }
}
