//! Plays the steps of a scenario against a running lab.
//!
//! The player never blocks: whoever drives it calls [`Player::advance`] whenever something may have
//! happened, and shows a live view in between.

use super::Lab;
use super::act::{self, Taken};
use super::awaited::Awaited;
use crate::history::Happening;
use crate::name::UnitName;
use crate::scenario::{Act, After, Expectation, Moment, Step};
use crate::settings::Millis;
use crate::world::World;

/// Where a scenario stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advance {
    /// The next step waits for its moment, or the last one for its end.
    Waiting,
    /// A step was taken.
    Did {
        /// When, in milliseconds since the lab began.
        at: Millis,
        /// What it did.
        text: String,
    },
    /// All steps are done and the model is idle.
    Finished,
    /// A step could not be taken, or what it expected does not hold; the text says why.
    Failed(String),
}

/// Plays steps in order.
#[derive(Debug)]
pub struct Player {
    steps: Vec<Step>,
    next: usize,
    /// When the last step was taken.
    since: Millis,
    /// How many events there were then.
    seen: usize,
    /// When the moment of the next step came.
    came: Option<Millis>,
    awaited: Option<Awaited>,
    judge: Option<Judge>,
}

/// Returns unmet expectations, as phrases, that the lab itself cannot check.
pub type Judge = fn(&World, &Expectation) -> Vec<String>;

impl Player {
    /// A player of these steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self {
            steps,
            next: 0,
            since: 0,
            seen: 0,
            came: None,
            awaited: None,
            judge: None,
        }
    }

    /// Also checks expectations about things that the caller knows and the lab does not.
    #[must_use]
    pub fn with_judge(mut self, judge: Judge) -> Self {
        self.judge = Some(judge);
        self
    }

    /// Begins now, and counts marks and hooks from when there were `seen` events.
    #[must_use]
    pub(super) fn going_on(mut self, lab: &Lab, seen: usize) -> Self {
        (self.since, self.seen) = (lab.now(), seen);
        self
    }

    /// How many events there were at the last step.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Whether all steps are taken and what they began has ended.
    pub(super) fn is_done(&self) -> bool {
        self.remaining() == 0 && self.awaited.is_none()
    }

    /// What has not happened yet, in words.
    pub(super) fn waits_for(&self) -> &'static str {
        match self.awaited {
            Some(_) => "what the step began has not ended",
            None => "the moment of the step has not come",
        }
    }

    /// How many steps are still to be taken.
    pub fn remaining(&self) -> usize {
        self.steps.len() - self.next
    }

    /// Treats the moment of the next step as come, for a caller that knows it never will.
    pub fn hurry(&mut self, lab: &Lab) {
        self.came.get_or_insert(lab.now());
    }

    /// Takes the next step if its moment has come.
    pub fn advance(&mut self, lab: &Lab) -> Advance {
        if let Some(awaited) = self.awaited.take() {
            match lab.with_world(|world, _| awaited.outcome(world)) {
                None => {
                    self.awaited = Some(awaited);
                    return Advance::Waiting;
                }
                Some(Err(problem)) => return Advance::Failed(problem),
                Some(Ok(())) => {}
            }
        }
        let Some(step) = self.steps.get(self.next).cloned() else {
            let idle = lab.with_world(|world, _| world.is_idle());
            return if idle {
                Advance::Finished
            } else {
                Advance::Waiting
            };
        };
        if !self.is_due(lab, &step.after) {
            return Advance::Waiting;
        }
        self.next += 1;
        self.came = None;
        lab.with_world(|world, now| {
            self.since = now;
            self.seen = world.history().events().len();
        });
        match self.take(lab, &step.act) {
            Ok(Taken { text, awaited }) => {
                self.awaited = awaited;
                let text = step.note.unwrap_or(text);
                Advance::Did {
                    at: self.since,
                    text,
                }
            }
            Err(problem) => Advance::Failed(format!("step {}: {problem}", self.next)),
        }
    }

    fn take(&self, lab: &Lab, act: &Act) -> Result<Taken, String> {
        if let (Some(judge), Act::Expect(expected)) = (self.judge, act) {
            let problems = lab.with_world(|world, _| judge(world, expected));
            if !problems.is_empty() {
                return Err(problems.join("; "));
            }
        }
        act::take(lab, act)
    }

    fn is_due(&mut self, lab: &Lab, after: &After) -> bool {
        let (since, seen) = (self.since, self.seen);
        lab.with_world(|world, now| {
            if self.came.is_none() && has_come(world, &after.moment, seen) {
                self.came = Some(match after.moment {
                    Moment::Now => since,
                    _ => now,
                });
            }
            self.came
                .is_some_and(|came| now >= came.saturating_add(after.delay))
        })
    }
}

fn has_come(world: &World, moment: &Moment, seen: usize) -> bool {
    let events = world.history().events();
    let count = |matches: &dyn Fn(&Happening) -> bool| {
        events
            .iter()
            .skip(seen)
            .filter(|event| matches(&event.happening))
            .count()
    };
    let of_unit = |wanted: &Option<String>, unit: &UnitName| {
        wanted
            .as_ref()
            .is_none_or(|wanted| unit.to_string() == *wanted)
    };
    let enough = |found: usize, wanted: u32| u32::try_from(found).is_ok_and(|n| n >= wanted);
    match moment {
        Moment::Now => true,
        Moment::Idle => world.is_idle(),
        Moment::Mark {
            enter,
            lock,
            unit: wanted,
            count: times,
        } => {
            let fits = |happening: &Happening| match happening {
                Happening::Enter { unit, lock: marked } if *enter => {
                    of_unit(wanted, unit) && lock.as_ref().is_none_or(|lock| lock == marked)
                }
                Happening::Leave { unit, lock: marked } if !*enter => {
                    of_unit(wanted, unit) && lock.as_ref().is_none_or(|lock| lock == marked)
                }
                _ => false,
            };
            enough(count(&fits), *times)
        }
        Moment::Hook {
            name,
            unit: wanted,
            count: times,
        } => {
            let fits = |happening: &Happening| match happening {
                Happening::HookBegin { unit, hook, .. } => hook == name && of_unit(wanted, unit),
                _ => false,
            };
            enough(count(&fits), *times)
        }
    }
}
