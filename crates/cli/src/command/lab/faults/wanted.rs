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
    /// The charm's actions. Operators use those of [`OPERATORS`].
    pub(super) actions: &'a [String],
}

/// What operators do, if the charm has all of these actions: they roll all units, and pause for a while.
pub(super) const OPERATORS: [&str; 3] = ["roll", "pause", "resume"];

impl Wanted<'_> {
    /// Whether operators interfere.
    pub(super) fn has_operators(&self) -> bool {
        let has = |name: &&str| self.actions.iter().any(|action| action == name);
        OPERATORS.iter().all(has)
    }
}

/// The value that the option has after this change.
pub(super) fn value(roll: u32) -> String {
    format!("roll-{roll}")
}
