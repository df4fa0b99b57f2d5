//! Whether the application becomes idle without further faults.

use ops_coordinator_core::LockName;

use super::action::Action;
use super::check::Application;
use super::state::{Life, State, UNITS};

/// The maximum number of steps until the application must be idle once faults have stopped.
pub(crate) const STEPS_TO_REST: usize = 200;

impl State {
    /// Whether a unit is waiting for a turn, is inside, or is still called by a campaign.
    pub(crate) fn somebody_waits(&self, locks: &[LockName]) -> bool {
        (0..UNITS).any(|unit| self.waits(unit, locks))
    }

    /// The same of one unit.
    pub(crate) fn waits(&self, unit: usize, locks: &[LockName]) -> bool {
        let own = &self.units[unit];
        let index = u8::try_from(unit).unwrap_or(u8::MAX);
        let called = || (0..locks.len()).any(|lock| self.is_called(index, lock, locks));
        // Nor does a unit without an operation keep others from the shared lock.
        let keeps = own.seat.is_some();
        own.life != Life::Dead && (own.owed != 0 || own.inside != 0 || called() || keeps)
    }
}

impl Application {
    /// Whether the application becomes idle with nobody left waiting, once faults have stopped.
    pub(crate) fn ends_well(&self, state: &State) -> bool {
        let at_rest = |rest: State| !rest.somebody_waits(self.locks()) && rest.broken.is_none();
        self.bring_to_rest(state, |_| ()).is_some_and(at_rest)
    }

    /// Runs everything that must happen, unit by unit in turn, until all units are idle; `None` if they never
    /// become idle.
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
            state.duties(self.locks(), &mut duties);
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
        | Action::BeginUnwell(unit, _)
        | Action::Ask(unit)
        | Action::Proceed(unit, _)
        | Action::Lead(unit)
        | Action::Remove(unit)
        | Action::Die(unit)
        | Action::Rebirth(unit, _)
        | Action::LoseDisk(unit)
        | Action::Ail(unit)
        | Action::Recover(unit)
        | Action::Serve(unit)
        | Action::Hold(unit)
        | Action::LoseLease(unit) => unit,
        Action::ChangeLimit | Action::RivalJoins | Action::RivalLeaves => 0,
    }
}
