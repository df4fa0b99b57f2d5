//! A unit's machine: its disk, and the process that runs on it.

use std::cell::RefCell;
use std::rc::Rc;

use super::Simulation;
use super::agenda::Entry;
use super::charm::{Disk, HookContext, Phase, VirtualCharm};
use crate::dispatch::{CrashPoint, Dispatch, Exit};
use crate::name::UnitName;
use crate::settings::Millis;

/// What is going to happen to a unit's next process, or to the one that runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trap {
    /// It is killed after so many phases.
    Kill { phases: u32 },
    /// The agent dies at that point.
    Crash(CrashPoint),
    /// It exits with this code instead of 0.
    Fail(i32),
    /// The controller's answer to its commit is lost.
    LoseReply,
}

#[derive(Default)]
pub(super) struct Machine {
    pub(super) disk: Rc<RefCell<Disk>>,
    pub(super) process: Option<Process>,
    /// When the unit steps next; of several entries in the agenda only this one counts.
    pub(super) scheduled: Option<Millis>,
    pub(super) trap: Option<Trap>,
    pub(super) frozen: bool,
    last_run: u64,
}

pub(super) struct Process {
    charm: Box<dyn VirtualCharm>,
    pub(super) dispatch: Dispatch,
    run: u64,
    phases: u32,
    /// It would have gone on while the machine stood still.
    pub(super) held: bool,
}

impl Machine {
    pub(super) fn runs(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn start(&mut self, charm: Box<dyn VirtualCharm>, dispatch: Dispatch) {
        self.last_run += 1;
        let run = self.last_run;
        self.process = Some(Process {
            charm,
            dispatch,
            run,
            phases: 0,
            held: false,
        });
    }

    /// The number of the run that goes on.
    pub(super) fn run(&self) -> u64 {
        self.last_run
    }
}

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
        let dispatch = &process.dispatch;
        let context = HookContext {
            world: Rc::clone(&self.world),
            disk: Rc::clone(&machine.disk),
            id: dispatch.context.clone(),
            now: self.now,
        };
        let phase = if first {
            process.charm.begin(dispatch, &context)
        } else {
            process.charm.resume(dispatch, &context)
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
            (Phase::Exit(0), Some(Trap::Fail(code))) | (Phase::Exit(code), _) => Exit::Code(code),
        };
        self.end(unit, exit);
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
