//! Carries out a step.

use super::awaited::Awaited;
use super::{Lab, expectation};
use crate::deed::Driver;
use crate::history::{Event, Happening};
use crate::name::{NotAUnitName, UnitName};
use crate::scenario::{Act, Target};

/// What was done, in words, and what has to end before the next step.
pub(super) struct Taken {
    pub(super) text: String,
    pub(super) awaited: Option<Awaited>,
}

/// Does it.
pub(super) fn take(mut lab: &Lab, act: &Act) -> Result<Taken, String> {
    let (text, awaited) = match act {
        Act::Wait => ("waited".to_owned(), None),
        Act::Expect(expected) => {
            let problems = lab.with_world(|world, _| expectation::unmet(world, expected));
            if !problems.is_empty() {
                return Err(problems.join("; "));
            }
            ("all expectations hold".to_owned(), None)
        }
        Act::Do(deed, ending) => {
            let deed = deed.aim(|target| find(lab, target))?;
            let effect = lab.carry_out(&deed).map_err(|error| error.to_string())?;
            (effect.told(&deed), Awaited::new(&effect, *ending))
        }
    };
    Ok(Taken { text, awaited })
}

/// The unit that a target stands for now.
fn find(lab: &Lab, target: &Target) -> Result<UnitName, String> {
    match target {
        Target::Unit(name) => name
            .parse()
            .map_err(|error: NotAUnitName| error.to_string()),
        Target::Leader => lab
            .with_world(|world, _| world.leader(lab.application()))
            .ok_or_else(|| "there is no leader now".to_owned()),
        Target::Holder => lab
            .with_world(|world, _| holder(world.history().events()))
            .ok_or_else(|| "no unit is inside a lock now".to_owned()),
    }
}

/// The unit that entered a lock last, of those that are inside one.
fn holder(events: &[Event]) -> Option<UnitName> {
    let mut inside: Vec<(&UnitName, &String)> = Vec::new();
    for event in events {
        match &event.happening {
            Happening::Enter { unit, lock } => inside.push((unit, lock)),
            Happening::Leave { unit, lock } => inside.retain(|mark| *mark != (unit, lock)),
            _ => {}
        }
    }
    inside.last().map(|(unit, _)| (*unit).clone())
}
