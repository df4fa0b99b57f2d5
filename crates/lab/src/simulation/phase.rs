//! How a process continues, phase by phase: to its end, into a trap, or alone after its dispatch was killed.

use std::rc::Rc;

use super::Simulation;
use super::agenda::Entry;
use super::charm::{Phase, VirtualCharm};
use super::machine::Trap;
use crate::dispatch::{CrashPoint, Exit};
use crate::name::UnitName;

impl<F> Simulation<F>
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    /// The process that was just made does its first phase.
    pub(super) fn begin(&mut self, unit: &UnitName) {
        let trap = self.machines.get(unit).and_then(|machine| machine.trap);
        if let Some(Trap::Crash(point @ CrashPoint::BeforeProcess)) = trap {
            return self.end(unit, Exit::Crash(point));
        }
        self.phase(unit, true);
    }

    pub(super) fn resume(&mut self, unit: &UnitName, run: u64) {
        let Some(machine) = self.machines.get_mut(unit) else {
            return;
        };
        if machine.orphans.iter().any(|orphan| orphan.run == run) {
            return self.orphan_goes_on(unit, run);
        }
        let frozen = machine.frozen;
        let Some(process) = machine
            .process
            .as_mut()
            .filter(|process| process.run == run)
        else {
            return;
        };
        if frozen {
            process.held = true;
        } else if self.world.borrow().running(unit) == Some(&process.dispatch.context) {
            self.phase(unit, false);
        } else {
            // Its agent has died meanwhile, or the unit is gone: the process goes with it.
            machine.process = None;
            self.schedule(unit.clone(), self.now);
        }
    }

    fn phase(&mut self, unit: &UnitName, first: bool) {
        let Some(machine) = self.machines.get_mut(unit) else {
            return;
        };
        let Some(process) = machine.process.as_mut() else {
            return;
        };
        if let Some(Trap::Kill { phases }) = machine.trap
            && process.phases >= phases
        {
            return self.end(unit, Exit::Killed);
        }
        process.phases += 1;
        let context = process.context(&self.world, &machine.disk, self.now);
        let dispatch = &process.dispatch;
        let phase = match process.exit.take() {
            Some(code) => Phase::Exit(code),
            None if first => process.charm.begin(dispatch, &context),
            None => process.charm.resume(dispatch, &context),
        };
        let phase = match (phase, context.spent.get()) {
            (phase, 0) => phase,
            (Phase::After(time), spent) => Phase::After(time + spent),
            (Phase::Exit(code), spent) => {
                process.exit = Some(code);
                Phase::After(spent)
            }
        };
        let exit = match (phase, machine.trap) {
            (_, Some(Trap::Crash(point @ CrashPoint::MidProcess)))
            | (Phase::Exit(0), Some(Trap::Crash(point))) => Exit::Crash(point),
            (Phase::After(time), _) => {
                let run = process.run;
                self.agenda
                    .add(self.now + time, Entry::Resume(unit.clone(), run));
                return;
            }
            (Phase::Exit(0), Some(Trap::LoseReply)) => Exit::ReplyLost,
            (Phase::Exit(0), Some(Trap::Fail)) => Exit::Code(1),
            (Phase::Exit(code), _) => Exit::Code(code),
        };
        self.end(unit, exit);
    }

    /// The dispatch process is killed; whatever it has started lives on, if the charm has it so.
    pub(super) fn kill_dispatch(&mut self, unit: &UnitName) {
        let Some(machine) = self.machines.get_mut(unit) else {
            return;
        };
        let Some(mut process) = machine.process.take() else {
            return;
        };
        machine.trap = None;
        let id = process.dispatch.context.clone();
        self.world.borrow_mut().exited(&id, Exit::Killed, self.now);
        let context = process.context(&self.world, &machine.disk, self.now);
        if process.charm.orphaned(&process.dispatch, &context) {
            machine.orphans.push(process);
        }
        self.schedule(unit.clone(), self.now);
    }

    fn orphan_goes_on(&mut self, unit: &UnitName, run: u64) {
        let Some(machine) = self.machines.get_mut(unit) else {
            return;
        };
        let (frozen, disk) = (machine.frozen, Rc::clone(&machine.disk));
        let Some(place) = machine.orphans.iter().position(|orphan| orphan.run == run) else {
            return;
        };
        let orphan = &mut machine.orphans[place];
        if frozen {
            orphan.held = true;
            return;
        }
        let context = orphan.context(&self.world, &disk, self.now);
        let phase = match orphan.exit {
            Some(code) => Phase::Exit(code),
            None => orphan.charm.resume(&orphan.dispatch, &context),
        };
        match phase {
            Phase::After(time) => {
                let at = self.now + time + context.spent.get();
                self.agenda.add(at, Entry::Resume(unit.clone(), run));
            }
            Phase::Exit(_) => drop(machine.orphans.remove(place)),
        }
    }

    /// The process is over; a trap that it was in has sprung.
    pub(super) fn end(&mut self, unit: &UnitName, exit: Exit) {
        let Some(machine) = self.machines.get_mut(unit) else {
            return;
        };
        let Some(process) = machine.process.take() else {
            return;
        };
        machine.trap = None;
        let context = &process.dispatch.context;
        self.world.borrow_mut().exited(context, exit, self.now);
        // Whatever woke the unit while it was busy went unheeded.
        self.schedule(unit.clone(), self.now);
    }
}
