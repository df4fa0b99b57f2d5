//! Time as a lease counts it: it goes on while this process is stopped and while the machine sleeps.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A moment since the machine was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now. Reads `CLOCK_BOOTTIME`; `std`'s `Instant` stands still while the machine sleeps. Asks the C library, as timers do:
    /// whatever stands between a program and its clocks, such as libfaketime in our tests, must not part the two.
    pub fn now() -> Self {
        // Every Linux since 2.6.39 has this clock. Without it, no moment would be in the future, and no lease sure.
        Self(clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from))
    }

    /// So many milliseconds after the machine was started.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// In milliseconds since the machine was started.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// In nanoseconds since the machine was started.
    pub fn as_nanos(self) -> u128 {
        self.0.as_nanos()
    }

    /// So much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }

    /// So much earlier.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }

    /// How long it is until then; zero if it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_sub(Self::now().0)
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}
