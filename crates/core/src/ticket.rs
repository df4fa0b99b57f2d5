//! A ticket: one request of one unit, with no clock in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{NameError, UnitName};

/// Which life of a unit a ticket belongs to. Kubernetes gives a new pod an old unit's name; the new
/// pod must not inherit the turn of the old one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Incarnation(String);

impl Incarnation {
    /// Makes an incarnation from a random number that the caller has drawn.
    pub fn from_random(number: u32) -> Self {
        Self(format!("{number:08x}"))
    }

    /// Makes an incarnation for a unit's life on one endpoint. A unit that begins on several endpoints in one hook draws one
    /// number, and has a different incarnation on each.
    pub fn on_endpoint(endpoint: &str, number: u32) -> Self {
        // 32-bit FNV-1a (draft-eastlake-fnv).
        let hash = endpoint.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Self::from_random(number ^ hash)
    }
}

impl FromStr for Incarnation {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 8 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Incarnation(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Incarnation {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Incarnation> for String {
    fn from(incarnation: Incarnation) -> Self {
        incarnation.0
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One request of one unit for one lock. No clock decides its place: `seq` is a counter that only
/// this unit increases, so two tickets of a unit compare, and tickets of two units never need to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    /// The unit that asks.
    pub unit: UnitName,
    /// The life of the unit in which it asked.
    #[serde(rename = "id")]
    pub incarnation: Incarnation,
    /// The number of the request, from 1.
    pub seq: u64,
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.unit, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of "foobar" is that of the draft's table.
    #[test]
    fn an_incarnation_on_an_endpoint_is_the_number_and_the_endpoints_hash() {
        let of = |number| Incarnation::on_endpoint("foobar", number).to_string();
        assert_eq!(of(0), "bf9cf968");
        assert_eq!(of(u32::MAX), format!("{:08x}", !0xbf9c_f968_u32));
    }

    #[test]
    fn an_incarnation_is_eight_small_hex_digits() {
        let text = Incarnation::from_random(0xbeef).to_string();
        assert_eq!(text, "0000beef");
        assert_eq!(text.parse(), Ok(Incarnation::from_random(0xbeef)));
        for bad in ["beef", "00000beef", "0000BEEF", "0000beeg"] {
            assert!(bad.parse::<Incarnation>().is_err(), "{bad}");
        }
    }
}
