//! A charm in virtual time.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::dispatch::{Dispatch, ToolCall, ToolReply};
use crate::name::{ContextId, UnitName};
use crate::settings::Millis;
use crate::world::World;

/// A unit's files, by path. They survive the death of a process, and are lost with
/// [`UnitDeed::LoseDisk`](crate::deed::UnitDeed).
pub type Disk = BTreeMap<String, Vec<u8>>;

/// What a charm does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is busy for this many milliseconds, then continues with `resume`.
    After(Millis),
    /// It exits with this code.
    Exit(i32),
}

/// A charm. One is made for each hook, action or command, and dropped at its end.
pub trait VirtualCharm {
    /// The process starts.
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase;

    /// It continues after `Phase::After`.
    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase;

    /// Its dispatch process was killed alone ([`UnitDeed::Kill`](crate::deed::UnitDeed)), and Juju runs the hook
    /// again.
    /// True: what it had started lives on as an orphan, and `resume` comes when it was to come. All its hook
    /// tools fail from now on, as its context is over; `context` is as any orphan's.
    fn orphaned(&mut self, hook: &Dispatch, context: &HookContext) -> bool {
        let _ = (hook, context);
        false
    }
}

/// What a running charm has around it, for one phase.
#[derive(Clone, Debug)]
pub struct HookContext {
    pub(super) world: Rc<RefCell<World>>,
    pub(super) disk: Rc<RefCell<Disk>>,
    pub(super) id: ContextId,
    pub(super) unit: UnitName,
    pub(super) now: Millis,
    pub(super) spent: Rc<Cell<Millis>>,
}

impl HookContext {
    /// Calls a hook tool. Where it asks for stdin, it gets this text, or nothing.
    ///
    /// With `Settings::tool_delays` the phase lasts as much longer as its calls take. They are all answered
    /// at its beginning; a charm that is to see what happens between two calls makes them in two phases.
    pub fn call(&self, tool: &str, args: &[&str], stdin: Option<&str>) -> ToolReply {
        let call = ToolCall {
            context: self.id.clone(),
            command: tool.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            stdin: Some(stdin.unwrap_or_default().as_bytes().to_vec()),
            dir: String::new(),
            files: BTreeMap::new(),
        };
        let mut world = self.world.borrow_mut();
        let delay = world.settings().tool_delays.of(&self.unit, tool);
        self.spent.set(self.spent.get() + delay);
        world.call(&call, self.now)
    }

    /// The virtual time, in milliseconds since the start.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// The unit's files.
    pub fn disk(&self) -> RefMut<'_, Disk> {
        self.disk.borrow_mut()
    }

    /// Marks that the unit goes inside a lock.
    pub fn mark_enter(&self, lock: &str) {
        self.call("lab-mark", &["enter", lock], None);
    }

    /// Marks that the unit leaves a lock.
    pub fn mark_leave(&self, lock: &str) {
        self.call("lab-mark", &["leave", lock], None);
    }
}
