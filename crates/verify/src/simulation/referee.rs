//! Watches a run and says what is wrong, as soon as it is: what its history tells, and what only the charms know.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::Ticket;
use ops_coordinator_core::invariant::Violation;
use ops_coordinator_lab::history::{Event, Happening, Life, Outcome};

use super::unit::Note;
use crate::history;

/// What the referee knows of a run.
#[derive(Debug, Default)]
pub(super) struct Referee {
    /// What the history alone tells.
    told: history::Referee,
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

    pub(super) fn see(&mut self, event: &Event) -> Result<(), Violation> {
        self.told.see(event)?;
        match &event.happening {
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
            }
            _ => {}
        }
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
