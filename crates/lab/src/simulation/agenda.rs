//! What comes next: by time, and in random order at the same time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use crate::name::UnitName;
use crate::settings::Millis;

/// An entry of the agenda.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// The unit's agent checks for work.
    Step(UnitName),
    /// A unit's charm continues, if its run has not ended.
    Resume(UnitName, u64),
    /// A deed of the plan.
    Deed(usize),
}

/// The agenda, with the lots.
pub(super) struct Agenda {
    /// Time, lot, order of entry.
    heap: BinaryHeap<Reverse<(Millis, u32, u64, Entry)>>,
    entered: u64,
    rng: Rng,
}

impl Agenda {
    pub(super) fn new(seed: u64) -> Self {
        // Another row of numbers than the world's, from the same seed.
        let rng = Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
        Self {
            heap: BinaryHeap::new(),
            entered: 0,
            rng,
        }
    }

    pub(super) fn add(&mut self, at: Millis, entry: Entry) {
        self.entered += 1;
        let lot = self.rng.u32(..);
        self.heap.push(Reverse((at, lot, self.entered, entry)));
    }

    pub(super) fn next(&mut self) -> Option<(Millis, Entry)> {
        self.heap
            .pop()
            .map(|Reverse((at, _, _, entry))| (at, entry))
    }

    pub(super) fn next_at(&self) -> Option<Millis> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// A random time up to this.
    pub(super) fn pause(&mut self, longest: Millis) -> Millis {
        if longest == 0 {
            0
        } else {
            self.rng.u64(0..=longest)
        }
    }
}
