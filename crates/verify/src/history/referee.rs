//! Reads a history event by event and reports a violation as soon as it occurs.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::invariant::{
    Violation, counters_only_grow, line_is_sound, line_may_follow, may_start,
};
use ops_coordinator_core::wire::{
    KEY, Line, LockLine, LockRecord, Outcome, Reading, UnitRecord, decode_line, decode_record,
};
use ops_coordinator_core::{Incarnation, LockName, Ticket, Turn, Wait};
use ops_coordinator_lab::history::{Event, Happening, Life};

use super::campaigns::Campaigns;

/// One life of a unit, and a lock: what request numbers count for.
type Course = (String, Incarnation, LockName);

/// What is known about a history so far.
#[derive(Debug, Default)]
pub struct Referee {
    /// By relation, as `endpoint:number`.
    lines: BTreeMap<String, Line>,
    /// The lines as each unit's hook may have read them: as they were when it began, and what has been permitted since.
    read: BTreeMap<String, BTreeMap<String, Line>>,
    /// For each unit that runs a hook, the lines that were replaced meanwhile, with their relations. It may have read one of
    /// them, and goes by that until its hook ends: a limit that is lowered in the meantime holds only from the next hook on.
    replaced: BTreeMap<String, Vec<(String, Line)>>,
    /// By unit and relation.
    records: BTreeMap<(String, String), UnitRecord>,
    /// What a unit published there can no longer be changed: it does not see the relation any more.
    forgotten: BTreeSet<(String, String)>,
    gone: BTreeSet<String>,
    /// Which units are running an operation, and for which request. Where two lines let a unit begin, it may be either: it
    /// may know something that it has not published yet.
    inside: BTreeMap<(String, LockName), Vec<Ticket>>,
    /// Operations that succeeded in the unit's running hook.
    ended: BTreeMap<String, Vec<Course>>,
    /// The highest request number whose operation succeeded.
    served: BTreeMap<Course, u64>,
    /// The same, but only if the process ended successfully by itself, so that its unit knows. If a charm fails after
    /// its operation, it may mean that the operation failed, so that it runs again.
    known: BTreeMap<Course, u64>,
    campaigns: Campaigns,
}

impl Referee {
    /// Processes the next event.
    ///
    /// # Errors
    /// The guarantee that it violates.
    pub fn see(&mut self, event: &Event) -> Result<(), Violation> {
        match &event.happening {
            Happening::Commit {
                unit,
                unit_writes,
                app_writes,
                ..
            } => {
                for (relation, value) in ours(unit_writes) {
                    self.see_record(&unit.to_string(), relation, value)?;
                }
                for (relation, value) in ours(app_writes) {
                    self.see_line(relation, value)?;
                }
            }
            Happening::RelationForgotten {
                unit,
                endpoint,
                relation,
            } => {
                let relation = format!("{endpoint}:{relation}");
                self.campaigns.forget(&relation);
                self.forgotten.insert((unit.to_string(), relation));
            }
            Happening::DiskLost { unit } => self.lose_disk(&unit.to_string()),
            Happening::Enter { unit, lock } => self.see_entry(&unit.to_string(), lock)?,
            Happening::Leave { unit, lock } => self.see_end(&unit.to_string(), lock),
            Happening::HookBegin { unit, .. } => {
                let unit = unit.to_string();
                self.ended.remove(&unit);
                self.replaced.insert(unit.clone(), Vec::new());
                self.read.insert(unit, self.lines.clone());
            }
            Happening::HookEnd { unit, code, .. } => {
                self.replaced.remove(&unit.to_string());
                let ended = self.ended.remove(&unit.to_string()).unwrap_or_default();
                for course in ended.into_iter().filter(|_| *code == Some(0)) {
                    let seq = self.served.get(&course).copied().unwrap_or_default();
                    self.known.insert(course, seq);
                }
            }
            Happening::Life {
                unit,
                life: Life::Dying,
            } => self.campaigns.leave_service(&unit.to_string()),
            Happening::Life {
                unit,
                life: Life::Dead,
            } => {
                let unit = unit.to_string();
                self.inside.retain(|(inside, _), _| *inside != unit);
                self.campaigns.leave_service(&unit);
                self.gone.insert(unit);
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that no unit is waiting.
    ///
    /// # Errors
    /// `nobody-waits-at-rest`: the unit that waits.
    pub fn at_rest(&self) -> Result<(), Violation> {
        let waiting = |found| {
            let invariant = "nobody-waits-at-rest";
            Err(Violation { invariant, found })
        };
        if let Some(((unit, lock), _)) = self.inside.iter().next() {
            return waiting(format!("{unit} is inside lock {lock}"));
        }
        if let Some((unit, lock)) = self.campaigns.called().next() {
            return waiting(format!(
                "{unit} has not gone in the campaign for lock {lock}"
            ));
        }
        let living = self
            .records
            .iter()
            .filter(|((unit, _), _)| !self.gone.contains(unit));
        for (place @ (unit, _), record) in living {
            if self.forgotten.contains(place) {
                continue;
            }
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

    /// The highest number of a lock's requests that a unit has published as finished in one of its lives.
    pub fn published(&self, unit: &str, life: &str, lock: &str) -> u64 {
        let records = self.records_of(unit);
        let of_life = records.filter(|record| record.incarnation.to_string() == life);
        let done = of_life.filter_map(|record| Some(state_of(record, lock)?.done));
        done.max().unwrap_or_default()
    }

    /// Whether a unit publishes, where it still can, that it asks for a lock.
    pub fn is_asked(&self, unit: &str, lock: &str) -> bool {
        let mut records = self.records_of(unit);
        records.any(|record| state_of(record, lock).is_some_and(|state| state.seq > state.done))
    }

    /// Whether a unit publishes that what it asked for was cancelled or withdrawn, and asks for nothing more.
    pub fn is_taken_back(&self, unit: &str, lock: &str) -> bool {
        let taken_back = |state: &LockRecord| match state.outcome {
            Some(Outcome::Cancelled | Outcome::Skipped) => true,
            Some(Outcome::Withdrawn) => {
                let why = state.reason.as_deref().unwrap_or_default();
                !why.starts_with("asked for again on ")
            }
            _ => false,
        };
        let mut records = self.records_of(unit);
        let any = records.any(|record| state_of(record, lock).is_some_and(taken_back));
        any && !self.is_asked(unit, lock)
    }

    /// What a unit publishes in all the relations that it sees.
    fn records_of(&self, unit: &str) -> impl Iterator<Item = &UnitRecord> {
        let own = self
            .records
            .iter()
            .filter(move |((owner, _), _)| owner == unit);
        own.filter(|(place, _)| !self.forgotten.contains(*place))
            .map(|(_, record)| record)
    }

    fn see_record(&mut self, unit: &str, relation: &str, value: &str) -> Result<(), Violation> {
        let Reading::Good(record) = decode_record(Some(value)) else {
            return Err(unsound(unit));
        };
        let place = (unit.to_owned(), relation.to_owned());
        let before = self.records.insert(place, record.clone());
        if let Some(before) = &before {
            counters_only_grow(before, &record)?;
        }
        for (lock, state) in &record.locks {
            self.campaigns.see_record(unit, relation, lock, state)?;
            let before = before.as_ref().and_then(|before| before.locks.get(lock));
            check_holds_until_done(unit, lock, before, state)?;
            let course = (unit.to_owned(), record.incarnation.clone(), lock.clone());
            let served = self.served.get(&course).copied().unwrap_or_default();
            if state.outcome == Some(Outcome::Done) && state.done > served {
                return Err(Violation {
                    invariant: "every-request-is-served",
                    found: format!(
                        "{unit} says that request {} for lock {lock} is done, but it has done only {served}",
                        state.done
                    ),
                });
            }
        }
        Ok(())
    }

    fn see_line(&mut self, relation: &str, value: &str) -> Result<(), Violation> {
        let Reading::Good(line) = decode_line(Some(value)) else {
            return Err(unsound("the application"));
        };
        line_is_sound(&line)?;
        if let Some(before) = self.lines.get(relation) {
            line_may_follow(before, &line, |lock, ticket| self.over(lock, ticket))?;
        }
        for read in self.read.values_mut() {
            if let Some(read) = read.get_mut(relation) {
                permit(read, &line);
            }
        }
        let before = self.lines.get(relation);
        let seen = self.records.keys();
        let seen = seen.filter(|place| !self.forgotten.contains(*place));
        let here = seen.filter(|(_, place)| place == relation);
        let known: BTreeSet<String> = here.map(|(unit, _)| unit.clone()).collect();
        self.campaigns.see_line(relation, before, &line, &known);
        if let Some(before) = self.lines.insert(relation.to_owned(), line) {
            for lines in self.replaced.values_mut() {
                lines.push((relation.to_owned(), before.clone()));
            }
        }
        Ok(())
    }

    /// Units whose operation has stopped and that no operator has permitted to go on, by lock.
    pub fn stopped(&self) -> BTreeSet<String> {
        let published = self.records.iter();
        let published = published.filter(|(place, _)| !self.forgotten.contains(*place));
        let stopped = published.filter(|((unit, relation), record)| {
            let Ok(name) = unit.parse() else {
                return false;
            };
            record.locks.iter().any(|(lock, state)| {
                let line = self.lines.get(relation);
                let line = line.and_then(|line| line.locks.get(lock));
                let ticket = record.outstanding(&name, lock);
                let permits =
                    |ticket| line.is_some_and(|line| line.permits(&ticket, state.attempt));
                state.stopped && ticket.is_some_and(|ticket| !permits(ticket))
            })
        });
        let units = stopped.map(|((unit, _), _)| unit.clone());
        units.filter(|unit| !self.gone.contains(unit)).collect()
    }

    /// The campaigns that an operator has aborted, by relation and lock.
    pub fn aborted(&self) -> BTreeSet<(String, LockName)> {
        let lines = self.lines.iter();
        let locks = lines.flat_map(|(relation, line)| {
            let locks = line.locks.iter();
            locks.map(move |(lock, line)| (relation, lock, line))
        });
        let aborted = locks.filter(|(.., line)| {
            let campaign = line.campaign.as_ref();
            campaign.is_some_and(|campaign| campaign.aborted)
        });
        aborted
            .map(|(relation, lock, _)| (relation.clone(), lock.clone()))
            .collect()
    }

    /// Whether an operator has paused anything.
    pub fn is_paused(&self) -> bool {
        let mut locks = self.lines.values().flat_map(|line| line.locks.values());
        locks.any(|line| line.paused.is_some())
    }

    /// What an operator has said against a start, as far as the unit's hook must have read it.
    fn forbidden(
        &self,
        unit: &str,
        relation: &str,
        lock: &LockName,
        ticket: &Ticket,
    ) -> Option<Violation> {
        let read = self.read.get(unit)?.get(relation)?.locks.get(lock)?;
        let record = self.records.get(&(unit.to_owned(), relation.to_owned()))?;
        let own = record.outstanding(&ticket.unit, lock);
        let state = record.locks.get(lock);
        // Of what it was invited to, it has not said anything yet.
        let state = state.filter(|_| own.as_ref() == Some(ticket)).cloned();
        may_start(read, ticket, &state.unwrap_or_default()).err()
    }

    /// What the unit had not published is lost, including a success.
    fn lose_disk(&mut self, unit: &str) {
        self.campaigns.lose_disk(unit);
        self.ended.remove(unit);
        // It may begin again in a new life.
        self.inside.retain(|(inside, _), _| inside != unit);
        let lost: Vec<Course> = self.known.keys().cloned().collect();
        for course in lost.into_iter().filter(|(owner, ..)| owner == unit) {
            let published = self.published(unit, &course.1.to_string(), course.2.as_str());
            let known = self.known.entry(course).or_default();
            *known = published.min(*known);
        }
    }

    /// Whether a ticket's request is over, in truth.
    fn over(&self, lock: &LockName, ticket: &Ticket) -> bool {
        let unit = ticket.unit.to_string();
        let mut records = self.records.iter().filter(|((owner, _), _)| *owner == unit);
        self.gone.contains(&unit) || records.any(|(_, record)| record.finished(lock, ticket))
    }

    fn see_entry(&mut self, unit: &str, lock: &str) -> Result<(), Violation> {
        let Ok(lock) = lock.parse::<LockName>() else {
            return Ok(());
        };
        let place = (unit.to_owned(), lock.clone());
        self.note_campaigns(unit, &lock);
        let entries = self.entries(unit, &lock);
        let allowed = |(relation, _, ticket): &(&str, _, Ticket)| {
            self.forbidden(unit, relation, &lock, ticket).is_none()
        };
        if let Some((relation, _, ticket)) = entries.first()
            && !entries.iter().any(allowed)
            && let Some(forbidden) = self.forbidden(unit, relation, &lock, ticket)
        {
            return Err(forbidden);
        }
        // What was cut off begins again, unless the charm has taken it back meanwhile.
        let mut before = self.inside.get(&place).into_iter().flatten();
        if before.any(|ticket| !self.over(&lock, ticket)) {
            return Ok(());
        }
        let broken = |invariant, found| Err(Violation { invariant, found });
        let (mut first, mut begun) = (None, Vec::new());
        for (_, line, ticket) in entries {
            // Whether it was paused is asked of the line that was read.
            let line = LockLine {
                paused: None,
                ..line.clone()
            };
            let course = (unit.to_owned(), ticket.incarnation.clone(), lock.clone());
            let known = self.known.get(&course).copied().unwrap_or_default();
            let wrong = if known >= ticket.seq || self.over(&lock, &ticket) {
                let found = format!("{ticket} begins again");
                broken("finished-never-runs-again", found)
            } else if let Turn::Wait(Wait::Behind(ahead)) =
                line.turn(&ticket, |ticket| self.over(&lock, ticket))
            {
                let ahead: Vec<String> = ahead.iter().map(ToString::to_string).collect();
                let ahead = ahead.join(", ");
                let found = format!("{ticket} begins while {ahead} are ahead of it");
                broken("starts-only-in-turn", found)
            } else {
                let life = &ticket.incarnation;
                if begun
                    .iter()
                    .all(|other: &Ticket| other.incarnation != *life)
                {
                    begun.push(ticket);
                }
                continue;
            };
            first = first.or(Some(wrong));
        }
        if !begun.is_empty() {
            self.inside.insert(place, begun);
            return Ok(());
        }
        first.unwrap_or_else(|| {
            let found = format!("{unit} begins, and is not in the line of lock {lock}");
            broken("starts-only-in-turn", found)
        })
    }

    /// The campaigns for which an operation may begin now.
    fn note_campaigns(&mut self, unit: &str, lock: &LockName) {
        let again = self.is_inside(unit, lock);
        let relations: BTreeSet<&String> = self.lines.keys().collect();
        let read = relations.into_iter().filter(|relation| {
            let place = (unit.to_owned(), (*relation).clone());
            !self.forgotten.contains(&place)
        });
        let read = read.flat_map(|relation| self.read_by(unit, relation));
        let read: Vec<LockLine> = read
            .map(|line| line.locks.get(lock).cloned().unwrap_or_default())
            .collect();
        self.campaigns.enter(unit, lock, read.iter(), again);
    }

    /// Whether a unit has begun an operation that has not passed the turn on.
    pub fn is_inside(&self, unit: &str, lock: &LockName) -> bool {
        self.inside.contains_key(&(unit.to_owned(), lock.clone()))
    }

    /// Whether a campaign may have called for the operation that a unit has just begun.
    pub fn is_called(&self, unit: &str, lock: &LockName) -> bool {
        self.campaigns.may_call(unit, lock)
    }

    /// The locks for whose campaign, which is under way, a unit says that it has passed.
    pub fn passed_by(&self, unit: &str) -> impl Iterator<Item = &LockName> {
        self.campaigns.passed_by(unit)
    }

    /// Who still has to go in a campaign, and for which lock.
    pub fn called(&self) -> impl Iterator<Item = (&str, &LockName)> {
        self.campaigns.called()
    }

    /// The unit's tickets in the lines of a lock that it may have read: there may be one on each relation that it sees.
    fn entries(&self, unit: &str, lock: &LockName) -> Vec<(&str, &LockLine, Ticket)> {
        let own = self.records.iter().filter(|((owner, _), _)| owner == unit);
        let mut entries = Vec::new();
        for ((_, relation), record) in own.filter(|(place, _)| !self.forgotten.contains(*place)) {
            let is_own = |ticket: &Ticket| {
                ticket.unit.to_string() == unit && ticket.incarnation == record.incarnation
            };
            let read = self.read_by(unit, relation);
            for line in read.filter_map(|line| line.locks.get(lock)) {
                let tickets = line.entries.iter().map(|entry| &entry.ticket);
                let own = tickets.filter(|ticket| is_own(ticket));
                entries.extend(own.map(|ticket| (relation.as_str(), line, ticket.clone())));
            }
        }
        entries
    }

    /// The lines of a relation that a unit may have read in its present hook, the newest first.
    fn read_by(&self, unit: &str, relation: &str) -> impl Iterator<Item = &Line> {
        let replaced = self.replaced.get(unit).into_iter().flatten().rev();
        let replaced = replaced.filter(move |(place, _)| place == relation);
        let now = self.lines.get(relation).into_iter();
        now.chain(replaced.map(|(_, line)| line))
    }

    fn see_end(&mut self, unit: &str, lock: &str) {
        let Ok(lock) = lock.parse::<LockName>() else {
            return;
        };
        self.campaigns.leave(unit, &lock);
        let Some(tickets) = self.inside.remove(&(unit.to_owned(), lock.clone())) else {
            return;
        };
        let is_certain = tickets.len() == 1;
        for ticket in tickets {
            let course = (unit.to_owned(), ticket.incarnation, lock.clone());
            let served = self.served.entry(course.clone()).or_default();
            *served = ticket.seq.max(*served);
            if is_certain {
                self.ended.entry(unit.to_owned()).or_default().push(course);
            }
        }
    }
}

/// `check-holds-until-done`: a unit that has said until when its check must hold does not end its turn well before that. Both
/// times are by its own clock, in whole seconds.
fn check_holds_until_done(
    unit: &str,
    lock: &LockName,
    before: Option<&LockRecord>,
    state: &LockRecord,
) -> Result<(), Violation> {
    let Some(before) = before.filter(|before| state.done > before.done) else {
        return Ok(());
    };
    let until = before.check.and_then(|check| check.until);
    let early = until.zip(state.ended_at).filter(|(until, end)| {
        let is_about_it = state.done == before.done + 1 && state.outcome == Some(Outcome::Done);
        is_about_it && end.0 + 1 < until.0
    });
    match early {
        Some((until, end)) => Err(Violation {
            invariant: "check-holds-until-done",
            found: format!(
                "{unit} has ended its turn for lock {lock} {} s before its check had held",
                until.0 - end.0
            ),
        }),
        None => Ok(()),
    }
}

fn state_of<'a>(record: &'a UnitRecord, lock: &str) -> Option<&'a LockRecord> {
    record.locks.get(&lock.parse::<LockName>().ok()?)
}

/// Adds to a line what a newer one permits: a hook that read it late has seen that.
fn permit(read: &mut Line, newer: &Line) {
    read.locks.retain(|lock, read| {
        let newer = newer.locks.get(lock);
        if let Some(newer) = newer {
            read.paused = read.paused.take().filter(|_| newer.paused.is_some());
            read.retries.extend_from_slice(&newer.retries);
        }
        newer.is_some()
    });
}

/// What a commit wrote under our key, by relation.
pub(crate) fn ours(writes: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    writes.iter().filter_map(|(name, value)| {
        let (relation, key) = name.split_once(' ')?;
        (key == KEY).then_some((relation, value.as_str()))
    })
}

fn unsound(whose: &str) -> Violation {
    Violation {
        invariant: "values-are-sound",
        found: format!("the databag of {whose} does not decode"),
    }
}
