//! Checks a scenario's expectations against the model.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Event, Happening, Outcome};
use crate::report::{LockReport, Report, UnitReport};
use crate::scenario::Expectation;
use crate::world::World;

/// Everything that is not as expected, as phrases.
pub(super) fn unmet(world: &World, expected: &Expectation) -> Vec<String> {
    let report = Report::of(world, &BTreeMap::new());
    let lock = |name: &String| report.locks.iter().find(|lock| lock.lock == *name);
    let mut problems = Vec::new();
    let mut expect = |what: String, wanted: &dyn ToString, found: &dyn ToString| {
        let (wanted, found) = (wanted.to_string(), found.to_string());
        if wanted != found {
            problems.push(format!("{what}: expected {wanted}, found {found}"));
        }
    };
    for (name, wanted) in &expected.turns {
        let turns = lock(name).map_or(0, LockReport::finished);
        expect(format!("turns of {name}"), wanted, &turns);
    }
    for (name, wanted) in &expected.largest_inside {
        let most = lock(name).map_or(0, |lock| lock.most_inside);
        expect(format!("largest number inside {name}"), wanted, &most);
    }
    if let Some(wanted) = expected.units {
        expect("units".to_owned(), &wanted, &report.units.len());
    }
    if let Some(wanted) = expected.failed_hooks {
        expect(
            "failed hooks".to_owned(),
            &wanted,
            &failed_hooks(world.history().events()),
        );
    }
    if let Some(wanted) = &expected.leader {
        let leader = report.units.iter().find(|unit| unit.status.leader);
        let found = leader.map_or("nobody".to_owned(), |unit| unit.status.unit.to_string());
        expect("leader".to_owned(), wanted, &found);
    }
    for (name, wanted) in &expected.status {
        let unit = report
            .units
            .iter()
            .find(|unit| unit.status.unit.to_string() == *name);
        let found = unit.map_or("no such unit", UnitReport::shown_status);
        expect(format!("status of {name}"), wanted, &found);
    }
    for (name, wanted) in &expected.each_unit {
        for unit in report.units.iter().map(|unit| &unit.status.unit) {
            let turns = lock(name).map_or(0, |lock| lock.finished_of(unit));
            if u32::try_from(turns).is_ok_and(|turns| turns < *wanted) {
                let text = format!("expected at least {wanted}, found {turns}");
                problems.push(format!("turns of {name} on {unit}: {text}"));
            }
        }
    }
    problems
}

/// Actions and commands are not hooks: their caller learns how they ended.
fn failed_hooks(events: &[Event]) -> usize {
    let actions: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| match &event.happening {
            Happening::ActionQueued { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let failed = |event: &&Event| match &event.happening {
        Happening::HookEnd { hook, outcome, .. } => {
            *outcome == Outcome::Failed && hook != "juju-exec" && !actions.contains(hook.as_str())
        }
        _ => false,
    };
    events.iter().filter(failed).count()
}
