//! Juju's part in deeds.

use super::UnitDeed;
use crate::error::LabError;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

impl World {
    /// Takes part in a deed. Where only machines and processes do, a unit that the deed waits for must exist.
    pub(super) fn do_to_unit(
        &mut self,
        unit: &UnitName,
        deed: UnitDeed,
        now: Millis,
    ) -> Result<(), LabError> {
        match deed {
            UnitDeed::AgentDown => self.set_agent_up(unit, false, now),
            UnitDeed::AgentUp => self.set_agent_up(unit, true, now),
            UnitDeed::CutOff => self.set_controller_reachable(unit, false, now),
            UnitDeed::Reconnect => self.set_controller_reachable(unit, true, now),
            UnitDeed::Suspend => self.set_suspended(unit, true, now),
            UnitDeed::Wake => self.set_suspended(unit, false, now),
            UnitDeed::LoseMachine => self.lose_unit(unit, now),
            UnitDeed::LoseDisk => self.lose_disk(unit, now),
            UnitDeed::EndLeftovers => self.end_leftovers(unit, now),
            UnitDeed::ForgetRelation => self.forget_relation(unit, now),
            UnitDeed::Leader => self.set_leader(unit, now),
            UnitDeed::Remove {
                force,
                untold: false,
            } => self.remove_unit(unit, force, now),
            UnitDeed::Remove {
                force,
                untold: true,
            } => self.remove_unit_untold(unit, force, now),
            UnitDeed::Resolve { retry } => self.resolve(unit, retry, now),
            UnitDeed::KillAfter { .. }
            | UnitDeed::Crash { .. }
            | UnitDeed::Fail
            | UnitDeed::LoseReply => self.existing(unit),
            UnitDeed::Kill { .. } => Ok(()),
        }
    }
}
