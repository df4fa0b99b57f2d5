//! Time, as far as the protocol needs it.

use serde::{Deserialize, Serialize};

/// A point in time on the unit's own monotonic clock, in milliseconds; only differences count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tick(pub u64);

/// A point in time on the unit's wall clock, in seconds since 1970 in UTC. It is only for readers: the clocks of two
/// machines differ, so it never affects a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wall(pub u64);

impl Wall {
    /// The seconds from `earlier` to this; 0 if the other clock is ahead.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time so many milliseconds later, rounded up to a second.
    pub(crate) fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds.div_ceil(1000)))
    }

    /// The time of day in UTC: "02:05:00".
    pub(crate) fn time(self) -> String {
        let seconds = self.0 % 86_400;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }
}
