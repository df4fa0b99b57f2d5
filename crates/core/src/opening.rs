//! How a line opens on a relation to which units have moved from another one.
//!
//! Juju can list two relations of one endpoint, and units may lose sight of the one whose line they follow at
//! different moments. Whoever has lost it follows the next, while others are still inside by the old line. So the
//! new line stays empty until each unit that the controller knows has said that it does not follow the old
//! relation. Juju does not show a relation again that it has ceased to show. Then those whose operation had begun
//! come first.

use crate::{Lead, Reading, UnitName};

/// What the leader knows of who may still follow a relation that others have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Census {
    /// Nobody has lost a relation, as far as the leader knows, or the line is open.
    NotNeeded,
    /// Ask all units whether they follow the relation with this number.
    Announce(u64),
    /// Ask the controller which units there are.
    AskController,
    /// Some have not answered. `wake`: some of them are not members, so that no event tells when they do.
    Wait { wake: bool },
    /// All have left it.
    Complete,
}

pub(crate) fn census(input: &Lead<'_>) -> Census {
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
    // Units may have moved again, from one that others follow yet.
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
