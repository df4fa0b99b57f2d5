//! Time, as far as the protocol needs it.

use serde::{Deserialize, Serialize};

/// A point in time on the unit's own monotonic clock, in milliseconds; only differences count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tick(pub u64);
