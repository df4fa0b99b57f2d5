//! Holds what a scenario expects against the model.


use crate::history::{Event, Happening, Outcome};
use crate::scenario::Expectation;
use crate::world::World;

/// Everything that is not as expected, as phrases.
pub(super) fn unmet(world: &World, expected: &Expectation) -> Vec<String> {
    let mut problems = Vec::new();
    let mut expect = |what: String, wanted: String, found: String| {
        if wanted != found {
            problems.push(format!("{what}: {found}, expected {wanted}"));
        }
    };
    let units = world.units();
    if let Some(wanted) = expected.units {
        expect("units".to_owned(), wanted.to_string(), units.len().to_string());
    }
    if let Some(wanted) = expected.failed_hooks {
        let failed = failed_hooks(world.history().events());
        expect("failed hooks".to_owned(), wanted.to_string(), failed.to_string());
    }
    if let Some(wanted) = &expected.leader {
        let leader = units.iter().find(|unit| unit.leader);
        let found = leader.map_or("nobody".to_owned(), |unit| unit.unit.to_string());
        expect("leader".to_owned(), wanted.clone(), found);
    }
    for (name, wanted) in &expected.status {
        let unit = units.iter().find(|unit| unit.unit.to_string() == *name);
        let found = unit.map_or("no such unit".to_owned(), |unit| unit.workload.clone());
        expect(format!("status of {name}"), wanted.clone(), found);
    }
    problems
}

fn failed_hooks(events: &[Event]) -> usize {
    let failed = |event: &&Event| {
        matches!(event.happening, Happening::HookEnd { outcome: Outcome::Failed, .. })
    };
    events.iter().filter(failed).count()
}
