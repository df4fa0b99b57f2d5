//! Turns, read from the marks that a charm makes around its critical section.
//!
//! The [judge](crate::judge) says who was inside and when; here each turn is split into
//! stretches, so that a turn that was interrupted and continued later can be shown as such.

use std::collections::BTreeMap;

use crate::history::{Event, Happening, Life, Outcome};
use crate::judge::{Bench, Judge, Stay};
use crate::name::UnitName;
use crate::settings::Millis;

/// One unit's time inside a lock, from its first `enter` to its `leave`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Whose.
    pub unit: UnitName,
    /// The hooks in which it was inside; more than one when it was killed and came back.
    pub spells: Vec<Spell>,
    /// Whether it has left.
    pub finished: bool,
}

/// A stretch of a turn within one hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spell {
    /// The place in the history of the `enter`.
    pub n: u64,
    /// When it began, in milliseconds since the start of the run.
    pub from: Millis,
    /// When it ended by a `leave` or with the hook; `None` while it lasts.
    pub until: Option<Millis>,
    /// Whether the hook was killed or failed inside.
    pub cut_off: bool,
}

/// What the marks of one lock say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockReport {
    /// The lock.
    pub lock: String,
    /// How many may be inside at once.
    pub limit: usize,
    /// The turns, in the order in which they began.
    pub turns: Vec<Turn>,
    /// The largest number of units that were inside at once.
    pub most_inside: usize,
    /// When there were first more than `limit` inside: the time, and who they were.
    pub first_breach: Option<(Millis, Vec<UnitName>)>,
}

impl LockReport {
    /// A report for each lock that was marked, and each that has a limit, sorted by name.
    pub fn all(events: &[Event], limits: &BTreeMap<String, u32>) -> Vec<Self> {
        let wide = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        let of_judge = limits
            .iter()
            .map(|(lock, limit)| (lock.clone(), wide(*limit)));
        let mut judge = Judge::new(of_judge.collect());
        for event in events {
            judge.observe(event);
        }
        let unused = limits
            .keys()
            .filter(|lock| !judge.locks().contains_key(*lock));
        let unused = unused.map(|lock| Self {
            lock: lock.clone(),
            limit: wide(limits[lock]),
            turns: Vec::new(),
            most_inside: 0,
            first_breach: None,
        });
        let used = judge.locks().iter();
        let used = used.map(|(lock, bench)| Self::of(lock.clone(), bench, events));
        let mut all: Vec<Self> = used.chain(unused).collect();
        all.sort_by(|a, b| a.lock.cmp(&b.lock));
        all
    }

    fn of(lock: String, bench: &Bench, events: &[Event]) -> Self {
        let turn = |stay: &Stay| Turn {
            unit: stay.unit.clone(),
            spells: spells(&lock, stay, events),
            finished: stay.left.is_some(),
        };
        let breach = bench.breaches.first();
        Self {
            limit: bench.limit,
            turns: bench.stays.iter().map(turn).collect(),
            most_inside: bench.most_inside,
            first_breach: breach.map(|breach| (breach.at, breach.inside.clone())),
            lock,
        }
    }

    /// How many turns have ended.
    pub fn finished(&self) -> usize {
        self.turns.iter().filter(|turn| turn.finished).count()
    }

    /// How many turns of this unit have ended.
    pub fn finished_of(&self, unit: &UnitName) -> usize {
        self.turns
            .iter()
            .filter(|turn| turn.finished && turn.unit == *unit)
            .count()
    }

    /// The units that are inside, sorted.
    pub fn inside(&self) -> Vec<UnitName> {
        let open = self.turns.iter().filter(|turn| !turn.finished);
        let mut units: Vec<_> = open.map(|turn| turn.unit.clone()).collect();
        units.sort();
        units
    }

    /// The breach of the limit as a sentence, if there was one.
    pub fn breach(&self) -> Option<String> {
        let (at, units) = self.first_breach.as_ref()?;
        let names: Vec<_> = units.iter().map(ToString::to_string).collect();
        let (seconds, rest) = (at / 1_000, at % 1_000);
        Some(format!(
            "{} inside {} at {seconds}.{rest:03} s: {}",
            units.len(),
            self.lock,
            names.join(" ")
        ))
    }
}

/// The stretches of one stay: a mark opens one, and a mark or the end of the hook closes it.
fn spells(lock: &str, stay: &Stay, events: &[Event]) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    for event in events.iter().filter(|event| event.n >= stay.entered_n) {
        let open = spells.last_mut().filter(|spell| spell.until.is_none());
        match &event.happening {
            Happening::Enter { unit, lock: marked } if *unit == stay.unit && marked == lock => {
                spells.push(Spell {
                    n: event.n,
                    from: event.at,
                    until: None,
                    cut_off: false,
                });
            }
            Happening::HookEnd { unit, outcome, .. } if *unit == stay.unit => {
                if let Some(spell) = open {
                    spell.until = Some(event.at);
                    spell.cut_off = *outcome != Outcome::Done;
                }
            }
            Happening::Leave { unit, lock: marked } if *unit == stay.unit && marked == lock => {
                if let Some(spell) = open {
                    spell.until = Some(event.at);
                }
                break;
            }
            Happening::Life {
                unit,
                life: Life::Dead,
            } if *unit == stay.unit => {
                if let Some(spell) = open {
                    spell.until = Some(event.at);
                }
                break;
            }
            _ => {}
        }
    }
    spells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: Millis, happening: Happening) -> Event {
        Event {
            n: at,
            at,
            happening,
        }
    }

    fn enter(at: Millis, unit: u32) -> Event {
        let unit = UnitName::new("app", unit);
        event(
            at,
            Happening::Enter {
                unit,
                lock: "restart".to_owned(),
            },
        )
    }

    fn leave(at: Millis, unit: u32) -> Event {
        let unit = UnitName::new("app", unit);
        event(
            at,
            Happening::Leave {
                unit,
                lock: "restart".to_owned(),
            },
        )
    }

    fn hook_killed(at: Millis, unit: u32) -> Event {
        let unit = UnitName::new("app", unit);
        let hook = "config-changed".to_owned();
        event(
            at,
            Happening::HookEnd {
                unit,
                hook,
                outcome: Outcome::Killed,
                code: None,
                took: 1,
            },
        )
    }

    fn restart(events: &[Event]) -> LockReport {
        LockReport::all(events, &BTreeMap::new()).remove(0)
    }

    #[test]
    fn units_that_take_turns_are_never_together() {
        let report = restart(&[enter(1, 0), leave(2, 0), enter(3, 1), leave(4, 1)]);
        assert_eq!(
            (report.finished(), report.most_inside, report.breach()),
            (2, 1, None)
        );
    }

    #[test]
    fn two_inside_at_once_are_named_with_the_time() {
        let report = restart(&[enter(1_500, 1), enter(1_507, 0), leave(1_600, 1)]);
        assert_eq!(
            report.breach().unwrap(),
            "2 inside restart at 1.507 s: app/0 app/1"
        );
    }

    #[test]
    fn a_unit_killed_inside_still_counts_until_it_has_left() {
        let others = [enter(1, 0), hook_killed(5, 0), enter(6, 1)];
        assert_eq!(restart(&others).most_inside, 2);
    }

    #[test]
    fn coming_back_after_a_kill_is_the_same_turn() {
        let report = restart(&[enter(1, 0), hook_killed(5, 0), enter(8, 0), leave(9, 0)]);
        assert_eq!(
            (report.turns.len(), report.finished(), report.most_inside),
            (1, 1, 1)
        );
        let cut_off: Vec<_> = report.turns[0]
            .spells
            .iter()
            .map(|spell| spell.cut_off)
            .collect();
        assert_eq!(cut_off, [true, false]);
    }

    #[test]
    fn a_limit_of_two_allows_two() {
        let limits = BTreeMap::from([("restart".to_owned(), 2)]);
        let reports = LockReport::all(&[enter(1, 0), enter(2, 1)], &limits);
        assert_eq!((reports[0].most_inside, reports[0].breach()), (2, None));
    }
}
