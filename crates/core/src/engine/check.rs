//! What keeps a turn after its operation has ended: a check that has yet to hold, or the wait before another attempt.

use super::round::Round;
use super::site::Site;
use super::{Need, Start};
use crate::{Errand, LockName, OnFailure, Ticket, Tried, Wait};

impl Site {
    /// Looks at the check of an operation that has succeeded, whatever the line says: a pause does not interrupt it. `None`
    /// if there is no such operation, or an operator has ended its request.
    pub(super) fn look_at_check(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<Start>, Need> {
        let kept = self.journal().locks.get(lock);
        if kept.is_none_or(|kept| kept.trial().is_none()) {
            return Ok(None);
        }
        let unit = self.load_unit(round)?;
        let on_trial = unit.is_on_trial(lock) && !unit.is_foreign();
        let Some(ticket) = unit.outstanding(lock).filter(|_| on_trial) else {
            return Ok(None);
        };
        let look = round.known.check(lock)?.cloned();
        match self.load_unit(round)?.try_check(lock, look.as_ref()) {
            Tried::Done => {
                self.wake_if_not_retried(round);
                self.end(round, lock, true);
                Ok(Some(Start::Done(ticket)))
            }
            Tried::Failed(why, then) => {
                self.wake_if_not_retried(round);
                self.end(round, lock, then == OnFailure::Continue);
                self.wake_for_retry(round, lock)?;
                if then == OnFailure::Retry {
                    // The charm's hook may succeed all the same, and then no other one need come.
                    self.wake(round, Errand::Hook);
                }
                Ok(Some(Start::Failed { why, then }))
            }
            Tried::Waits(wait, pause) => {
                self.store_journal(round);
                self.wake_in(round, pause);
                Ok(Some(Start::Waiting(wait)))
            }
        }
    }

    /// Should the commit of this be refused, no other hook need come.
    fn wake_if_not_retried(&mut self, round: &mut Round<'_>) {
        if !round.facts.will_be_retried {
            self.wake(round, Errand::Hook);
        }
    }

    /// What a failed operation waits for whose next attempt is not due yet.
    pub(super) fn backs_off(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        ticket: &Ticket,
    ) -> Result<Option<Wait>, Need> {
        let unit = self.load_unit(round)?;
        let left = unit.backs_off(lock, ticket);
        let wait = left.map(|_| Wait::BackingOff(unit.retry_in_words(lock)));
        if let Some(left) = left {
            self.wake_in(round, left);
        }
        Ok(wait)
    }

    /// Starts the waker that brings the next attempt of an operation that has just failed.
    pub(super) fn wake_for_retry(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<(), Need> {
        let unit = self.load_unit(round)?;
        let ticket = unit.outstanding(lock);
        let left = ticket.and_then(|ticket| unit.backs_off(lock, &ticket));
        if let Some(left) = left {
            self.wake_in(round, left);
        }
        Ok(())
    }
}
