//! Runs in which things go wrong, and what must hold all the same.

mod arena;
mod campaign;
mod draw;
mod history;
mod log;
mod means;
mod plan;
mod space;
mod truth;
mod verdict;
mod worker;

use std::collections::BTreeSet;

pub use arena::Arena;
pub use campaign::campaign;
pub use means::Means;
pub use plan::{Kind, Plan, Side, Strike, TTL};
pub use space::{flood, make_room};

/// What a run has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What must not have happened, in words.
    pub violations: Vec<String>,
    /// Turns that began.
    pub entered: usize,
    /// Turns whose lease was lost; the command was stopped.
    pub lost: u32,
    /// Turns whose lease etcd has ended before its time (issue 12528), each with the overlap that came of it, if any.
    pub early: usize,
    /// Turns of holders that were stopped past their lease, while another one went on.
    pub frozen: usize,
    /// Calls that etcd refused, for want of space.
    pub refused: u32,
    /// Members that have ended by themselves.
    pub died: usize,
    /// The versions that the members are of in the end.
    pub versions: BTreeSet<String>,
}

impl Report {
    /// Adds what another run has shown, but for its violations.
    fn add(&mut self, other: &Self) {
        self.entered += other.entered;
        self.lost += other.lost;
        self.early += other.early;
        self.frozen += other.frozen;
        self.refused += other.refused;
        self.died += other.died;
    }
}
