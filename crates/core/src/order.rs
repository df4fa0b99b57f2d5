//! Orders for the line, and the words in which operators give them.

use crate::{Call, LockName, Ticket, UnitName};

/// A change to the line that an operator, or a change of the charm, orders.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Cancel a ticket: its unit finishes it, and then it leaves the line.
    Cancel(LockName, Ticket),
    /// Cancel a ticket whose unit can no longer respond. Its entry leaves the line at once; if its operation is
    /// still running, the next one starts beside it.
    Force(LockName, Ticket),
    /// End a ticket so that the line goes on without it: as [`Order::Cancel`], with the outcome `skipped`.
    Skip(LockName, Ticket),
    /// Permit the attempts up to this one of a ticket whose operation has failed.
    Retry(LockName, Ticket, u16),
    /// Let nothing start, for this reason.
    Pause(LockName, String),
    /// Let operations start again.
    Resume(LockName),
    /// Roll all units. A campaign for the same reason that is under way goes on; one for another reason gives way.
    Roll(LockName, Call),
    /// End the campaign: nobody else is invited, and those who have not begun pass.
    Abort(LockName),
    /// Append nothing more for this lock: its requests go to the line of another endpoint.
    Move(LockName, String),
    /// Open a lock again that has come back from another endpoint.
    TakeUp(LockName),
}

/// What an operator wants of a lock. Operators name units; which of their tickets is meant, the leader finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instruction {
    /// Let nothing start. What runs is not interrupted. A second reason replaces the first.
    Pause {
        /// Why, for everybody who looks.
        reason: String,
    },
    /// Let operations start again.
    Resume,
    /// End the campaign. Units that have begun go on; the others pass.
    Abort,
    /// Let a unit try its failed operation once more.
    Retry(UnitName),
    /// Go on without a unit's request; it ends with the outcome `skipped`.
    Skip(UnitName),
    /// End a unit's request; it ends with the outcome `cancelled`.
    Cancel(UnitName),
    /// Remove a unit's entry without waiting for the unit. If its operation is still running, the next one starts
    /// beside it.
    Force(UnitName),
}

/// What became of an [`Instruction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instructed {
    /// The effects write a line that says so, about this ticket if the instruction is about one.
    Done(Option<Ticket>),
    /// The line says so already.
    AlreadySo(Option<Ticket>),
    /// The unit has no request for the lock.
    NothingAsked(UnitName),
    /// The unit's operation has not stopped, as far as the leader can see.
    NotStopped(Ticket),
    /// Nothing is written, for this reason.
    Not(String),
}
