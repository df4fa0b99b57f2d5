//! Watches a run and reports violations as soon as they occur: from its history, and from what only the charms know.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::invariant::{Violation, check_has_held};
use ops_coordinator_core::{Check, LockName, Tick, Ticket};
use ops_coordinator_lab::history::{Event, Happening, Life, Outcome};

use super::unit::Note;
use crate::history;

/// The names of the locks, by number.
const LOCKS: [&str; 2] = ["restart", "backup"];

/// What the referee knows of a run.
#[derive(Debug, Default)]
pub(super) struct Referee {
    /// What the history alone tells.
    told: history::Referee,
    /// Whether a charm that has lost its memory withdraws what it finds.
    forgets: bool,
    /// Who has asked for which lock since its operation last began, in a hook that succeeded.
    owed: BTreeSet<(String, usize)>,
    /// The same, in hooks that have not ended.
    asked: BTreeSet<(String, usize)>,
    /// Who expects a campaign for which lock, and has begun no operation since.
    expected: BTreeSet<(String, usize)>,
    /// Whose disk was lost since its last hook: a databag that it sees no more by the next one is lost as well.
    bare: BTreeSet<String>,
    /// Who has lost both while it was inside: nothing tells it any more that it began, so it never ends.
    forgot: BTreeSet<String>,
    /// The highest request number whose operation succeeded.
    finished: BTreeMap<(String, String, usize), u64>,
    /// Who may have an unserved request: one whose hook failed may be in the journal, and so may one that was made while
    /// an operation ran that was cut off.
    may_ask: BTreeSet<(String, usize)>,
    /// Operations that have begun in the present step, and whether their units had asked for them.
    began: Vec<(String, usize, bool)>,
    /// Who has lost its disk since an operation of this lock last succeeded: it may run again what it had done.
    amnesiac: BTreeSet<(String, String)>,
    /// Who has passed, for which lock.
    passed: BTreeSet<(String, usize)>,
    pub(super) turns: u64,
    /// What must hold after an operation, if anything.
    check: Option<Check>,
    /// What units have found of it since their operation has succeeded.
    looks: BTreeMap<(String, usize), Vec<(Tick, bool)>>,
}

impl Referee {
    pub(super) fn new(forgets: bool, check: Option<Check>) -> Self {
        Self {
            forgets,
            check,
            ..Self::default()
        }
    }

    /// Who waits for a turn.
    pub(super) fn waiting(&self) -> Vec<String> {
        let owed = self.owed.iter().map(|(unit, _)| unit.clone());
        let called = self.told.called();
        let called = called.map(|(unit, _)| format!("{unit} (called by a campaign)"));
        let expected = self.expected.iter();
        let expected = expected.map(|(unit, _)| format!("{unit} (expects a campaign)"));
        owed.chain(called).chain(expected).collect()
    }

    /// What an operator has to do before all can be served: to resume, or to let a unit try again.
    pub(super) fn operators_duties(&self) -> (bool, BTreeSet<String>) {
        (self.told.is_paused(), self.told.stopped())
    }

    /// Whether a unit that is inside can still know it.
    pub(super) fn knows(&self, inside: &str) -> bool {
        !self.forgot.contains(inside)
    }

    pub(super) fn hear(&mut self, note: &Note) -> Result<(), Violation> {
        match note {
            Note::Asked(unit, locks) => {
                self.may_ask
                    .extend(locks.iter().map(|lock| (unit.clone(), *lock)));
                self.asked
                    .extend(locks.iter().map(|lock| (unit.clone(), *lock)));
            }
            Note::Expects(unit, locks) => {
                let places = locks.iter().map(|lock| (unit.clone(), *lock));
                self.may_ask.extend(places.clone());
                // What the unit has written down holds, whatever becomes of its hook.
                self.expected.extend(places);
            }
            Note::Forgot(unit) => self.forget(unit),
            Note::Began(ticket, lock) => {
                let place = (ticket.unit.to_string(), *lock);
                self.asked.remove(&place);
                self.owed.remove(&place);
                self.expected.remove(&place);
                let asked = self.may_ask.contains(&place);
                let again = LOCKS[*lock].parse();
                let again = again.is_ok_and(|name| self.told.is_inside(&place.0, &name));
                // After a lost disk it may only repeat what it had done, and still have asked for another turn.
                let forgets = (place.0.clone(), LOCKS[*lock].to_owned());
                if !again && !self.amnesiac.contains(&forgets) {
                    self.may_ask.remove(&place);
                }
                self.began.push((place.0, place.1, asked));
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
            Note::Beside(ticket) => {
                return Err(Violation {
                    invariant: "one-attempt-at-a-time",
                    found: format!("{ticket} began while an earlier attempt was running"),
                });
            }
            Note::Succeeded(ticket, lock) => {
                let place = (ticket.unit.to_string(), *lock);
                self.looks.insert(place, Vec::new());
            }
            Note::Looked(unit, lock, at, holds) => {
                let looks = self.looks.entry((unit.clone(), *lock)).or_default();
                looks.push((*at, *holds));
            }
            Note::Finished(ticket, lock) => {
                if let Some(check) = self.check {
                    let looks = self.looks.get(&(ticket.unit.to_string(), *lock));
                    let looks = looks.into_iter().flatten().copied();
                    check_has_held(ticket, check.soak, looks)?;
                }
                self.turns += 1;
                let seq = self.finished.entry(key(ticket, *lock)).or_default();
                *seq = ticket.seq.max(*seq);
            }
            Note::PassedOn(ticket, lock) => {
                let seq = self.finished.entry(key(ticket, *lock)).or_default();
                *seq = ticket.seq.max(*seq);
            }
            Note::Passed(unit, locks) => {
                let passed = (0..LOCKS.len()).filter(|lock| locks & (1 << lock) != 0);
                for place in passed.map(|lock| (unit.clone(), lock)) {
                    self.expected.remove(&place);
                    self.passed.insert(place);
                }
            }
            Note::Wish(..) | Note::Command(..) | Note::Blind => {}
        }
        Ok(())
    }

    /// The unit's charm does not know any more that it has asked.
    fn forget(&mut self, unit: &str) {
        self.asked.retain(|(asked, _)| asked != unit);
        self.owed.retain(|(owed, _)| owed != unit);
        self.expected.retain(|(expects, _)| expects != unit);
    }

    pub(super) fn see(&mut self, event: &Event) -> Result<(), Violation> {
        let again = self.continues(&event.happening);
        let aborted = self.told.aborted();
        self.told.see(event)?;
        let news = &self.told.aborted() - &aborted;
        // An operator has decided for all that expected it.
        let is_news = |lock: usize| news.iter().any(|(_, name)| name.as_str() == LOCKS[lock]);
        self.expected.retain(|(_, lock)| !is_news(*lock));
        match &event.happening {
            Happening::Enter { unit, lock } => self.see_entry(&unit.to_string(), lock, again)?,
            Happening::Leave { unit, lock } => {
                self.amnesiac.remove(&(unit.to_string(), lock.clone()));
            }
            Happening::HookEnd { unit, outcome, .. } => {
                let (unit, done) = (unit.to_string(), *outcome == Outcome::Done);
                let asked = std::mem::take(&mut self.asked);
                let (ended, still) = asked.into_iter().partition(|(asked, _)| *asked == unit);
                self.asked = still;
                let ended: BTreeSet<(String, usize)> = ended;
                self.owed.extend(ended.into_iter().filter(|_| done));
            }
            Happening::Commit { unit, .. } => {
                let unit = unit.to_string();
                self.see_passes(&unit)?;
                let told = &self.told;
                let is_over = |(owed, lock): &(String, usize)| {
                    *owed == unit && told.is_taken_back(owed, LOCKS[*lock])
                };
                self.owed.retain(|place| !is_over(place));
                self.expected.retain(|place| !is_over(place));
            }
            Happening::DiskLost { unit } => {
                self.bare.insert(unit.to_string());
                let forgets = |lock: &str| (unit.to_string(), lock.to_owned());
                self.amnesiac.extend(LOCKS.map(forgets));
                self.lose_disk(&unit.to_string());
            }
            Happening::RelationForgotten { unit, .. } if self.bare.contains(&unit.to_string()) => {
                self.forgot.insert(unit.to_string());
                self.lose_disk(&unit.to_string());
            }
            Happening::HookBegin { unit, .. } => drop(self.bare.remove(&unit.to_string())),
            Happening::Life {
                unit,
                life: Life::Dead,
            } => self.forget(&unit.to_string()),
            _ => {}
        }
        Ok(())
    }

    /// A unit that says it has passed in a campaign that is under way has done so, and nobody else for it. A charm that
    /// forgets what it has asked for withdraws, which is as good.
    fn see_passes(&self, unit: &str) -> Result<(), Violation> {
        let mut says = self.told.passed_by(unit);
        let passed = |lock: &LockName| {
            let number = LOCKS.iter().position(|name| *name == lock.as_str());
            number.is_some_and(|number| self.passed.contains(&(unit.to_owned(), number)))
        };
        match says.find(|lock| !passed(lock)) {
            Some(lock) if !self.forgets => Err(Violation {
                invariant: "nobody-is-passed-over",
                found: format!("{unit} says that it has passed for lock {lock}, and it has not"),
            }),
            _ => Ok(()),
        }
    }

    /// Whether an operation begins that was cut off or has failed before.
    fn continues(&self, happening: &Happening) -> bool {
        let Happening::Enter { unit, lock } = happening else {
            return false;
        };
        let lock = lock.parse();
        lock.is_ok_and(|lock| self.told.is_inside(&unit.to_string(), &lock))
    }

    /// An operation begins: its unit has asked, or a campaign calls it, or it continues.
    fn see_entry(&mut self, unit: &str, lock: &str, again: bool) -> Result<(), Violation> {
        let noted =
            |(other, number, _): &(String, usize, bool)| other == unit && LOCKS[*number] == lock;
        let Some(noted) = self.began.iter().position(noted) else {
            return Ok(());
        };
        let (_, _, asked) = self.began.remove(noted);
        let called = lock
            .parse()
            .is_ok_and(|lock| self.told.is_called(unit, &lock));
        let unsure = self.forgets || self.amnesiac.contains(&(unit.to_owned(), lock.to_owned()));
        if asked || called || again || unsure {
            return Ok(());
        }
        Err(Violation {
            invariant: "nothing-runs-unasked",
            found: format!("{unit} begins, and neither has it asked nor does a campaign call it"),
        })
    }

    /// What was not published is lost.
    fn lose_disk(&mut self, unit: &str) {
        if self.forgets {
            self.forget(unit);
        }
        let told = &self.told;
        self.owed
            .retain(|(owed, lock)| owed != unit || told.is_asked(owed, LOCKS[*lock]));
        self.expected.retain(|(expects, _)| expects != unit);
        let own = self
            .finished
            .iter_mut()
            .filter(|((owner, ..), _)| owner == unit);
        for ((owner, life, lock), seq) in own {
            *seq = (*seq).min(told.published(owner, life, LOCKS[*lock]));
        }
    }
}

fn key(ticket: &Ticket, lock: usize) -> (String, String, usize) {
    (
        ticket.unit.to_string(),
        ticket.incarnation.to_string(),
        lock,
    )
}
