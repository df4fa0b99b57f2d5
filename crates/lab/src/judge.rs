//! Who is inside a lock, read from the charm's marks during a run.
//!
//! A unit whose process dies inside has not left: its work may be half done. It counts as inside until it leaves or
//! is gone for good; entering again meanwhile is the same turn. A unit whose machine is lost counts as inside until it
//! is removed.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Event, Happening, Life};
use crate::name::UnitName;
use crate::settings::Millis;

/// A unit's time inside a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Whose.
    pub unit: UnitName,
    /// When it went in.
    pub entered: Millis,
    /// The same as a place in the history.
    pub entered_n: u64,
    /// When it left; `None` if it is still inside.
    pub left: Option<Millis>,
    /// How many times it entered before it left; more than 1 if it was interrupted.
    pub entries: u32,
}

/// More units inside than the limit allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The place in the history of the entry that exceeded the limit.
    pub n: u64,
    /// When that was.
    pub at: Millis,
    /// All units inside at that time.
    pub inside: Vec<UnitName>,
}

/// What the judge knows about one lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bench {
    /// How many may be inside at once.
    pub limit: usize,
    /// The largest number inside at once.
    pub most_inside: usize,
    /// Every stay, in order of entry.
    pub stays: Vec<Stay>,
    /// Every entry that exceeded the limit.
    pub breaches: Vec<Breach>,
    inside: BTreeMap<UnitName, usize>,
}

impl Bench {
    /// Who is inside, sorted.
    pub fn inside(&self) -> impl Iterator<Item = &UnitName> {
        self.inside.keys()
    }

    /// How many stays are over.
    pub fn finished(&self) -> usize {
        self.stays.len() - self.inside.len()
    }

    fn enter(&mut self, event: &Event, unit: &UnitName) {
        if let Some(&place) = self.inside.get(unit) {
            self.stays[place].entries += 1;
            return;
        }
        self.inside.insert(unit.clone(), self.stays.len());
        let (entered, entered_n) = (event.at, event.n);
        self.stays.push(Stay {
            unit: unit.clone(),
            entered,
            entered_n,
            left: None,
            entries: 1,
        });
        self.most_inside = self.most_inside.max(self.inside.len());
        if self.inside.len() > self.limit {
            let inside = self.inside.keys().cloned().collect();
            self.breaches.push(Breach {
                n: event.n,
                at: event.at,
                inside,
            });
        }
    }

    fn leave(&mut self, at: Millis, unit: &UnitName) {
        if let Some(place) = self.inside.remove(unit) {
            self.stays[place].left = Some(at);
        }
    }
}

/// Checks marks against limits, lock by lock.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    limits: BTreeMap<String, usize>,
    locks: BTreeMap<String, Bench>,
}

impl Judge {
    /// A judge with these limits; a lock that is not named admits one.
    pub fn new(limits: BTreeMap<String, usize>) -> Self {
        Self {
            limits,
            locks: BTreeMap::new(),
        }
    }

    /// Processes the next event.
    pub fn observe(&mut self, event: &Event) {
        match &event.happening {
            Happening::Enter { unit, lock } => {
                if !self.locks.contains_key(lock) {
                    let limit = self.limits.get(lock).copied().unwrap_or(1);
                    self.locks.insert(
                        lock.clone(),
                        Bench {
                            limit,
                            ..Bench::default()
                        },
                    );
                }
                if let Some(bench) = self.locks.get_mut(lock) {
                    bench.enter(event, unit);
                }
            }
            Happening::Leave { unit, lock } => {
                if let Some(bench) = self.locks.get_mut(lock) {
                    bench.leave(event.at, unit);
                }
            }
            Happening::Life {
                unit,
                life: Life::Dead,
            } => {
                self.locks
                    .values_mut()
                    .for_each(|bench| bench.leave(event.at, unit));
            }
            _ => {}
        }
    }

    /// The result for each lock that was ever entered.
    pub fn locks(&self) -> &BTreeMap<String, Bench> {
        &self.locks
    }

    /// Whether no limit was ever exceeded.
    pub fn is_content(&self) -> bool {
        self.locks.values().all(|bench| bench.breaches.is_empty())
    }

    /// The units that are inside any lock.
    pub fn inside(&self) -> BTreeSet<&UnitName> {
        self.locks.values().flat_map(Bench::inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(marks: &[(&str, u32)]) -> Bench {
        let mut judge = Judge::default();
        for (n, &(mark, number)) in (1..).zip(marks) {
            let (unit, lock) = (UnitName::new("app", number), "restart".to_owned());
            let happening = match mark {
                "enter" => Happening::Enter { unit, lock },
                "leave" => Happening::Leave { unit, lock },
                _ => Happening::Life {
                    unit,
                    life: Life::Dead,
                },
            };
            judge.observe(&Event {
                n,
                at: n * 10,
                happening,
            });
        }
        judge.locks()["restart"].clone()
    }

    #[test]
    fn one_after_the_other_is_no_breach() {
        let bench = judged(&[("enter", 0), ("leave", 0), ("enter", 1), ("leave", 1)]);
        assert_eq!(
            (bench.most_inside, bench.finished(), bench.breaches.len()),
            (1, 2, 0)
        );
    }

    #[test]
    fn two_inside_are_a_breach_and_are_named() {
        let bench = judged(&[("enter", 0), ("enter", 1)]);
        assert_eq!(bench.breaches[0].inside.len(), 2);
        assert_eq!(bench.breaches[0].at, 20);
    }

    #[test]
    fn a_unit_that_was_interrupted_is_still_inside_and_enters_the_same_turn_again() {
        let bench = judged(&[("enter", 0), ("enter", 0), ("leave", 0), ("enter", 1)]);
        assert_eq!(
            (bench.stays.len(), bench.stays[0].entries, bench.most_inside),
            (2, 2, 1)
        );
    }

    #[test]
    fn a_unit_that_is_gone_is_no_longer_inside() {
        assert!(
            judged(&[("enter", 0), ("dead", 0), ("enter", 1)])
                .breaches
                .is_empty()
        );
    }
}
