//! Who waits for whom and why: a pure function of the databags, the same wherever it is asked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::{Line, LockName, LockRecord, Reading, Ticket, Turn, UnitName, UnitRecord, Wait};

/// The state of all locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The unit that produced this status; `None` if it was produced outside a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitName>,
    /// The unit that wrote the line, if there is one.
    pub leader: Option<UnitName>,
    /// Problems, if any.
    pub warnings: Vec<String>,
    /// Each lock, with all units that have ever requested it.
    pub locks: BTreeMap<LockName, LockStatus>,
}

/// The state of one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// If an operator has paused the lock: why nothing starts.
    pub paused: Option<String>,
    /// Its units: those in the line first, in its order.
    pub units: Vec<UnitStatus>,
}

/// A unit's state for one lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnitStatus {
    /// The unit.
    pub unit: UnitName,
    /// Where its request stands.
    pub place: Place,
    /// Its position in the line, from 1, among unfinished entries.
    pub position: Option<usize>,
    /// The units that must finish before it may start.
    pub waits_for: Vec<UnitName>,
    /// Why it has not begun although its turn has come, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// How many of its requests are finished.
    pub done: u64,
    /// How its last operation or attempt ended.
    pub last: Option<String>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// It is this unit's turn.
    Turn,
    /// It is in the line.
    InLine,
    /// The leader has not added it to the line yet.
    Requested,
    /// Nothing is requested.
    Idle,
    /// Its databag cannot be read.
    Unreadable,
}

impl Place {
    /// The place in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "its turn",
            Self::InLine => "in line",
            Self::Requested => "requested",
            Self::Idle => "idle",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Status {
    /// Where all requests stand, given the line and the units' records.
    pub fn of(line: &Reading<Line>, records: &BTreeMap<UnitName, Reading<UnitRecord>>) -> Self {
        let fault = line.fault().map(|fault| format!("the line: {fault}"));
        let line = line.good();
        let opening = line.and_then(|line| line.opening).map(|lost| {
            format!(
                "the line is not open yet: units may still follow relation {lost}, which others have lost; each \
                 unit confirms in its next hook that it does not"
            )
        });
        let good = records.values().filter_map(Reading::good);
        let asked = good.flat_map(|record| record.locks.keys());
        let lined = line.into_iter().flat_map(|line| line.locks.keys());
        let locks: BTreeSet<&LockName> = asked.chain(lined).collect();
        Self {
            unit: None,
            leader: line.map(|line| line.leader.clone()),
            warnings: fault.into_iter().chain(opening).collect(),
            locks: locks
                .into_iter()
                .map(|lock| (lock.clone(), lock_status(lock, line, records)))
                .collect(),
        }
    }
}

impl LockStatus {
    /// The state of one unit, if it has ever requested the lock.
    pub fn unit(&self, unit: &UnitName) -> Option<&UnitStatus> {
        self.units.iter().find(|known| known.unit == *unit)
    }
}

fn lock_status(
    lock: &LockName,
    line: Option<&Line>,
    records: &BTreeMap<UnitName, Reading<UnitRecord>>,
) -> LockStatus {
    let line = line
        .and_then(|line| line.locks.get(lock))
        .cloned()
        .unwrap_or_default();
    let finished = |ticket: &Ticket| {
        let record = records.get(&ticket.unit).and_then(Reading::good);
        record.is_some_and(|record| record.finished(lock, ticket))
    };
    let waiting: Vec<&Ticket> = line
        .entries
        .iter()
        .map(|entry| &entry.ticket)
        .filter(|ticket| !finished(ticket))
        .collect();
    let mut units: Vec<UnitStatus> = Vec::new();
    for (index, ticket) in waiting.iter().enumerate() {
        let (place, waits_for) = match line.turn(ticket, finished) {
            Turn::Start(_) => (Place::Turn, Vec::new()),
            Turn::Wait(Wait::Behind(ahead)) => (
                Place::InLine,
                ahead.into_iter().map(|ticket| ticket.unit).collect(),
            ),
            _ => (Place::InLine, Vec::new()),
        };
        let state = records
            .get(&ticket.unit)
            .and_then(Reading::good)
            .and_then(|r| r.locks.get(lock));
        units.push(UnitStatus {
            position: Some(index + 1),
            waits_for,
            ..unit_status(&ticket.unit, place, state)
        });
    }
    for (unit, record) in records {
        if units.iter().any(|known| &known.unit == unit) {
            continue;
        }
        match record {
            Reading::Good(record) => {
                let Some(state) = record.locks.get(lock) else {
                    continue;
                };
                let place = if state.seq > state.done {
                    Place::Requested
                } else {
                    Place::Idle
                };
                units.push(unit_status(unit, place, Some(state)));
            }
            Reading::Absent => {}
            Reading::Unreadable(_) | Reading::Foreign(_) => {
                units.push(unit_status(unit, Place::Unreadable, None));
            }
        }
    }
    LockStatus {
        paused: line.paused,
        units,
    }
}

fn unit_status(unit: &UnitName, place: Place, state: Option<&LockRecord>) -> UnitStatus {
    let last = state.and_then(|state| {
        let outcome = state.outcome.as_ref()?.as_str().to_owned();
        Some(match &state.reason {
            Some(why) => format!("{outcome}: {why}"),
            None => outcome,
        })
    });
    UnitStatus {
        unit: unit.clone(),
        place,
        position: None,
        waits_for: Vec::new(),
        held: state.and_then(|state| state.held.clone()),
        done: state.map_or(0, |state| state.done),
        last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::lock;
    use crate::{Entry, Incarnation, LockLine};

    fn name(unit: u32) -> UnitName {
        format!("app/{unit}").parse().unwrap()
    }

    fn line(units: &[u32]) -> Line {
        let entry = |&unit: &u32| Entry {
            ticket: Ticket {
                unit: name(unit),
                incarnation: Incarnation::from_random(unit),
                seq: 1,
            },
            limit: 1,
            wave: 0,
            unknown: BTreeMap::new(),
        };
        let entries = units.iter().map(entry).collect();
        let lines = LockLine {
            entries,
            ..LockLine::default()
        };
        Line {
            term: 1,
            version: 1,
            leader: name(0),
            opening: None,
            locks: BTreeMap::from([(lock(), lines)]),
            unknown: BTreeMap::new(),
        }
    }

    fn record(unit: u32, seq: u64, done: u64) -> (UnitName, Reading<UnitRecord>) {
        let mut record = UnitRecord::new(Incarnation::from_random(unit));
        let state = LockRecord {
            seq,
            done,
            ..LockRecord::default()
        };
        record.locks.insert(lock(), state);
        (name(unit), Reading::Good(record))
    }

    #[test]
    fn a_request_has_asked_then_moves_up_the_line_and_is_then_over() {
        let records = [
            record(0, 1, 1),
            record(1, 1, 0),
            record(2, 1, 0),
            record(3, 1, 0),
        ];
        let status = Status::of(&Reading::Good(line(&[0, 1, 2])), &records.into());
        let stands = |unit| {
            let unit = status.locks[&lock()].unit(&name(unit))?;
            Some((unit.place, unit.position, unit.waits_for.clone()))
        };
        assert_eq!(stands(0), Some((Place::Idle, None, vec![])));
        assert_eq!(stands(1), Some((Place::Turn, Some(1), vec![])));
        assert_eq!(stands(2), Some((Place::InLine, Some(2), vec![name(1)])));
        assert_eq!(stands(3), Some((Place::Requested, None, vec![])));
        assert_eq!(stands(4), None);
    }

    #[test]
    fn a_unit_that_is_held_back_says_why() {
        let (unit, mut read) = record(1, 1, 0);
        if let Reading::Good(record) = &mut read {
            record.locks.get_mut(&lock()).unwrap().held = Some("blocked: a backup".to_owned());
        }
        let status = Status::of(&Reading::Good(line(&[1])), &[(unit, read)].into());
        let unit = status.locks[&lock()].unit(&name(1)).unwrap();
        assert_eq!(unit.place, Place::Turn);
        assert_eq!(unit.held.as_deref(), Some("blocked: a backup"));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let unreadable = (name(1), Reading::Unreadable("expected value".to_owned()));
        let status = Status::of(&Reading::Good(line(&[0])), &[unreadable].into());
        let unit = status.locks[&lock()].unit(&name(1)).unwrap();
        assert_eq!(unit.place, Place::Unreadable);
        let garbage = Reading::Unreadable("expected value".to_owned());
        let status = Status::of(&garbage, &BTreeMap::new());
        assert!(status.warnings[0].starts_with("the line: "), "{status:?}");
    }

    #[test]
    fn a_line_that_is_not_open_yet_is_told() {
        let mut line = line(&[]);
        line.opening = Some(3);
        let status = Status::of(&Reading::Good(line), &BTreeMap::new());
        assert!(status.warnings[0].contains("relation 3"), "{status:?}");
    }
}
