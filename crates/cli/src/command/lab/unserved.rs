//! Requests that were not served, according to the units' databags.

use std::collections::BTreeMap;

use ops_coordinator_core::wire::{
    KEY, Line, LockLine, LockRecord, Reading, UnitRecord, decode_line, decode_record,
};
use ops_coordinator_core::{LockName, Status, Ticket, Turn, UnitName};
use ops_coordinator_lab::RelationId;
use ops_coordinator_lab::history::Life;
use ops_coordinator_lab::scenario::Expectation;
use ops_coordinator_lab::world::{AgentStatus, UnitStatus, World};

/// Requests that are outstanding, by unit and lock, with what each of them waits for.
pub(super) type Unserved = BTreeMap<String, BTreeMap<String, String>>;

/// What is published in one peer relation.
struct Bags {
    line: Option<Line>,
    records: BTreeMap<UnitName, UnitRecord>,
    status: Status,
}

/// The requests of units that live and could be served.
pub(super) fn unserved(world: &World) -> Unserved {
    let units = world.units();
    let mut bags: BTreeMap<RelationId, Bags> = BTreeMap::new();
    let mut found = Unserved::new();
    for status in units.iter().filter(|status| can_be_served(status)) {
        let Ok(unit) = status.unit.to_string().parse::<UnitName>() else {
            continue;
        };
        let relations: Vec<RelationId> = world
            .relations_seen_by(&status.unit)
            .into_iter()
            .map(|(_, relation)| relation)
            .collect();
        for relation in &relations {
            let read = || Bags::read(world, *relation, &units);
            bags.entry(*relation).or_insert_with(read);
        }
        let seen: Vec<&Bags> = relations.iter().filter_map(|id| bags.get(id)).collect();
        let requests = seen.iter().flat_map(|bags| bags.outstanding(&unit, &seen));
        let requests: BTreeMap<String, String> = requests.collect();
        if !requests.is_empty() {
            found.insert(unit.to_string(), requests);
        }
    }
    found
}

fn can_be_served(status: &UnitStatus) -> bool {
    status.life == Life::Alive && status.agent != AgentStatus::Lost
}

impl Bags {
    fn read(world: &World, relation: RelationId, units: &[UnitStatus]) -> Self {
        let value = |application: &str, unit| {
            let bag = world.databag_of(application, relation, unit)?;
            bag.get(KEY).cloned()
        };
        let record = |status: &UnitStatus| {
            let unit = &status.unit;
            let value = value(unit.application(), Some(unit.number()))?;
            Some((unit.to_string().parse().ok()?, decode_record(Some(&value))))
        };
        let application = units.first().map(|status| status.unit.application());
        let line = application.and_then(|application| value(application, None));
        let line = decode_line(line.as_deref());
        let readings: BTreeMap<UnitName, _> = units.iter().filter_map(record).collect();
        let good = |(unit, record): (&UnitName, &Reading<UnitRecord>)| {
            Some((unit.clone(), record.good()?.clone()))
        };
        Self {
            status: Status::of(&line, &readings),
            line: line.good().cloned(),
            records: readings.iter().filter_map(good).collect(),
        }
    }

    /// The requests of a unit that are outstanding here, and not finished in any relation that it sees: if an
    /// endpoint has two, data left in one of them may be old.
    fn outstanding(&self, unit: &UnitName, seen: &[&Self]) -> Vec<(String, String)> {
        let Some(record) = self.records.get(unit) else {
            return Vec::new();
        };
        let open = |(lock, state): (&LockName, &LockRecord)| {
            let ticket = record.outstanding(unit, lock)?;
            let last = Ticket {
                seq: state.seq,
                ..ticket.clone()
            };
            let served = |bags: &&Self| bags.finished(lock, &last);
            if seen.iter().any(served) {
                return None;
            }
            Some((lock.to_string(), self.why(lock, &ticket, state)))
        };
        let asked = record.locks.iter().filter_map(open);
        asked.chain(self.called(unit, record)).collect()
    }

    /// The locks for which a campaign calls a unit that has asked for nothing.
    fn called(&self, unit: &UnitName, record: &UnitRecord) -> Vec<(String, String)> {
        let lines = self.line.iter().flat_map(|line| &line.locks);
        let is_called = |(lock, line): &(&LockName, &LockLine)| {
            record.outstanding(unit, lock).is_none()
                && line.calls(record.locks.get(*lock)).is_some()
        };
        let why = |(lock, _): (&LockName, &LockLine)| {
            let status = self.status.locks.get(lock);
            let said = status.and_then(|status| status.unit(unit)?.wait.clone());
            (
                lock.to_string(),
                said.unwrap_or_else(|| "a campaign calls it".to_owned()),
            )
        };
        lines.filter(is_called).map(why).collect()
    }

    fn finished(&self, lock: &LockName, ticket: &Ticket) -> bool {
        let record = self.records.get(&ticket.unit);
        record.is_some_and(|record| record.finished(lock, ticket))
    }

    /// What a request waits for.
    fn why(&self, lock: &LockName, ticket: &Ticket, state: &LockRecord) -> String {
        let line = self.line.as_ref().and_then(|line| line.locks.get(lock));
        let turn = line
            .unwrap_or(&LockLine::default())
            .turn(ticket, |other| self.finished(lock, other));
        match turn {
            Turn::Wait(wait) => {
                let status = self.status.locks.get(lock);
                let said = status.and_then(|status| status.unit(&ticket.unit)?.wait.clone());
                said.unwrap_or_else(|| wait.to_string())
            }
            Turn::Start(_) | Turn::NotRequested => match (state.outcome.as_ref(), &state.reason) {
                (Some(outcome), Some(why)) => {
                    format!(
                        "it is its turn; the last attempt: {}, {why}",
                        outcome.as_str()
                    )
                }
                _ => "it is its turn".to_owned(),
            },
        }
    }
}

/// Differences between the unserved requests and what a scenario expects of the units that it names.
pub(super) fn unmet(world: &World, expected: &Expectation) -> Vec<String> {
    if expected.unserved.is_empty() {
        return Vec::new();
    }
    let found = unserved(world);
    let problem = |(unit, wanted): (&String, &Vec<String>)| {
        let found: Vec<String> = found
            .get(unit)
            .into_iter()
            .flat_map(|r| r.keys().cloned())
            .collect();
        let mut wanted = wanted.clone();
        wanted.sort();
        let words = |locks: &[String]| match locks {
            [] => "nothing".to_owned(),
            _ => locks.join(" "),
        };
        (wanted != found).then(|| {
            let (wanted, found) = (words(&wanted), words(&found));
            format!("unserved requests of {unit}: expected {wanted}, found {found}")
        })
    };
    expected.unserved.iter().filter_map(problem).collect()
}

/// All requests that are unserved, one sentence each.
pub(super) fn all(world: &World) -> Vec<String> {
    problems(&unserved(world), &Expectation::default())
}

/// Requests that are unexpectedly unserved at the end of a run, one sentence each.
pub(super) fn problems(unserved: &Unserved, expected: &Expectation) -> Vec<String> {
    let mut problems = Vec::new();
    for (unit, requests) in unserved {
        for (lock, why) in requests {
            let excused = expected.unserved.get(unit);
            if !excused.is_some_and(|locks| locks.contains(lock)) {
                problems.push(format!("{unit} asked for {lock} and was not served: {why}"));
            }
        }
    }
    problems
}
