//! Where all comes to rest, and whether it does.

use super::action::Action;
use super::check::Application;
use super::state::{Life, State};

/// The most steps in which all must come to rest once nothing goes wrong any more.
pub(crate) const STEPS_TO_REST: usize = 200;

impl State {
    /// Whether somebody waits for a turn, or is inside.
    pub(crate) fn somebody_waits(&self) -> bool {
        let living = self.units.iter().filter(|unit| unit.life != Life::Dead);
        living
            .into_iter()
            .any(|unit| unit.owed != 0 || unit.inside != 0)
    }
}

impl Application {
    /// Whether all comes to rest and nobody is left waiting, once nothing goes wrong any more.
    pub(crate) fn ends_well(&self, state: &State) -> bool {
        let at_rest = |rest: State| !rest.somebody_waits() && rest.broken.is_none();
        self.bring_to_rest(state, |_| ()).is_some_and(at_rest)
    }

    /// Lets everything that must happen happen, unit by unit in turn, until all is at rest; `None` where
    /// it does not come to rest.
    pub(crate) fn bring_to_rest(
        &self,
        state: &State,
        mut happens: impl FnMut(Action),
    ) -> Option<State> {
        let mut state = state.clone();
        let mut duties = Vec::new();
        let mut turn = 0;
        for _ in 0..STEPS_TO_REST {
            duties.clear();
            state.duties(&mut duties);
            if duties.is_empty() {
                return Some(state);
            }
            // The next unit that has something to do, so that none is left behind.
            let next = duties
                .iter()
                .min_by_key(|action| (unit_of(**action) + 8 - turn) % 8);
            let action = *next?;
            turn = (unit_of(action) + 1) % 8;
            happens(action);
            state = self.apply(&state, action)?;
        }
        None
    }
}

fn unit_of(action: Action) -> u8 {
    match action {
        Action::Begin(unit, ..)
        | Action::Ask(unit)
        | Action::Proceed(unit, _)
        | Action::Lead(unit)
        | Action::Remove(unit)
        | Action::Die(unit)
        | Action::Rebirth(unit, _)
        | Action::LoseDisk(unit) => unit,
    }
}
