//! The middle of a hook: the operation, if it is this unit's turn.

use std::fmt;

use ops_coordinator_core::{Attempt, LockName, OnFailure, Recovery, Wait};

use crate::{Ended, Error, Hook, Operation, Start};

/// The outcome of [`Hook::run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran<E> {
    /// The operation has run, and the turn is passed on.
    Done,
    /// The operation has failed. What follows depends on [`OnFailure`]: by default the unit keeps its turn, and its next
    /// hook tries again.
    Failed(E),
    /// It is not this unit's turn yet; or the operation has succeeded, and its check has yet to hold
    /// ([`Wait::Checking`]).
    Waiting(Wait),
    /// The operation had succeeded, but its check has not come good in time.
    CheckFailed {
        /// Why.
        why: String,
        /// What the unit does now.
        then: OnFailure,
    },
    /// The unit has no outstanding request for the lock.
    NotRequested,
}

impl Hook {
    /// Runs the operation if it is this unit's turn. Call it in every hook, whatever its name: any of them may
    /// bring the turn.
    ///
    /// `operate` gets the number of the attempt and the payload of the request. If it panics, the operation counts as
    /// cut off: the next hook begins another attempt. [`Operation::lost`] says whether the payload was lost with the
    /// unit's journal.
    ///
    /// # Errors
    /// As [`Hook::start`] and [`Hook::finish`]. If the operation fails, that is not an error here, but [`Ran::Failed`].
    pub fn run<E: fmt::Display>(
        &mut self,
        lock: &LockName,
        operate: impl FnOnce(&Attempt, &Operation) -> Result<(), E>,
    ) -> Result<Ran<E>, Error> {
        self.run_with(lock, OnFailure::default(), operate)
    }

    /// As [`Hook::run`]; says what happens if the operation fails: an [`OnFailure`] or a [`Recovery`]. After [`OnFailure::Stop`] and
    /// [`OnFailure::Continue`] the hook should succeed, so that the other units and the operator see the failure.
    ///
    /// # Errors
    /// As [`Hook::run`].
    pub fn run_with<E: fmt::Display>(
        &mut self,
        lock: &LockName,
        recovery: impl Into<Recovery>,
        operate: impl FnOnce(&Attempt, &Operation) -> Result<(), E>,
    ) -> Result<Ran<E>, Error> {
        let (attempt, operation) = match self.start(lock)? {
            Start::Begun(attempt, operation) => (attempt, operation),
            Start::Waiting(wait) => return Ok(Ran::Waiting(wait)),
            Start::NotRequested => return Ok(Ran::NotRequested),
            Start::Done(_) => return Ok(Ran::Done),
            Start::Failed { why, then } => return Ok(Ran::CheckFailed { why, then }),
        };
        // So that the log says when it began, and not only when it has ended.
        self.log();
        match operate(&attempt, &operation) {
            Ok(()) => Ok(match self.finish(lock, Ok(()))? {
                Ended::Done => Ran::Done,
                Ended::Checking(wait) => Ran::Waiting(wait),
                Ended::Failed { why, then } => Ran::CheckFailed { why, then },
            }),
            Err(why) => {
                self.fail(lock, &why.to_string(), recovery)?;
                Ok(Ran::Failed(why))
            }
        }
    }
}
