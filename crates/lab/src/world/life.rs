//! The end of a unit.

use super::World;
use crate::dispatch::Progress;
use crate::history::{Happening, Life};
use crate::model::timer::Timer;
use crate::name::UnitName;

impl World {
    /// A unit is gone.
    pub(crate) fn bury(&mut self, name: &UnitName) {
        self.leave_scopes(name);
        let Some(mut unit) = self.units.remove(name) else {
            return;
        };
        if !unit.quiet {
            self.busy -= 1;
        }
        self.woken.remove(name);
        self.timers.remove(&(self.now, Timer::Gone(name.clone())));
        self.timers.retain(
            |(_, timer)| !matches!(timer, Timer::Gone(unit) | Timer::Restart(unit) if unit == name),
        );
        if let Some(context) = unit.running.take() {
            self.abandon(name, &context);
        }
        for id in &unit.actions {
            if let Some(action) = self.requests.actions.get_mut(id) {
                action.record.progress = Progress::Failed;
                "unit is gone".clone_into(&mut action.record.message);
            }
        }
        for id in &unit.agent.memory.execs {
            if let Some((_, record)) = self.requests.execs.get_mut(id) {
                record.progress = Progress::Failed;
                record.code = 1;
            }
        }
        self.record(Happening::Life {
            unit: name.clone(),
            life: Life::Dead,
        });
        let Some(deployed) = self.deployed.get_mut(name.application()) else {
            return;
        };
        deployed.units.remove(&unit.member);
        if deployed.lease.holder == Some(name.number()) {
            self.lapse(name.application());
        }
    }
}
