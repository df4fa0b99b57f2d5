//! A charm in virtual time.

use std::collections::BTreeMap;

use crate::dispatch::{Dispatch, ToolCall, ToolReply};
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
    fn begin(&mut self, hook: &Dispatch, context: &mut dyn HookContext) -> Phase;

    /// It goes on after `Phase::After`.
    fn resume(&mut self, hook: &Dispatch, context: &mut dyn HookContext) -> Phase;
}

/// What a running charm has around it.
pub trait HookContext {
    /// Calls a hook tool. Where it asks for stdin, it gets this text, or nothing.
    fn call(&mut self, tool: &str, args: &[&str], stdin: Option<&str>) -> ToolReply;

    /// The virtual time, in milliseconds since the start.
    fn now(&self) -> Millis;

    /// The unit's files.
    fn disk(&mut self) -> &mut Disk;

    /// Marks that the unit goes inside a lock.
    fn mark_enter(&mut self, lock: &str) {
        self.call("lab-mark", &["enter", lock], None);
    }

    /// Marks that the unit comes out of a lock.
    fn mark_leave(&mut self, lock: &str) {
        self.call("lab-mark", &["leave", lock], None);
    }
}

/// The surroundings of one process for one phase.
pub(super) struct Surroundings<'a> {
    pub(super) world: &'a mut World,
    pub(super) disk: &'a mut Disk,
    pub(super) dispatch: &'a Dispatch,
    pub(super) now: Millis,
}

impl HookContext for Surroundings<'_> {
    fn call(&mut self, tool: &str, args: &[&str], stdin: Option<&str>) -> ToolReply {
        let call = ToolCall {
            context: self.dispatch.context.clone(),
            command: tool.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            stdin: Some(stdin.unwrap_or_default().as_bytes().to_vec()),
            dir: String::new(),
            files: BTreeMap::new(),
        };
        self.world.call(&call, self.now)
    }

    fn now(&self) -> Millis {
        self.now
    }

    fn disk(&mut self) -> &mut Disk {
        self.disk
    }
}
