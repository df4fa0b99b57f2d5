//! What the units' databags say about the line, for display.

use std::collections::BTreeMap;

use ops_coordinator_core::{Line, LockName, Ticket, UnitRecord, decode_line, decode_record};
use ops_coordinator_lab::world::{UnitStatus, World};

use super::LOCK;

/// The databags of the example charm.
pub(super) struct Bags {
    line: Option<Line>,
    records: BTreeMap<String, UnitRecord>,
}

/// Where a request that is not finished stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// It is not in the line yet.
    Asked,
    /// This many are ahead of it in the line.
    InLine(usize),
}

impl Bags {
    /// Reads the databags as they are committed now.
    pub(super) fn read(world: &World, application: &str) -> Self {
        let value = |unit| {
            let bag = world.databag(application, "coordinator", unit)?;
            bag.get("ops-coordinator").cloned()
        };
        let record = |unit: &UnitStatus| {
            let value = value(Some(unit.unit.number()))?;
            let record = decode_record(Some(&value)).good()?.clone();
            Some((unit.unit.to_string(), record))
        };
        Self {
            line: value(None).and_then(|value| decode_line(Some(&value)).good().cloned()),
            records: world.units().iter().filter_map(record).collect(),
        }
    }

    /// Where the request of a unit stands; `None` if it has none.
    pub(super) fn position(&self, unit: &str) -> Option<Position> {
        let lock: LockName = LOCK.parse().ok()?;
        let ticket = self
            .records
            .get(unit)?
            .outstanding(&unit.parse().ok()?, &lock)?;
        let entries = self.line.as_ref().and_then(|line| line.locks.get(&lock));
        let entries = entries.map_or(&[][..], |line| &line.entries);
        let place = entries.iter().position(|entry| entry.ticket == ticket);
        let Some(place) = place else {
            return Some(Position::Asked);
        };
        let finished = |ticket: &Ticket| {
            let record = self.records.get(&ticket.unit.to_string());
            record.is_some_and(|record| record.finished(&lock, ticket))
        };
        let ahead = entries[..place]
            .iter()
            .filter(|entry| !finished(&entry.ticket))
            .count();
        Some(Position::InLine(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_coordinator_core::{Entry, Incarnation, LockLine, LockRecord};

    fn ticket(unit: u32) -> Ticket {
        Ticket {
            unit: format!("shell/{unit}").parse().unwrap(),
            incarnation: Incarnation::from_random(unit),
            seq: 1,
        }
    }

    fn record(unit: u32, done: u64) -> (String, UnitRecord) {
        let mut record = UnitRecord::new(Incarnation::from_random(unit));
        let state = LockRecord {
            seq: 1,
            done,
            ..LockRecord::default()
        };
        record.locks.insert(LOCK.parse().unwrap(), state);
        (format!("shell/{unit}"), record)
    }

    #[test]
    fn a_request_has_asked_then_moves_up_the_line_and_is_then_over() {
        let entry = |unit| Entry {
            ticket: ticket(unit),
            limit: 1,
            wave: 0,
            unknown: BTreeMap::new(),
        };
        let entries = vec![entry(0), entry(1), entry(2)];
        let lock = LockLine {
            entries,
            ..LockLine::default()
        };
        let line = Line {
            term: 1,
            version: 1,
            leader: "shell/0".parse().unwrap(),
            locks: BTreeMap::from([(LOCK.parse().unwrap(), lock)]),
            unknown: BTreeMap::new(),
            opening: None,
        };
        let records = [record(0, 1), record(1, 0), record(2, 0), record(3, 0)];
        let bags = Bags {
            line: Some(line),
            records: records.into(),
        };
        let positions = [0, 1, 2, 3, 4].map(|unit| bags.position(&format!("shell/{unit}")));
        let in_line = |ahead| Some(Position::InLine(ahead));
        assert_eq!(
            positions,
            [None, in_line(0), in_line(1), Some(Position::Asked), None]
        );
    }
}
