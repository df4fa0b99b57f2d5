//! What the leader has read, and what it must do about the line.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Line, LockName, Order, Tick, Unit, UnitName, View, Wall};

/// What a leader's hook has read by the time it maintains the line.
pub(crate) struct Lead<'a> {
    /// The leader itself, including this hook's changes.
    pub(crate) unit: &'a Unit,
    /// The other units' records; those of all members must have been read, in this hook or an earlier one.
    pub(crate) view: &'a View,
    /// The other units that the relation lists.
    pub(crate) members: &'a BTreeSet<UnitName>,
    /// The unit that the hook says is departing; nothing is appended for it.
    pub(crate) departing: Option<&'a UnitName>,
    /// The units that the controller still knows, if `goal-state` was called.
    pub(crate) alive: Option<&'a BTreeSet<UnitName>>,
    /// Taken before the unit asked whether it leads, which was before it read the line.
    pub(crate) read_at: Tick,
    /// The current time.
    pub(crate) now: Tick,
    /// The current time for readers, if the driver has told it.
    pub(crate) wall: Option<Wall>,
    /// Whether the unit finished an operation in this hook.
    pub(crate) finished_operation: bool,
    /// Operators' orders.
    pub(crate) orders: &'a [Order],
    /// Locks that nothing may join yet, and the endpoint on which each still is.
    pub(crate) held: &'a BTreeMap<LockName, String>,
    /// The number of the relation that the unit followed before, if it no longer sees it.
    pub(crate) lost: Option<u64>,
    /// A random number, for the id of a campaign.
    pub(crate) random: u32,
    /// Whether this hook is the first to see an entry of the line finished.
    pub(crate) saw_finish: bool,
}

/// What the leader must do about the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing: the line is up to date. `wake` means that it needs another look, although there may be no
    /// event for it.
    Keep {
        /// Whether to schedule another hook.
        wake: bool,
    },
    /// Ask the controller which units exist, and plan again: these are in the line, unfinished, and not in the
    /// relation.
    AskGoalState(Vec<UnitName>),
    /// Write this line at the very end of the hook.
    Write {
        /// The line to write.
        line: Line,
        /// Whether to schedule another hook, in case the agent sends none for our own write.
        wake: bool,
    },
    /// The line needs a change, but not now. Schedule another hook.
    Postpone(Postponed),
    /// The line cannot be maintained; the text says why and what to do.
    Frozen(String),
}

/// Why a change to the line is postponed to a later hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Postponed {
    /// The line was read too long ago: another unit may have led and written since then. A later visit may write
    /// this line if it finds exactly the value from which this hook computed it.
    LeaseBound(Line),
    /// This hook finished an operation, which must not be lost if the line is refused. The unit named here will
    /// wake us anyway.
    FinishFirst(UnitName),
}
