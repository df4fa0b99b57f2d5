//! What was found under a databag's key.

use ops_coordinator_excerpt::{LONG, excerpt};
use serde::{Deserialize, Serialize};

/// The major version of the wire format. Fields may be added within it; readers preserve unknown fields.
/// Any change to the meaning of a field needs the next number.
pub const MAJOR: u64 = 1;

/// The value of a databag key. Corrupt data is a value like any other: it must never fail a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// The key is absent.
    Absent,
    /// A value of our major version.
    Good(T),
    /// The value does not parse, or contradicts itself; the text says how.
    Unreadable(String),
    /// The value has a major version unknown to this code.
    Foreign(u64),
}

impl<T> Reading<T> {
    /// The value, if it is good.
    pub fn good(&self) -> Option<&T> {
        match self {
            Self::Good(value) => Some(value),
            _ => None,
        }
    }

    /// What is wrong with the value, in words, if anything.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Absent | Self::Good(_) => None,
            Self::Unreadable(why) => Some(format!(
                "its value cannot be read: {}",
                excerpt(why).up_to(LONG)
            )),
            Self::Foreign(major) => Some(format!(
                "it uses protocol version {major}, this unit uses version {MAJOR}; \
                 refresh the charm on all units"
            )),
        }
    }
}
