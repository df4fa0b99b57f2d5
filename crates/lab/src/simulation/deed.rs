//! Deeds in virtual time: what happens to machines and the processes on them.

use super::Simulation;
use super::agenda::Entry;
use super::charm::VirtualCharm;
use super::machine::Trap;
use crate::deed::{Deed, Driver, Effect, Revision, UnitDeed};
use crate::dispatch::Exit;
use crate::error::LabError;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

impl<F> Driver for Simulation<F>
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    type Error = LabError;

    fn application(&self) -> &str {
        &self.plan.application.name
    }

    fn with_world<T>(&mut self, look: impl FnOnce(&mut World, Millis) -> T) -> T {
        look(&mut self.world.borrow_mut(), self.now)
    }

    /// A machine is made when its unit first steps.
    fn start(&mut self, _: &[UnitName]) -> Result<(), LabError> {
        Ok(())
    }

    fn upgrade(&mut self, to: &Revision, force: bool) -> Result<(), LabError> {
        if let Revision::Directory(_) = to {
            return Err(LabError::NotHere("a charm in a directory"));
        }
        let mut world = self.world.borrow_mut();
        let mut revision = world.declared(&self.plan.application.name)?.clone();
        revision.peers.extend(to.adds().iter().cloned());
        world.upgrade_charm_to(&revision, force, self.now)
    }

    /// A virtual charm has whatever clock its author gives it.
    fn set_clock(&mut self, _: &UnitName, _: i64) -> Result<(), LabError> {
        Err(LabError::NotHere("a clock that is set"))
    }

    fn do_to_machine(&mut self, unit: &UnitName, deed: UnitDeed) -> Result<(), LabError> {
        match deed {
            UnitDeed::Suspend => self.freeze(unit, true),
            UnitDeed::Wake => self.freeze(unit, false),
            UnitDeed::Kill { spare_children } => return self.kill(unit, spare_children),
            UnitDeed::KillAfter { phases } => self.set_trap(unit, Trap::Kill { phases }),
            UnitDeed::Crash { at } => self.set_trap(unit, Trap::Crash(at)),
            UnitDeed::Fail => self.set_trap(unit, Trap::Fail),
            UnitDeed::LoseReply => self.set_trap(unit, Trap::LoseReply),
            // A process whose agent is gone finds that out when it goes on; lost disks and the end of leftovers are
            // in the history.
            UnitDeed::AgentDown
            | UnitDeed::AgentUp
            | UnitDeed::CutOff
            | UnitDeed::Reconnect
            | UnitDeed::LoseMachine
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

impl<F> Simulation<F>
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    /// Carries out a deed of the plan, which gives units by number.
    pub(super) fn do_deed(&mut self, deed: &Deed<u32>) -> Result<Effect, LabError> {
        let application = self.plan.application.name.as_str();
        let deed = deed.aim(|number| Ok::<_, LabError>(UnitName::new(application, *number)))?;
        self.carry_out(&deed)
    }

    /// Kills the process that runs; nothing can be killed on a machine that stands still.
    fn kill(&mut self, unit: &UnitName, spare_children: bool) -> Result<(), LabError> {
        let machine = self.machines.get(unit);
        if !machine.is_some_and(|machine| machine.runs() && !machine.frozen) {
            return Err(LabError::NothingToKill(unit.clone()));
        }
        if spare_children {
            self.kill_dispatch(unit);
        } else {
            self.end(unit, Exit::Killed);
        }
        Ok(())
    }

    fn set_trap(&mut self, unit: &UnitName, trap: Trap) {
        self.machines.entry(unit.clone()).or_default().trap = Some(trap);
    }

    /// Freezes a machine, or lets its process continue where it was.
    fn freeze(&mut self, unit: &UnitName, frozen: bool) {
        let machine = self.machines.entry(unit.clone()).or_default();
        machine.frozen = frozen;
        if !frozen {
            for run in machine.release() {
                self.agenda.add(self.now, Entry::Resume(unit.clone(), run));
            }
        }
    }
}
