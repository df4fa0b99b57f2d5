//! A unit's machine: its disk, and the process that runs on it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::charm::{Disk, HookContext, VirtualCharm};
use crate::dispatch::{CrashPoint, Dispatch};
use crate::settings::Millis;
use crate::world::World;

/// What is going to happen to a unit's next process, or to the one that runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trap {
    /// It is killed after this many phases.
    Kill { phases: u32 },
    /// The agent dies at that point.
    Crash(CrashPoint),
    /// It exits with 1 instead of 0.
    Fail,
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
    /// What lives on of processes that were killed alone.
    pub(super) orphans: Vec<Process>,
    last_run: u64,
}

pub(super) struct Process {
    pub(super) charm: Box<dyn VirtualCharm>,
    pub(super) dispatch: Dispatch,
    pub(super) run: u64,
    pub(super) phases: u32,
    /// It has nothing more to do than to wait for its last tool call, and exits with this code then.
    pub(super) exit: Option<i32>,
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
            exit: None,
            held: false,
        });
    }

    /// The runs that would have gone on while the machine stood still.
    pub(super) fn release(&mut self) -> Vec<u64> {
        let all = self.process.iter_mut().chain(&mut self.orphans);
        all.filter_map(|process| std::mem::take(&mut process.held).then_some(process.run))
            .collect()
    }
}

impl Process {
    pub(super) fn context(
        &self,
        world: &Rc<RefCell<World>>,
        disk: &Rc<RefCell<Disk>>,
        now: Millis,
    ) -> HookContext {
        HookContext {
            world: Rc::clone(world),
            disk: Rc::clone(disk),
            id: self.dispatch.context.clone(),
            unit: self.dispatch.unit.clone(),
            now,
            spent: Rc::new(Cell::new(0)),
        }
    }
}
