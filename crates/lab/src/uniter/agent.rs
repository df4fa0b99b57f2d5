//! Whether an agent runs, and what it holds only in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::dispatch::ExecId;
use crate::history::Condition;
use crate::model::bag::Values;
use crate::model::member::Member;
use crate::name::RelationId;
use crate::settings::Millis;

/// The agent's process and its machine.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) process: Process,
    pub(crate) reachable: bool,
    pub(crate) suspended: bool,
    /// Leadership that the agent believes in though it may be gone, until this time.
    pub(crate) belief_until: Option<Millis>,
    pub(crate) memory: Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    Up,
    /// Down until the operator starts it.
    Down,
    /// Crashed; it comes back by itself.
    Restarting,
    /// Its machine is lost.
    Lost,
}

/// What dies with the agent's process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Commands that wait. Lost with the agent, as in Juju.
    pub(crate) execs: VecDeque<ExecId>,
    /// Peers' databags, kept from hook to hook until the member's own joined or changed hook.
    pub(crate) cache: BTreeMap<(RelationId, Member), Arc<Values>>,
    /// How many times the hook has failed in a row.
    pub(crate) attempt: u32,
    /// When the failed hook runs again.
    pub(crate) retry_at: Option<Millis>,
    /// The operator's word on the failed hook: run again, or skip.
    pub(crate) resolve: Option<bool>,
    /// When `update-status` is due.
    pub(crate) update_status_at: Option<Millis>,
}

impl Agent {
    pub(crate) fn new() -> Self {
        Self {
            process: Process::Up,
            reachable: true,
            suspended: false,
            belief_until: None,
            memory: Memory::default(),
        }
    }

    /// It runs and reaches the controller: it hears, acts and renews its lease.
    pub(crate) fn works(&self) -> bool {
        self.process == Process::Up && self.reachable && !self.suspended
    }

    /// Its process runs, whether or not it reaches anything.
    pub(crate) fn process_is_up(&self) -> bool {
        self.process == Process::Up
    }

    pub(crate) fn condition(&self) -> Condition {
        match self.process {
            Process::Lost => Condition::Lost,
            Process::Down | Process::Restarting => Condition::Down,
            Process::Up if self.suspended => Condition::Suspended,
            Process::Up if !self.reachable => Condition::Unreachable,
            Process::Up => Condition::Up,
        }
    }
}
