//! What a driver must do, in the order in which it must be done.

use super::{Pending, Roster, Session};
use crate::{Errand, Journal, RelationId, Tick};

/// What a driver must do. [`Engine::poll_effect`](super::Engine::poll_effect) yields them in the order in which they
/// must be done, each before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Store the journal. It must be on the disk, synced, before anything else happens.
    StoreJournal {
        /// Of which endpoint.
        endpoint: String,
        /// What to store.
        journal: Box<Journal>,
    },
    /// Store the session. It may be lost with the machine, but not with the process.
    StoreSession {
        /// Of which endpoint.
        endpoint: String,
        /// What to store.
        session: Box<Session>,
    },
    /// Store the roster. It may be lost.
    StoreRoster {
        /// Of which endpoint.
        endpoint: String,
        /// What to store.
        roster: Box<Roster>,
    },
    /// Write the unit's record under [`KEY`](crate::wire::KEY) into its own databag.
    PublishRecord {
        /// In which relation.
        relation: RelationId,
        /// The value.
        value: String,
    },
    /// Write the line under [`KEY`](crate::wire::KEY) into the application's databag, if it is not too late: a policy may
    /// have taken its time, or an effect before this one. If it is, call
    /// [`Engine::handle_line_late`](super::Engine::handle_line_late) instead. Juju may refuse the line, because another
    /// unit leads by now: then call [`Engine::handle_line_refused`](super::Engine::handle_line_refused). In both cases go on.
    PublishLine {
        /// In which relation.
        relation: RelationId,
        /// The value.
        value: String,
        /// From this time on it is too late.
        by: Tick,
    },
    /// Keep a line for the visit that [`Errand::Line`] names.
    StorePending {
        /// Of which endpoint.
        endpoint: String,
        /// What to store.
        pending: Box<Pending>,
    },
    /// Delete the line that an earlier hook has left, if there is one.
    DropPending {
        /// Of which endpoint.
        endpoint: String,
    },
    /// Start a waker. If that fails, call [`Engine::handle_wake_failed`](super::Engine::handle_wake_failed) and go on:
    /// the next `update-status` does the work, only later.
    Wake {
        /// For which endpoint.
        endpoint: String,
        /// What the waker is to run.
        errand: Errand,
    },
}
