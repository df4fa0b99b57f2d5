//! Reads a history event by event and says what is wrong, as soon as it is.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::invariant::{Violation, counters_only_grow};
use ops_coordinator_core::{
    Incarnation, KEY, Line, LockName, Outcome, Reading, Ticket, Turn, UnitRecord, Wait,
    decode_line, decode_record,
};
use ops_coordinator_lab::history::{Event, Happening, Life};

use super::line::line_may_follow;

/// One life of a unit, and a lock: what request numbers count for.
type Course = (String, Incarnation, LockName);

/// What is known of a history so far.
#[derive(Debug, Default)]
pub struct Referee {
    line: Option<Line>,
    records: BTreeMap<String, UnitRecord>,
    gone: BTreeSet<String>,
    /// Whose operation is under way, and for which request.
    inside: BTreeMap<(String, LockName), Ticket>,
    /// What came to a good end in the hook that a unit now runs.
    ended: BTreeMap<String, Vec<Course>>,
    /// The highest request number whose operation came to a good end.
    served: BTreeMap<Course, u64>,
    /// The same, where the process came to a good end of its own: its unit knows. A charm that fails after its
    /// operation may mean that the operation has, so that it runs again.
    known: BTreeMap<Course, u64>,
}

impl Referee {
    /// Takes note of the next event.
    ///
    /// # Errors
    /// The promise that it breaks.
    pub fn see(&mut self, event: &Event) -> Result<(), Violation> {
        match &event.happening {
            Happening::Commit {
                unit,
                unit_writes,
                app_writes,
                ..
            } => {
                if let Some(value) = ours(unit_writes) {
                    self.see_record(&unit.to_string(), value)?;
                }
                if let Some(value) = ours(app_writes) {
                    self.see_line(value)?;
                }
            }
            Happening::Enter { unit, lock } => self.see_entry(&unit.to_string(), lock)?,
            Happening::Leave { unit, lock } => self.see_end(&unit.to_string(), lock),
            Happening::HookBegin { unit, .. } => drop(self.ended.remove(&unit.to_string())),
            Happening::HookEnd { unit, code, .. } => {
                let ended = self.ended.remove(&unit.to_string()).unwrap_or_default();
                for course in ended.into_iter().filter(|_| *code == Some(0)) {
                    let seq = self.served.get(&course).copied().unwrap_or_default();
                    self.known.insert(course, seq);
                }
            }
            Happening::Life {
                unit,
                life: Life::Dead,
            } => {
                let unit = unit.to_string();
                self.inside.retain(|(inside, _), _| *inside != unit);
                self.gone.insert(unit);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether nobody waits.
    ///
    /// # Errors
    /// `nobody-waits-at-rest`: who does.
    pub fn at_rest(&self) -> Result<(), Violation> {
        let waiting = |found| {
            let invariant = "nobody-waits-at-rest";
            Err(Violation { invariant, found })
        };
        if let Some(((unit, lock), _)) = self.inside.iter().next() {
            return waiting(format!("{unit} is inside lock {lock}"));
        }
        let living = self
            .records
            .iter()
            .filter(|(unit, _)| !self.gone.contains(*unit));
        for (unit, record) in living {
            if let Some((lock, state)) = record
                .locks
                .iter()
                .find(|(_, state)| state.done < state.seq)
            {
                return waiting(format!(
                    "{unit} waits for lock {lock} with request {}",
                    state.seq
                ));
            }
        }
        Ok(())
    }

    fn see_record(&mut self, unit: &str, value: &str) -> Result<(), Violation> {
        let Reading::Good(record) = decode_record(Some(value)) else {
            return Err(unsound(unit));
        };
        let before = self.records.insert(unit.to_owned(), record.clone());
        if let Some(before) = before {
            counters_only_grow(&before, &record)?;
        }
        for (lock, state) in &record.locks {
            let course = (unit.to_owned(), record.incarnation.clone(), lock.clone());
            let served = self.served.get(&course).copied().unwrap_or_default();
            if state.outcome == Some(Outcome::Done) && state.done > served {
                return Err(Violation {
                    invariant: "every-request-is-served",
                    found: format!(
                        "{unit} says that request {} for lock {lock} is done, but what it has done is {served}",
                        state.done
                    ),
                });
            }
        }
        Ok(())
    }

    fn see_line(&mut self, value: &str) -> Result<(), Violation> {
        let Reading::Good(line) = decode_line(Some(value)) else {
            return Err(unsound("the application"));
        };
        line_may_follow(self.line.as_ref(), &line, |lock, ticket| {
            self.over(lock, ticket)
        })?;
        self.line = Some(line);
        Ok(())
    }

    /// Whether a ticket's request is over, in truth.
    fn over(&self, lock: &LockName, ticket: &Ticket) -> bool {
        let unit = ticket.unit.to_string();
        let record = self.records.get(&unit);
        self.gone.contains(&unit) || record.is_some_and(|record| record.finished(lock, ticket))
    }

    fn see_entry(&mut self, unit: &str, lock: &str) -> Result<(), Violation> {
        let Ok(lock) = lock.parse::<LockName>() else {
            return Ok(());
        };
        let place = (unit.to_owned(), lock.clone());
        // What was cut off begins again.
        if self.inside.contains_key(&place) {
            return Ok(());
        }
        let broken = |invariant, found| Err(Violation { invariant, found });
        let life = self.records.get(unit).map(|record| &record.incarnation);
        let line = self.line.as_ref().and_then(|line| line.locks.get(&lock));
        let entry = line.and_then(|line| {
            let own = |ticket: &Ticket| {
                ticket.unit.to_string() == unit && Some(&ticket.incarnation) == life
            };
            line.entries.iter().find(|entry| own(&entry.ticket))
        });
        let (Some(line), Some(entry)) = (line, entry) else {
            let found = format!("{unit} begins, and is not in the line of lock {lock}");
            return broken("starts-only-in-turn", found);
        };
        let ticket = entry.ticket.clone();
        let course = (unit.to_owned(), ticket.incarnation.clone(), lock.clone());
        let known = self.known.get(&course).copied().unwrap_or_default();
        if known >= ticket.seq || self.over(&lock, &ticket) {
            return broken(
                "finished-never-runs-again",
                format!("{ticket} begins again"),
            );
        }
        if let Turn::Wait(Wait::Behind(ahead)) =
            line.turn(&ticket, |ticket| self.over(&lock, ticket))
        {
            let ahead: Vec<String> = ahead.iter().map(ToString::to_string).collect();
            let found = format!("{ticket} begins while {} are ahead of it", ahead.join(", "));
            return broken("starts-only-in-turn", found);
        }
        self.inside.insert(place, ticket);
        Ok(())
    }

    fn see_end(&mut self, unit: &str, lock: &str) {
        let Ok(lock) = lock.parse::<LockName>() else {
            return;
        };
        let Some(ticket) = self.inside.remove(&(unit.to_owned(), lock.clone())) else {
            return;
        };
        let course = (unit.to_owned(), ticket.incarnation, lock);
        let served = self.served.entry(course.clone()).or_default();
        *served = ticket.seq.max(*served);
        self.ended.entry(unit.to_owned()).or_default().push(course);
    }
}

/// What a commit wrote under our key.
fn ours(writes: &BTreeMap<String, String>) -> Option<&str> {
    let ours = |name: &str| name.rsplit(' ').next() == Some(KEY);
    let found = writes.iter().find(|(name, _)| ours(name));
    found.map(|(_, value)| value.as_str())
}

fn unsound(whose: &str) -> Violation {
    Violation {
        invariant: "values-are-sound",
        found: format!("the databag of {whose} does not decode"),
    }
}
