//! Watches a run and says what is wrong, as soon as it is.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::invariant::{Violation, counters_only_grow};
use ops_coordinator_core::{
    KEY, Line, LockName, Reading, Ticket, UnitRecord, decode_line, decode_record,
};
use ops_coordinator_lab::World;
use ops_coordinator_lab::history::{Event, Happening, Life, Outcome};

use super::line::line_may_follow;
use super::unit::Note;
use crate::charm::ENDPOINT;

/// What the referee knows of a run.
#[derive(Debug, Default)]
pub(super) struct Referee {
    line: Option<Line>,
    records: BTreeMap<String, UnitRecord>,
    gone: BTreeSet<String>,
    /// Who has asked for which lock since its operation last began, in a hook that succeeded.
    owed: BTreeSet<(String, usize)>,
    /// The same, in hooks that have not ended.
    asked: BTreeSet<(String, usize)>,
    /// The highest request number whose operation came to a good end.
    finished: BTreeMap<(String, String, usize), u64>,
    pub(super) turns: u64,
}

impl Referee {
    /// Who waits for a turn.
    pub(super) fn waiting(&self) -> Vec<String> {
        self.owed.iter().map(|(unit, _)| unit.clone()).collect()
    }

    pub(super) fn hear(&mut self, note: &Note) -> Result<(), Violation> {
        match note {
            Note::Asked(unit, locks) => {
                self.asked
                    .extend(locks.iter().map(|lock| (unit.clone(), *lock)));
            }
            Note::Began(ticket, lock) => {
                let place = (ticket.unit.to_string(), *lock);
                self.asked.remove(&place);
                self.owed.remove(&place);
                if self
                    .finished
                    .get(&key(ticket, *lock))
                    .is_some_and(|seq| *seq >= ticket.seq)
                {
                    return Err(Violation {
                        invariant: "finished-never-runs-again",
                        found: format!("{ticket} began again"),
                    });
                }
            }
            Note::Finished(ticket, lock) => {
                self.turns += 1;
                let seq = self.finished.entry(key(ticket, *lock)).or_default();
                *seq = ticket.seq.max(*seq);
            }
            Note::Wake(..) => {}
        }
        Ok(())
    }

    pub(super) fn see(&mut self, event: &Event, world: &World) -> Result<(), Violation> {
        match &event.happening {
            Happening::Commit {
                unit,
                unit_keys,
                app_keys,
                ..
            } => {
                let ours = |keys: &[String]| keys.iter().any(|name| name.ends_with(KEY));
                if ours(unit_keys) {
                    self.see_record(&unit.to_string(), unit.number(), world)?;
                }
                if ours(app_keys) {
                    self.see_line(world)?;
                }
            }
            Happening::HookEnd { unit, outcome, .. } => {
                let (unit, done) = (unit.to_string(), *outcome == Outcome::Done);
                let asked = std::mem::take(&mut self.asked);
                let (ended, still) = asked.into_iter().partition(|(asked, _)| *asked == unit);
                self.asked = still;
                let ended: BTreeSet<(String, usize)> = ended;
                self.owed.extend(ended.into_iter().filter(|_| done));
            }
            Happening::Life {
                unit,
                life: Life::Dead,
            } => {
                let unit = unit.to_string();
                self.asked.retain(|(asked, _)| *asked != unit);
                self.owed.retain(|(owed, _)| *owed != unit);
                self.gone.insert(unit);
            }
            _ => {}
        }
        Ok(())
    }

    fn see_record(&mut self, unit: &str, number: u32, world: &World) -> Result<(), Violation> {
        let bag = world
            .databag("app", ENDPOINT, Some(number))
            .unwrap_or_default();
        let Reading::Good(record) = decode_record(bag.get(KEY).map(String::as_str)) else {
            return Err(unsound(unit));
        };
        let before = self.records.insert(unit.to_owned(), record.clone());
        before.map_or(Ok(()), |before| counters_only_grow(&before, &record))
    }

    fn see_line(&mut self, world: &World) -> Result<(), Violation> {
        let bag = world.databag("app", ENDPOINT, None).unwrap_or_default();
        let Reading::Good(line) = decode_line(bag.get(KEY).map(String::as_str)) else {
            return Err(unsound("the application"));
        };
        let over = |lock: &LockName, ticket: &Ticket| {
            let unit = ticket.unit.to_string();
            let record = self.records.get(&unit);
            self.gone.contains(&unit) || record.is_some_and(|record| record.finished(lock, ticket))
        };
        line_may_follow(self.line.as_ref(), &line, over)?;
        self.line = Some(line);
        Ok(())
    }
}

fn key(ticket: &Ticket, lock: usize) -> (String, String, usize) {
    (
        ticket.unit.to_string(),
        ticket.incarnation.to_string(),
        lock,
    )
}

fn unsound(whose: &str) -> Violation {
    Violation {
        invariant: "values-are-sound",
        found: format!("the databag of {whose} does not decode"),
    }
}
