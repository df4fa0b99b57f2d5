//! Policies: how many units may run at once, and in which order requests join the line.
//!
//! A policy is a pure function over the requests; the leader calls it whenever there is room in the
//! line. Entries already in the line are never reordered.

mod limit;
mod rotation;

pub use limit::{Limit, LimitError, LimitFor, PerLock};
pub use rotation::Rotation;

use crate::{LockName, Ticket, UnitName, UnitRecord};

/// How the leader fills the line.
pub trait Policy {
    /// How many operations may run at once for a lock with `requests` waiting units; at least 1.
    fn limit(&self, lock: &LockName, requests: usize) -> u32;

    /// How many entries to keep in the line behind those that may run. With 0 the leader decides
    /// every single turn, and a hand-off takes two hooks instead of one.
    fn lookahead(&self, lock: &LockName) -> u32;

    /// Puts requests in the order in which they join the line; `last` is the unit that joined it last.
    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, last: Option<&UnitName>);
}

impl Request {
    /// The outstanding request of a unit's record; `None` if there is none.
    pub fn of(unit: &UnitName, lock: &LockName, record: &UnitRecord) -> Option<Self> {
        Some(Self {
            ticket: record.outstanding(unit, lock)?,
            asked: record.locks.get(lock)?.asked,
            zone: record.zone.clone(),
            wave: 0,
        })
    }
}

/// A request that is not in the line yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its ticket.
    pub ticket: Ticket,
    /// The version of the line that the unit had read when it asked. A unit that has had a turn since then asks
    /// with a greater one, so a smaller number means an older request, without any clock.
    pub asked: u64,
    /// The unit's availability zone, if known.
    pub zone: Option<String>,
    /// The wave in which it runs.
    pub wave: u32,
}
