//! Sequences: in which order requests of about the same age join the line.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::{Request, Situation};
use crate::{NameError, UnitName};

/// In which order requests of about the same age join the line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sequence {
    /// The oldest first, then round-robin, see [`Rotation`](super::Rotation).
    #[default]
    FirstCome,
    /// By unit number.
    UnitNumber,
    /// As they come, but the leader last.
    LeaderLast,
    /// These units first, in this order; then the others as they come.
    First(Vec<UnitName>),
}

impl Sequence {
    /// How two requests compare; equal ones keep the order in which they come.
    pub(super) fn compare(&self, a: &Request, b: &Request, situation: &Situation<'_>) -> Ordering {
        let (a, b) = (&a.ticket.unit, &b.ticket.unit);
        match self {
            Self::FirstCome => Ordering::Equal,
            Self::UnitNumber => a.cmp(b),
            Self::LeaderLast => (a == situation.leader).cmp(&(b == situation.leader)),
            Self::First(units) => {
                let place = |unit| units.iter().position(|first| first == unit);
                let place = |unit| place(unit).unwrap_or(units.len());
                place(a).cmp(&place(b))
            }
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstCome => f.write_str("first-come"),
            Self::UnitNumber => f.write_str("unit-number"),
            Self::LeaderLast => f.write_str("leader-last"),
            Self::First(units) => {
                let units: Vec<String> = units.iter().map(ToString::to_string).collect();
                f.write_str(&units.join(","))
            }
        }
    }
}

/// An invalid order, and why it is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceError(NameError);

impl SequenceError {
    /// What is valid instead.
    pub fn hint(&self) -> String {
        "an order is first-come, unit-number, leader-last, or the units that go first: app/2,app/0"
            .to_owned()
    }
}

impl fmt::Display for SequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "neither an order nor units that go first: {}", self.0)
    }
}

impl std::error::Error for SequenceError {}

impl FromStr for Sequence {
    type Err = SequenceError;

    fn from_str(text: &str) -> Result<Self, SequenceError> {
        Ok(match text {
            "first-come" => Self::FirstCome,
            "unit-number" => Self::UnitNumber,
            "leader-last" => Self::LeaderLast,
            units => {
                let units = units.split(',').map(|unit| unit.trim().parse());
                Self::First(units.collect::<Result<_, _>>().map_err(SequenceError)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_written_as_it_is_read() {
        for text in ["first-come", "unit-number", "leader-last", "app/2,app/0"] {
            assert_eq!(text.parse::<Sequence>().unwrap().to_string(), text);
        }
        let error = "leader-first".parse::<Sequence>().unwrap_err();
        assert!(error.hint().contains("leader-last"), "{}", error.hint());
        assert!("".parse::<Sequence>().is_err());
    }
}
