//! How a line opens on a relation to which units have moved from another one.
//!
//! Juju can list two relations for one endpoint, and units may lose sight of the one whose line they follow at
//! different moments. A unit that has lost it follows the next one, while others are still inside under the old line.
//! So the new line stays empty until each unit that the controller knows has said that it no longer follows the old
//! relation. (Juju never shows a relation again once it has stopped showing it.) Then units whose operation had
//! already begun go first.

use super::Lead;
use crate::{Reading, UnitName};

/// What the leader knows about units that may still follow a relation which others have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Census {
    /// As far as the leader knows, no unit has lost a relation, or the line is open.
    NotNeeded,
    /// Ask all units whether they follow the relation with this number.
    Announce(u64),
    /// Ask the controller which units there are.
    AskController,
    /// Some have not answered. `wake`: some of these are not members, so no event announces their answer.
    Wait { wake: bool },
    /// All units have left it.
    Complete,
}

pub(super) fn census(input: &Lead<'_>) -> Census {
    let records = input.view.records();
    let told = records.values().filter_map(|record| record.good()?.beyond);
    let told = told.max().max(input.unit.record().beyond);
    let asked = match input.unit.line() {
        Reading::Absent => {
            let lost = input.lost.max(told);
            return lost.map_or(Census::NotNeeded, Census::Announce);
        }
        Reading::Good(line) => line.opening,
        Reading::Unreadable(_) | Reading::Foreign(_) => None,
    };
    let Some(asked) = asked else {
        return Census::NotNeeded;
    };
    // Units may have moved again, from a relation that others still follow.
    if let Some(newer) = told.filter(|told| *told > asked) {
        return Census::Announce(newer);
    }
    let Some(alive) = input.alive else {
        return Census::AskController;
    };
    let has_left = |unit: &UnitName| {
        let record = records.get(unit).and_then(Reading::good);
        unit == input.unit.name() || record.is_some_and(|record| record.beyond >= Some(asked))
    };
    let mut missing = alive.iter().filter(|unit| !has_left(unit)).peekable();
    if missing.peek().is_none() {
        return Census::Complete;
    }
    Census::Wait {
        wake: missing.any(|unit| !input.members.contains(unit)),
    }
}
