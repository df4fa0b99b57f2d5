//! Answers to questions.

use crate::{Attempt, OnFailure, Ticket, Wait};

/// The answer to [`Engine::start`](super::Engine::start).
#[derive(Debug, Clone, PartialEq)]
pub enum Start<P = crate::Payload> {
    /// The operation begins once the effects are carried out. [`Engine::finish`](super::Engine::finish) must end it.
    Begun(Attempt, P),
    /// It is not this unit's turn yet.
    Waiting(Wait),
    /// The unit has no outstanding request for the lock.
    NotRequested,
    /// The operation had succeeded before, and now its check has held for long enough: the turn is over.
    Done(Ticket),
    /// The operation had succeeded before, but its check has not come good in time. So it has failed.
    Failed {
        /// Why.
        why: String,
        /// What the unit does now.
        then: OnFailure,
    },
}

impl<P> Start<P> {
    /// The attempt and the payload of its request, if the operation has begun.
    pub fn begun(self) -> Option<(Attempt, P)> {
        match self {
            Self::Begun(attempt, payload) => Some((attempt, payload)),
            _ => None,
        }
    }

    /// The same with another payload.
    pub fn map<Q>(self, payload: impl FnOnce(P) -> Q) -> Start<Q> {
        match self {
            Self::Begun(attempt, old) => Start::Begun(attempt, payload(old)),
            Self::Waiting(wait) => Start::Waiting(wait),
            Self::NotRequested => Start::NotRequested,
            Self::Done(ticket) => Start::Done(ticket),
            Self::Failed { why, then } => Start::Failed { why, then },
        }
    }
}

/// The answer to [`Engine::carry_out`](super::Engine::carry_out).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// The effects write the line that was ordered.
    Out,
    /// The line is already as ordered.
    AlreadySo,
    /// Nothing is written, for this reason.
    Not(String),
}
