//! Who waits for whom and why, as this unit sees it.

use std::collections::BTreeMap;

use ops_coordinator_core::{Line, LockName, LockRecord, Reading, Ticket, UnitName, UnitRecord};
use serde::Serialize;

use crate::Error;
use crate::hook::Hook;

/// The state of all locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The unit that produced this status.
    pub unit: UnitName,
    /// The unit that wrote the line, if there is one.
    pub leader: Option<UnitName>,
    /// Problems, if any.
    pub warnings: Vec<String>,
    /// Each lock, with all units that have ever requested it.
    pub locks: BTreeMap<LockName, LockStatus>,
}

/// The state of one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LockStatus {
    /// If an operator has paused the lock: why nothing starts.
    pub paused: Option<String>,
    /// Its units: those in the line first, in its order.
    pub units: Vec<UnitStatus>,
}

/// A unit's state for one lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitStatus {
    /// The unit.
    pub unit: UnitName,
    /// Where its request stands.
    pub place: Place,
    /// Its position in the line, from 1, among unfinished entries.
    pub position: Option<usize>,
    /// The units that must finish before it may start.
    pub waits_for: Vec<UnitName>,
    /// How many of its requests are finished.
    pub done: u64,
    /// How its last operation or attempt ended.
    pub last: Option<String>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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

impl Hook {
    /// Reads every unit's record and reports where all requests stand. Costs one hook tool call per unit.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn status(&mut self) -> Result<Status, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let own = self.load_unit()?.record().clone();
        if let Some(relation) = self.relation.clone() {
            for unit in self.tools.relation_list(&relation)? {
                self.read_peer(&unit);
            }
        }
        let mut records: BTreeMap<UnitName, Reading<UnitRecord>> = self.view.records().clone();
        records.insert(self.environment.unit.clone(), Reading::Good(own));
        let mut status = Status {
            unit: self.environment.unit.clone(),
            leader: self.line.good().map(|line| line.leader.clone()),
            warnings: std::mem::take(&mut self.warnings),
            locks: BTreeMap::new(),
        };
        status
            .warnings
            .extend(self.line.fault().map(|fault| format!("the line: {fault}")));
        let opening = self.line.good().and_then(|line| line.opening);
        status.warnings.extend(opening.map(|lost| {
            format!(
                "the line is not open yet: units may still follow relation {}:{lost}, which others have lost; each unit \
                 confirms in its next hook that it does not",
                self.state.endpoint()
            )
        }));
        let asked = records
            .values()
            .filter_map(Reading::good)
            .flat_map(|record| record.locks.keys());
        let lined = self
            .line
            .good()
            .into_iter()
            .flat_map(|line| line.locks.keys());
        for lock in asked.chain(lined) {
            if !status.locks.contains_key(lock) {
                status
                    .locks
                    .insert(lock.clone(), lock_status(lock, self.line.good(), &records));
            }
        }
        Ok(status)
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
            ops_coordinator_core::Turn::Start(_) => (Place::Turn, Vec::new()),
            ops_coordinator_core::Turn::Wait(ops_coordinator_core::Wait::Behind(ahead)) => (
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
        done: state.map_or(0, |state| state.done),
        last,
    }
}
