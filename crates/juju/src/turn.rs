//! The middle of a hook: the operation, if it is this unit's turn.

use std::fmt;

use ops_coordinator_core::{Attempt, LockName, OnFailure, Wait};

use crate::{Error, Hook, Operation, Start};

/// The outcome of [`Hook::run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran<E> {
    /// The operation has run, and the turn is passed on.
    Done,
    /// The operation has failed. What follows depends on [`OnFailure`]: by default the unit keeps its turn, and its next
    /// hook tries again.
    Failed(E),
    /// It is not this unit's turn yet.
    Waiting(Wait),
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

    /// As [`Hook::run`]; says what happens if the operation fails. After [`OnFailure::Stop`] and
    /// [`OnFailure::Continue`] the hook should succeed, so that the other units and the operator see the failure.
    ///
    /// # Errors
    /// As [`Hook::run`].
    pub fn run_with<E: fmt::Display>(
        &mut self,
        lock: &LockName,
        on_failure: OnFailure,
        operate: impl FnOnce(&Attempt, &Operation) -> Result<(), E>,
    ) -> Result<Ran<E>, Error> {
        let (attempt, operation) = match self.start(lock)? {
            Start::Begun(attempt, operation) => (attempt, operation),
            Start::Waiting(wait) => return Ok(Ran::Waiting(wait)),
            Start::NotRequested => return Ok(Ran::NotRequested),
        };
        // So that the log says when it began, and not only when it has ended.
        self.log();
        match operate(&attempt, &operation) {
            Ok(()) => {
                self.finish(lock, Ok(()))?;
                Ok(Ran::Done)
            }
            Err(why) => {
                self.fail(lock, &why.to_string(), on_failure)?;
                Ok(Ran::Failed(why))
            }
        }
    }
}
