//! A failing recipe, made smaller as long as it fails in the same way.

use ops_coordinator_core::Recovery;
use ops_coordinator_core::policy::Sequence;
use ops_coordinator_lab::ToolDelays;

use super::course::{Course, simulate};
use super::recipe::Recipe;
use crate::Bug;

/// How many smaller recipes are tried.
const TRIES: usize = 800;
/// With how many other lots each is tried: in a smaller run everything else falls otherwise.
const LOTS: u64 = 6;

/// The smallest recipe found that breaks the same promise, and its course.
pub fn shrink(recipe: &Recipe, bug: Option<Bug>) -> (Recipe, Course) {
    let mut best = (recipe.clone(), simulate(recipe, bug));
    let promise = best.1.violation.as_ref().map(|violation| violation.promise);
    let mut tries = 0;
    'smaller: loop {
        for smaller in smaller(&best.0) {
            for lot in 0..LOTS {
                tries += 1;
                if tries > TRIES {
                    return best;
                }
                let smaller = cast(&smaller, lot);
                let course = simulate(&smaller, bug);
                if course.violation.as_ref().map(|violation| violation.promise) == promise {
                    best = (smaller, course);
                    continue 'smaller;
                }
            }
        }
        return best;
    }
}

fn cast(recipe: &Recipe, lot: u64) -> Recipe {
    let mut other = recipe.clone();
    other.seed = recipe.seed.wrapping_add(lot);
    other.settings.seed = other.seed;
    other
}

fn smaller(recipe: &Recipe) -> Vec<Recipe> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut Recipe)| {
        let mut other = recipe.clone();
        change(&mut other);
        all.push(other);
    };
    for index in 0..recipe.deeds.len() {
        with(&|other| drop(other.deeds.remove(index)));
    }
    if recipe.shut.is_some() {
        with(&|other| other.shut = None);
    }
    if recipe.lowered.is_some() {
        with(&|other| other.lowered = None);
    }
    if recipe.zones {
        with(&|other| other.zones = false);
    }
    if recipe.check.is_some() {
        with(&|other| other.check = None);
    }
    if recipe.check_fails > 0 {
        with(&|other| other.check_fails = 0);
    }
    if recipe.recovery != Recovery::default() {
        with(&|other| other.recovery = Recovery::default());
    }
    if recipe.max_unavailable.is_some() {
        with(&|other| other.max_unavailable = None);
    }
    if recipe.thinks > 0 {
        with(&|other| other.thinks = 0);
    }
    if recipe.canary {
        with(&|other| other.canary = false);
    }
    if recipe.sequence != Sequence::FirstCome {
        with(&|other| other.sequence = Sequence::FirstCome);
    }
    if recipe.units > 1 {
        with(&|other| other.units -= 1);
    }
    if recipe.locks > 1 {
        with(&|other| other.locks = 1);
    }
    if recipe.operations_fail {
        with(&|other| other.operations_fail = false);
    }
    if recipe.operations_stop {
        with(&|other| other.operations_stop = false);
    }
    if recipe.slow {
        with(&|other| other.slow = false);
    }
    if recipe.long {
        with(&|other| other.long = false);
    }
    if recipe.ignores {
        with(&|other| other.ignores = false);
    }
    if recipe.forgets {
        with(&|other| other.forgets = false);
    }
    if recipe.passes {
        with(&|other| other.passes = false);
    }
    if recipe.two_endpoints {
        with(&|other| other.two_endpoints = false);
    }
    if recipe.settings.tool_delays != ToolDelays::default() {
        with(&|other| other.settings.tool_delays = ToolDelays::default());
    }
    if !recipe.settings.duplicate_relations.is_empty() {
        with(&|other| other.settings.duplicate_relations.clear());
    }
    if recipe.settings.leftovers_die_with_agent {
        with(&|other| other.settings.leftovers_die_with_agent = false);
    }
    if recipe.settings.watcher_delay > 0 {
        with(&|other| other.settings.watcher_delay = 0);
    }
    if recipe.latency > 0 {
        with(&|other| other.latency = 0);
    }
    all
}
