//! Policies: how many units may run at once, and in which order requests join the line.
//!
//! A policy is a pure function over the requests; the leader calls it whenever it maintains the line. Entries already
//! in the line are never reordered. [`Rules`] is what a charm can declare; a charm in Rust may implement [`Policy`].

mod chooser;
mod limit;
mod per_lock;
mod rotation;
mod rules;
mod sequence;

pub use chooser::Chooser;
pub use limit::{Limit, LimitError, LimitFor};
pub use per_lock::PerLock;
pub use rotation::Rotation;
pub use rules::{Rules, Waves, WavesError};
pub use sequence::{Sequence, SequenceError};

use crate::{LockLine, LockName, Ticket, UnitName, UnitRecord};

/// How the leader fills the line.
pub trait Policy {
    /// How many operations may run at once. If it is less than what entries in the line were given, the leader lowers
    /// theirs; it never raises them. With 0 nothing joins the line, and the entries in it keep their limits.
    fn limit(&self, lock: &LockName, situation: &Situation<'_>) -> u32;

    /// How many entries to keep in the line behind those that may run. With 0 the leader decides
    /// every single turn, and a hand-off takes two hooks instead of one.
    fn lookahead(&self, lock: &LockName) -> u32;

    /// How many units may be unavailable at once: those in the line, and those that say they are. While there are as
    /// many, only the unavailable ones join the line, so that they can be repaired. With a number, nobody is kept in the
    /// line behind those that may run, whatever [`Policy::lookahead`] says. With `None`, it does not matter.
    fn max_unavailable(&self, _lock: &LockName, _situation: &Situation<'_>) -> Option<u32> {
        None
    }

    /// Puts requests in the order in which they join the line, and sets their waves. A wave below the one of the last
    /// entry in the line counts as that one: waves only rise along a line.
    fn order(&self, lock: &LockName, requests: &mut Vec<Request>, situation: &Situation<'_>);

    /// What has gone wrong in it, for the log; each is returned once.
    fn take_faults(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the leader knows when it fills the line of a lock, besides the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Situation<'a> {
    /// The unit that leads.
    pub leader: &'a UnitName,
    /// How many units the application has, as far as the leader knows: those that the relation lists, and itself.
    pub units: usize,
    /// How many of them wait: in the line, unfinished, or for a place in it.
    pub requests: usize,
    /// The unit that joined the line last.
    pub last: Option<&'a UnitName>,
    /// The last entry in the line that is not over.
    pub tail: Option<Tail<'a>>,
}

/// The end of a line: what joins comes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tail<'a> {
    /// The wave of the last entry.
    pub wave: u32,
    /// The availability zone of its unit, if known.
    pub zone: Option<&'a str>,
}

impl<'a> Situation<'a> {
    /// An idle line of an application that consists of its leader only.
    pub fn new(leader: &'a UnitName) -> Self {
        Self {
            leader,
            units: 1,
            requests: 0,
            last: None,
            tail: None,
        }
    }
}

impl<'a> Tail<'a> {
    /// A line that ends with a unit of this zone in this wave.
    pub fn new(wave: u32, zone: Option<&'a str>) -> Self {
        Self { wave, zone }
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

    /// The invitation of a unit that a campaign calls and that has no request of its own; `None` if it is not called.
    pub(crate) fn invite(
        unit: &UnitName,
        lock: &LockName,
        record: &UnitRecord,
        line: &LockLine,
    ) -> Option<Self> {
        let state = record.locks.get(lock);
        let campaign = line.calls(state)?;
        Some(Self {
            ticket: Ticket {
                unit: unit.clone(),
                incarnation: record.incarnation.clone(),
                seq: state.map_or(0, |state| state.seq) + 1,
            },
            asked: campaign.version,
            zone: record.zone.clone(),
            wave: 0,
        })
    }
}
