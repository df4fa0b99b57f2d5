//! The ingredients of a plan.

use ops_coordinator_lab::CrashPoint;

/// How often the option changes.
pub(super) const ROLLS: u32 = 2;

/// The largest clock offset, in milliseconds.
pub(super) const HOURS: i64 = 12 * 3_600_000;

/// What a plan is made of.
pub(super) struct Wanted<'a> {
    pub(super) seed: u64,
    pub(super) point: CrashPoint,
    pub(super) application: &'a str,
    pub(super) units: u32,
    pub(super) option: &'a str,
    /// Whether units lose their disks as well.
    pub(super) disks: bool,
}

/// The value that the option has after this change.
pub(super) fn value(roll: u32) -> String {
    format!("roll-{roll}")
}
