//! What a hook knows about the other units.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Line, LockLine, LockName, Reading, Ticket, UnitName, UnitRecord};

/// The other units' records, read in this hook or remembered from an earlier one, and the tickets known to be finished.
///
/// Anything not read counts as unfinished: that can only make a unit wait longer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    records: BTreeMap<UnitName, Reading<UnitRecord>>,
    remembered: BTreeSet<UnitName>,
    finished: BTreeMap<LockName, Vec<Ticket>>,
}

impl View {
    /// A view that starts with tickets which an earlier hook saw finished.
    pub(crate) fn knowing(finished: BTreeMap<LockName, Vec<Ticket>>) -> Self {
        Self {
            finished,
            ..Self::default()
        }
    }

    /// Adds the value of a unit's databag.
    pub(crate) fn handle_record(&mut self, unit: UnitName, record: Reading<UnitRecord>) {
        self.remembered.remove(&unit);
        self.records.insert(unit, record);
    }

    /// Adds the value of a unit's databag as an earlier hook has read it.
    pub(crate) fn handle_remembered(&mut self, unit: UnitName, record: Reading<UnitRecord>) {
        self.remembered.insert(unit.clone());
        self.records.insert(unit, record);
    }

    /// Whether the unit's databag was read in this hook.
    pub(crate) fn has_read(&self, unit: &UnitName) -> bool {
        self.records.contains_key(unit) && !self.remembered.contains(unit)
    }

    /// What is known, by unit.
    pub(crate) fn records(&self) -> &BTreeMap<UnitName, Reading<UnitRecord>> {
        &self.records
    }

    /// Which of the line's tickets are known to be finished, for the [`View`] of a later hook: a finish is
    /// a stable fact, so its unit need not be read again.
    pub(crate) fn finished_of(&self, line: &Line) -> BTreeMap<LockName, Vec<Ticket>> {
        let of = |(lock, line): (&LockName, &LockLine)| {
            let tickets = line.entries.iter().map(|entry| &entry.ticket);
            let finished: Vec<Ticket> = tickets
                .filter(|ticket| self.finished(lock, ticket))
                .cloned()
                .collect();
            (!finished.is_empty()).then(|| (lock.clone(), finished))
        };
        line.locks.iter().filter_map(of).collect()
    }

    /// Whether the ticket is known to be finished.
    pub(crate) fn finished(&self, lock: &LockName, ticket: &Ticket) -> bool {
        let known = self
            .finished
            .get(lock)
            .is_some_and(|known| known.contains(ticket));
        known
            || self
                .records
                .get(&ticket.unit)
                .and_then(Reading::good)
                .is_some_and(|record| record.finished(lock, ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Incarnation;

    #[test]
    fn a_view_knows_what_it_was_given_and_what_it_has_read() {
        let lock: LockName = "restart".parse().unwrap();
        let ticket = |unit: u32| Ticket {
            unit: format!("app/{unit}").parse().unwrap(),
            incarnation: Incarnation::from_random(unit),
            seq: 1,
        };
        let mut view = View::knowing(BTreeMap::from([(lock.clone(), vec![ticket(1)])]));
        assert!(view.finished(&lock, &ticket(1)) && !view.finished(&lock, &ticket(2)));
        let unit = ticket(2).unit;
        assert!(!view.has_read(&unit));
        view.handle_record(unit.clone(), Reading::Absent);
        assert!(view.has_read(&unit));
    }
}
