//! What all units of a run share: who is inside, which processes are alive, and notes on what no history tells.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::Ticket;

use super::outer::Outer;
use super::unit::Note;
use crate::Started;

/// What all units of a run share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) notes: Vec<Note>,
    /// Units whose last hook failed.
    pub(super) failed: BTreeSet<String>,
    last_process: u32,
    alive: BTreeSet<u32>,
    /// Operations that have begun and not come to their end, by unit and lock.
    inside: BTreeMap<(String, usize), Ticket>,
    /// Operations that have succeeded, and are over only when their unit says so: an orphan has completed them, or their
    /// check has yet to hold.
    ended_well: BTreeSet<(Ticket, usize)>,
    /// What a process works on.
    work: BTreeMap<u32, (String, usize)>,
    /// By how many milliseconds all clocks are ahead of the simulation: nothing happened meanwhile.
    pub(super) leapt: u64,
    /// Whether checks hold from now on.
    pub(super) repaired: bool,
    /// How often each unit's machine was booted.
    pub(super) boots: BTreeMap<String, u64>,
    /// The world of the shared locks, if there are any.
    pub(super) outer: Option<Outer>,
}

impl Shared {
    pub(super) fn new(outer: Option<Outer>) -> Self {
        Self {
            outer,
            ..Self::default()
        }
    }

    pub(super) fn process_begins(&mut self) -> u32 {
        self.last_process += 1;
        self.alive.insert(self.last_process);
        self.last_process
    }

    pub(super) fn process_ends(&mut self, process: u32) {
        self.alive.remove(&process);
        self.stops_work(process);
    }

    pub(super) fn alive(&self) -> &BTreeSet<u32> {
        &self.alive
    }

    /// A process begins an operation; returns whether another one is already running it.
    pub(super) fn enters(&mut self, unit: &str, started: &Started, process: u32) -> bool {
        let place = (unit.to_owned(), started.lock);
        let beside = self.work.values().any(|other| *other == place);
        self.work.insert(process, place.clone());
        let anew = (started.ticket.clone(), started.lock);
        self.ended_well.remove(&anew);
        self.inside.insert(place, started.ticket.clone());
        beside
    }

    pub(super) fn stops_work(&mut self, process: u32) {
        self.work.remove(&process);
        if let Some(outer) = &mut self.outer {
            outer.leave(process);
        }
    }

    /// An operation has succeeded.
    pub(super) fn ends_well(&mut self, started: &Started) {
        let end = (started.ticket.clone(), started.lock);
        self.ended_well.insert(end);
    }

    pub(super) fn has_ended_well(&self, ticket: &Ticket, lock: usize) -> bool {
        self.ended_well.contains(&(ticket.clone(), lock))
    }

    pub(super) fn leaves(&mut self, unit: &str, lock: usize) {
        self.inside.remove(&(unit.to_owned(), lock));
    }

    pub(super) fn inside_of(&self, unit: &str) -> Vec<(usize, Ticket)> {
        let own = self.inside.iter().filter(|((inside, _), _)| inside == unit);
        own.map(|((_, lock), ticket)| (*lock, ticket.clone()))
            .collect()
    }

    /// Whether another process is running an operation.
    pub(super) fn is_at_work(&self, unit: &str, lock: usize, but: u32) -> bool {
        let place = (unit.to_owned(), lock);
        self.work
            .iter()
            .any(|(process, at)| *process != but && *at == place)
    }
}
