//! The journal: what a unit remembers on its own disk, ahead of what Juju has committed.
//!
//! It keeps a finished operation from running again when Juju retries its hook, and tells an
//! operation that was cut off which attempt it is. It never decides whose turn it is. Lost, it costs
//! at most one repeated operation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Incarnation, Line, LockName, LockRecord, Ticket, UnitName, UnitRecord, View};

/// A unit's journal, for all its locks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The life of the unit that wrote it; absent before the first request.
    #[serde(default, rename = "id", skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// What is known of each lock.
    #[serde(default)]
    pub locks: BTreeMap<LockName, LockJournal>,
    /// Whether an earlier hook has read back from the unit's databag what this journal says. While it
    /// is so, and the unit only waits, its own databag need not be read again.
    #[serde(default)]
    pub confirmed: bool,
}

/// The journal of one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockJournal {
    /// The lock's state as this unit last published it, or is about to.
    pub record: LockRecord,
    /// The last operation that was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Started>,
    /// What was asked for, by request number; opaque here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payload: BTreeMap<u64, Value>,
    /// Tickets of the present line that an earlier hook saw finished. A finish is a stable fact, so
    /// their units need not be read again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<Ticket>,
}

/// An operation that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The number of its request.
    pub seq: u64,
    /// How often it was begun, from 1.
    pub attempt: u16,
    /// Whether this attempt has come to an end of its own, good or bad. If not, it was cut off.
    pub ended: bool,
}

impl Journal {
    /// The tickets for which the unit only waits, where the journal alone tells that: an earlier hook has
    /// confirmed it, and the line has every outstanding request. Spares a waiting unit's hook the
    /// reading of its own databag.
    pub fn waiting(&self, unit: &UnitName, line: &Line) -> Option<Vec<(LockName, Ticket)>> {
        let incarnation = self.incarnation.clone().filter(|_| self.confirmed)?;
        let mut record = UnitRecord::new(incarnation);
        self.write_to(&mut record);
        let mut tickets = Vec::new();
        for lock in record.locks.keys() {
            let Some(ticket) = record.outstanding(unit, lock) else {
                continue;
            };
            let in_line = line.locks.get(lock)?;
            in_line.position(&ticket)?;
            if in_line.cancelled.contains(&ticket) {
                return None;
            }
            tickets.push((lock.clone(), ticket));
        }
        (!tickets.is_empty()).then_some(tickets)
    }

    /// Remembers which tickets of the line were seen finished, so that later hooks need not read
    /// those units again.
    pub fn handle_view(&mut self, unit: &UnitName, line: &Line, view: &View) {
        for (lock, kept) in &mut self.locks {
            let entries = line
                .locks
                .get(lock)
                .map(|line| line.entries.as_slice())
                .unwrap_or_default();
            kept.finished = entries
                .iter()
                .map(|entry| &entry.ticket)
                .filter(|ticket| &ticket.unit != unit && view.finished(lock, ticket))
                .cloned()
                .collect();
        }
    }

    /// The tickets that earlier hooks saw finished: where a [`View`] starts.
    pub fn known_finished(&self) -> BTreeMap<LockName, Vec<Ticket>> {
        self.locks
            .iter()
            .map(|(lock, kept)| (lock.clone(), kept.finished.clone()))
            .collect()
    }

    /// Brings a record and the journal to the newest of what either knows. Both counters only grow,
    /// so the greater one is right, whichever hook's commit was lost.
    pub(crate) fn join(&mut self, record: &mut UnitRecord) {
        if self.incarnation.as_ref() != Some(&record.incarnation) {
            *self = Self {
                incarnation: Some(record.incarnation.clone()),
                ..Self::default()
            };
        }
        for (lock, published) in &record.locks {
            let kept = &mut self.locks.entry(lock.clone()).or_default().record;
            if (published.done, published.seq) > (kept.done, kept.seq) {
                *kept = LockRecord {
                    seq: published.seq.max(kept.seq),
                    ..published.clone()
                };
            } else {
                kept.seq = kept.seq.max(published.seq);
                kept.unknown = published.unknown.clone();
            }
        }
        self.write_to(record);
    }

    /// Copies the locks' states into the record.
    pub(crate) fn write_to(&self, record: &mut UnitRecord) {
        record.locks = self
            .locks
            .iter()
            .map(|(name, lock)| (name.clone(), lock.record.clone()))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, LockLine, Outcome, Reading};

    fn lock() -> LockName {
        "restart".parse().unwrap()
    }

    fn name(unit: u32) -> UnitName {
        format!("app/{unit}").parse().unwrap()
    }

    fn ticket(unit: u32) -> Ticket {
        Ticket {
            unit: name(unit),
            incarnation: Incarnation::from_random(unit),
            seq: 1,
        }
    }

    fn record(unit: u32, state: LockRecord) -> UnitRecord {
        let mut record = UnitRecord::new(Incarnation::from_random(unit));
        record.locks.insert(lock(), state);
        record
    }

    fn state(seq: u64, done: u64) -> LockRecord {
        LockRecord {
            seq,
            done,
            ..LockRecord::default()
        }
    }

    fn line(units: &[u32]) -> Line {
        let entries = units
            .iter()
            .map(|&unit| Entry {
                ticket: ticket(unit),
                limit: 1,
                wave: 0,
                unknown: BTreeMap::new(),
            })
            .collect();
        let lock_line = LockLine {
            entries,
            ..LockLine::default()
        };
        Line {
            term: 1,
            version: 1,
            leader: name(0),
            locks: BTreeMap::from([(lock(), lock_line)]),
            unknown: BTreeMap::new(),
        }
    }

    #[test]
    fn others_that_were_seen_finished_are_remembered_while_they_are_in_the_line() {
        let mut view = View::default();
        for (unit, done) in [(0, 1), (1, 1), (2, 0), (3, 1)] {
            view.handle_record(name(unit), Reading::Good(record(unit, state(1, done))));
        }
        let mut journal = Journal::default();
        journal.locks.insert(lock(), LockJournal::default());
        journal.handle_view(&name(3), &line(&[0, 1, 2, 3]), &view);
        assert_eq!(
            journal.known_finished()[&lock()],
            [ticket(0), ticket(1)],
            "neither who is unfinished nor the unit itself"
        );
        journal.handle_view(&name(3), &line(&[1, 2, 3]), &view);
        assert_eq!(journal.known_finished()[&lock()], [ticket(1)]);
    }

    fn joined(kept: LockRecord, published: LockRecord) -> LockRecord {
        let mut journal = Journal {
            incarnation: Some(Incarnation::from_random(1)),
            ..Journal::default()
        };
        journal.locks.entry(lock()).or_default().record = kept;
        let mut record = record(1, published);
        journal.join(&mut record);
        assert_eq!(record.locks[&lock()], journal.locks[&lock()].record);
        record.locks[&lock()].clone()
    }

    #[test]
    fn the_greater_counters_are_right_wherever_they_are() {
        let counters = |state: LockRecord| (state.seq, state.done);
        assert_eq!(counters(joined(state(3, 1), state(2, 2))), (3, 2));
        assert_eq!(counters(joined(state(2, 2), state(3, 1))), (3, 2));
        assert_eq!(counters(joined(state(1, 1), state(2, 1))), (2, 1));
    }

    #[test]
    fn of_two_equal_records_the_journals_is_the_newer() {
        let failed = LockRecord {
            outcome: Some(Outcome::Failed),
            ..state(1, 0)
        };
        assert_eq!(joined(failed.clone(), state(1, 0)), failed);
    }
}
