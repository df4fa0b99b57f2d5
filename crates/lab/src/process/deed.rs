//! Deeds with real processes: what happens to machines and the processes on them.

use super::{Lab, ProcessError, agent, sweep};
use crate::charm::Charm;
use crate::deed::{Driver, Revision, UnitDeed};
use crate::dispatch::CrashPoint;
use crate::error::LabError;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

impl Driver for &Lab {
    type Error = ProcessError;

    fn application(&self) -> &str {
        Lab::application(self)
    }

    fn with_world<T>(&mut self, look: impl FnOnce(&mut World, Millis) -> T) -> T {
        Lab::with_world(self, look)
    }

    fn start(&mut self, units: &[UnitName]) -> Result<(), ProcessError> {
        units
            .iter()
            .try_for_each(|unit| agent::start(&self.shared, unit))
    }

    fn upgrade(&mut self, to: &Revision, force: bool) -> Result<(), ProcessError> {
        let charm = match to {
            Revision::Same => None,
            Revision::Directory(directory) => Some(Charm::read(directory)?),
            Revision::Adds(_) => {
                return Err(LabError::NotHere("a charm without a directory").into());
            }
        };
        Lab::with_world(self, |world, now| {
            let application = Lab::application(self);
            match &charm {
                Some(charm) => {
                    let mut revision = charm.application();
                    application.clone_into(&mut revision.name);
                    world.upgrade_charm_to(&revision, force, now)?;
                }
                None => world.upgrade_charm(application, force, now)?,
            }
            // With the world held, so that no unit runs the revision before it is known.
            self.shared
                .folders
                .add_revision(charm.as_ref().map(Into::into));
            Ok(())
        })
    }

    /// Processes that began before their unit's clock was first set keep the right time.
    fn set_clock(&mut self, unit: &UnitName, offset: i64) -> Result<(), ProcessError> {
        self.shared.folders.set_clock(unit, offset)
    }

    fn do_to_machine(&mut self, unit: &UnitName, deed: UnitDeed) -> Result<(), ProcessError> {
        let shared = &self.shared;
        match deed {
            UnitDeed::AgentDown => drop(shared.jobs.kill(unit, None)),
            UnitDeed::Suspend => shared.suspend(unit, true),
            UnitDeed::Wake => shared.suspend(unit, false),
            UnitDeed::LoseMachine => sweep::end_marked(&shared.address(unit)),
            UnitDeed::Kill { spare_children } => {
                let killed = match spare_children {
                    true => shared.jobs.kill_dispatch(unit),
                    false => shared.jobs.kill(unit, None),
                };
                if !killed {
                    return Err(LabError::NothingToKill(unit.clone()).into());
                }
            }
            UnitDeed::Crash { at } => {
                // What runs is killed now, or reaches its end; otherwise it concerns the next hook.
                if at != CrashPoint::MidProcess || !shared.jobs.kill(unit, Some(at)) {
                    shared.jobs.crash_next(unit, at);
                }
            }
            UnitDeed::Fail => shared.jobs.fail_next(unit),
            UnitDeed::KillAfter { .. } | UnitDeed::LoseReply => {
                return Err(LabError::NotHere(deed.name()).into());
            }
            // A running hook goes on, whatever its agent knows; lost disks and the end of leftovers are in the history.
            UnitDeed::AgentUp
            | UnitDeed::CutOff
            | UnitDeed::Reconnect
            | UnitDeed::LoseDisk
            | UnitDeed::EndLeftovers
            | UnitDeed::ForgetRelation
            | UnitDeed::Leader
            | UnitDeed::Remove { .. }
            | UnitDeed::Resolve { .. } => {}
        }
        Ok(())
    }
}
