//! Orders for the line.

use crate::{LockName, Ticket};

/// A change to the line that an operator, or a change of the charm, orders.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Cancel a ticket: its unit finishes it, and then it leaves the line.
    Cancel(LockName, Ticket),
    /// Cancel a ticket whose unit can no longer respond. Its entry leaves the line at once; if its operation is
    /// still running, the next one starts beside it.
    Force(LockName, Ticket),
    /// Append nothing more for this lock: its requests go to the line of another endpoint.
    Move(LockName, String),
    /// Resume a lock that has come back from another endpoint.
    TakeUp(LockName),
}
