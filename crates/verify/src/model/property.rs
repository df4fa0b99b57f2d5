//! What must hold in every state.

use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Property;

use super::check::Application;
use super::state::{Broken, Life, State, bit};

macro_rules! steps {
    ($($broken:ident),*) => {
        vec![$(Property::always(Broken::$broken.name(), |_: &Application, state: &State| {
            state.broken != Some(Broken::$broken)
        })),*]
    };
}

/// The properties, those of single steps first.
pub(crate) fn all() -> Vec<Property<Application>> {
    let mut all = steps![
        StartsOnlyInTurn,
        NothingStartsWhilePaused,
        StoppedWaitsForPermission,
        TurnLastsUntilItsCheckHasHeld,
        NothingStartsWithoutTheSharedLock,
        FinishedNeverRunsAgain,
        NothingRunsUnasked,
        NobodyIsPassedOver,
        LineKeepsOrder,
        VersionGrows,
        LimitsOnlyFall,
        LoweredLimitHolds,
        OnlyWhatIsOverLeaves,
        ValuesAreSound,
        CountersOnlyGrow,
        NoHookErrors,
        AssertionsHold
    ];
    all.push(Property::always(
        "at-most-limit-inside",
        at_most_limit_inside,
    ));
    all.push(Property::always(
        "nobody-waits-at-rest",
        nobody_waits_at_rest,
    ));
    all.push(Property::always("all-ends-well", all_ends_well));
    all.push(Property::sometimes(
        "everything-finished",
        everything_finished,
    ));
    all.push(Property::sometimes("limit-reached", limit_reached));
    all
}

fn inside(state: &State, lock: u8) -> usize {
    let living = state.units.iter().filter(|unit| unit.life != Life::Dead);
    living.filter(|unit| unit.inside & bit(lock) != 0).count()
}

fn at_most_limit_inside(model: &Application, state: &State) -> bool {
    (0..model.case.locks).all(|lock| inside(state, lock) <= model.case.limit as usize)
}

fn limit_reached(model: &Application, state: &State) -> bool {
    inside(state, 0) == model.case.limit as usize
}

fn at_rest(model: &Application, state: &State) -> bool {
    let mut duties = Vec::new();
    state.duties(model.locks(), &mut duties);
    duties.is_empty()
}

fn nobody_waits_at_rest(model: &Application, state: &State) -> bool {
    !state.somebody_waits(model.locks()) || !at_rest(model, state)
}

fn everything_finished(model: &Application, state: &State) -> bool {
    let asked = state.units.iter().all(|unit| unit.requests == 0) && state.left.roll == 0;
    asked && !state.somebody_waits(model.locks()) && at_rest(model, state)
}

/// From here, without further faults, the application becomes idle with nobody left waiting. This is checked for a
/// fraction of the states, chosen by their content, so always for the same ones.
fn all_ends_well(model: &Application, state: &State) -> bool {
    let mut hasher = DefaultHasher::new();
    // Numbers of texts differ from run to run; what is left to happen does not.
    state.left.hash(&mut hasher);
    for unit in &state.units {
        (
            unit.life,
            unit.news,
            unit.retry,
            unit.inside,
            unit.owed,
            unit.requests,
        )
            .hash(&mut hasher);
    }
    if !hasher.finish().is_multiple_of(model.case.healed_one_in) {
        return true;
    }
    model.ends_well(state)
}
