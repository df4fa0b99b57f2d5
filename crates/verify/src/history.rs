//! Checks the guarantees using only a lab's history, whether of real or of virtual processes.
//!
//! The charm must be one of ours: it marks a lock from the start of an operation until it succeeds, and publishes
//! under [`ops_coordinator_core::wire::KEY`].

mod campaigns;
mod referee;
#[cfg(test)]
mod referee_tests;

use std::collections::BTreeMap;

use ops_coordinator_core::invariant::Violation;
use ops_coordinator_lab::history::{Event, Happening, Outcome};
use ops_coordinator_lab::judge::Judge;

pub use referee::Referee;
pub(crate) use referee::ours;

/// The figures of a history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many hooks ended.
    pub hooks: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many of them were killed, alone or with their agent.
    pub cut_off: u64,
    /// How many turns ended.
    pub turns: u64,
    /// How many of them were started more than once.
    pub again: u64,
    /// How often leadership went to a unit.
    pub leaders: u64,
}

/// Judges a whole history, which must end idle. A lock that is not in `limits` admits one unit.
///
/// # Errors
/// The first guarantee that was violated.
pub fn check(events: &[Event], limits: BTreeMap<String, usize>) -> Result<Tally, Violation> {
    let (mut judge, mut referee) = (Judge::new(limits), Referee::default());
    let mut tally = Tally::default();
    for event in events {
        judge.observe(event);
        if let Some((lock, bench)) = judge
            .locks()
            .iter()
            .find(|(_, bench)| !bench.breaches.is_empty())
        {
            let inside: Vec<String> = bench.inside().map(ToString::to_string).collect();
            return Err(Violation {
                invariant: "at-most-limit-inside",
                found: format!("inside lock {lock}: {}", inside.join(", ")),
            });
        }
        referee.see(event)?;
        tally.count(&event.happening);
    }
    referee.at_rest()?;
    for stay in judge.locks().values().flat_map(|bench| &bench.stays) {
        tally.turns += u64::from(stay.left.is_some());
        tally.again += u64::from(stay.entries > 1);
    }
    Ok(tally)
}

impl Tally {
    fn count(&mut self, happening: &Happening) {
        match happening {
            Happening::HookEnd { outcome, .. } => {
                self.hooks += 1;
                match outcome {
                    Outcome::Done => {}
                    Outcome::Failed => self.failed += 1,
                    Outcome::Killed | Outcome::Crashed => self.cut_off += 1,
                }
            }
            Happening::Leader { unit: Some(_), .. } => self.leaders += 1,
            _ => {}
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            hooks: self.hooks + other.hooks,
            failed: self.failed + other.failed,
            cut_off: self.cut_off + other.cut_off,
            turns: self.turns + other.turns,
            again: self.again + other.again,
            leaders: self.leaders + other.leaders,
        }
    }
}
