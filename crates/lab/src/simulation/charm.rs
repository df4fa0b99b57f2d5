//! A charm in virtual time.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::dispatch::{Dispatch, ToolCall, ToolReply};
use crate::name::ContextId;
use crate::settings::Millis;
use crate::world::World;

/// A unit's files, by path. They survive whatever becomes of a process.
pub type Disk = BTreeMap<String, Vec<u8>>;

/// What a charm does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is busy for so many milliseconds, then goes on with `resume`.
    After(Millis),
    /// It exits with this code.
    Exit(i32),
}

/// A charm. One is made for each hook, action or command, and dropped at its end.
pub trait VirtualCharm {
    /// The process starts.
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase;

    /// It goes on after `Phase::After`.
    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase;
}

/// What a running charm has around it, for one phase.
#[derive(Clone, Debug)]
pub struct HookContext {
    pub(super) world: Rc<RefCell<World>>,
    pub(super) disk: Rc<RefCell<Disk>>,
    pub(super) id: ContextId,
    pub(super) now: Millis,
}

impl HookContext {
    /// Calls a hook tool. Where it asks for stdin, it gets this text, or nothing.
    pub fn call(&self, tool: &str, args: &[&str], stdin: Option<&str>) -> ToolReply {
        let call = ToolCall {
            context: self.id.clone(),
            command: tool.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            stdin: Some(stdin.unwrap_or_default().as_bytes().to_vec()),
            dir: String::new(),
            files: BTreeMap::new(),
        };
        self.world.borrow_mut().call(&call, self.now)
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

    /// Marks that the unit comes out of a lock.
    pub fn mark_leave(&self, lock: &str) {
        self.call("lab-mark", &["leave", lock], None);
    }
}
