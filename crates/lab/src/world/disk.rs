//! A unit that loses its disk, and processes that its hooks left running.

use super::World;
use crate::error::LabError;
use crate::history::Happening;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::uniter::agent::Process;

impl World {
    /// The unit's disk is lost and its charm unpacked again, as when a pod comes back: at once, or when the running
    /// hook has ended. All processes that its hooks left running die. The agent comes back after
    /// `Settings::agent_restart` with its stored state, which a pod's agent stores at the controller, and runs
    /// `start` again. Databags and leadership stay.
    ///
    /// # Errors
    /// When the unit does not exist or its machine is lost.
    pub fn lose_disk(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        self.not_lost(unit)?;
        if let Some(unit) = self.units.get_mut(unit) {
            unit.disk_is_going = true;
        }
        self.disk_goes(unit);
        Ok(())
    }

    /// The disk goes if it is to, and nothing runs.
    pub(crate) fn disk_goes(&mut self, name: &UnitName) {
        let waiting =
            |unit: &crate::uniter::unit::Unit| unit.disk_is_going && unit.running.is_none();
        let Some(unit) = self.units.get_mut(name).filter(|unit| waiting(unit)) else {
            return;
        };
        unit.disk_is_going = false;
        // Before its first `start`, a charm has nothing to be told.
        unit.local.rebooted = unit.local.started;
        let runs = unit.agent.process == Process::Up;
        self.record(Happening::DiskLost { unit: name.clone() });
        if !(runs && self.settings.leftovers_die_with_agent) {
            self.leftovers_end(name);
        }
        if runs {
            self.agent_dies(name, Process::Restarting);
        }
    }

    /// Kills the processes that a unit's hooks left running, except its running hook: wakers, orphans.
    ///
    /// # Errors
    /// When the unit does not exist or its machine is lost.
    pub fn end_leftovers(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        self.not_lost(unit)?;
        self.leftovers_end(unit);
        Ok(())
    }

    pub(super) fn leftovers_end(&mut self, name: &UnitName) {
        self.record(Happening::LeftoversEnded { unit: name.clone() });
    }
}
