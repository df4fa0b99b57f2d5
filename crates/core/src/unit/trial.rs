//! An operation that has succeeded, until its check has held.

use super::Unit;
use crate::check::Verdict;
use crate::record::short_reason;
use crate::{
    CheckStanding, LockName, Look, OnFailure, Outcome, Transition, Trial, Wait, Wall, invariant,
};

/// What has become of an operation on trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tried {
    /// Its check has held; the turn is over.
    Done,
    /// Its check has not come good in time. The unit then does this.
    Failed(String, OnFailure),
    /// It is still on trial; look again in so many milliseconds.
    Waits(Wait, u64),
}

impl Unit {
    /// Whether the operation of the request that is served next has succeeded, and its check has yet to hold.
    pub(crate) fn is_on_trial(&self, lock: &LockName) -> bool {
        let kept = self.journal.locks.get(lock);
        kept.is_some_and(|kept| kept.trial().is_some())
    }

    /// Ends the operation that [`Unit::start`] began, which has succeeded. The unit keeps its turn until
    /// [`Unit::try_check`] says that its check has held; then the requests up to number `served` end with it. The
    /// journal must be durable before the check is looked at.
    /// Returns false if no operation was running.
    pub(crate) fn put_on_trial(&mut self, lock: &LockName, served: Option<u64>) -> bool {
        if !self.running.remove(lock) {
            return false;
        }
        let (now, wall) = (self.now.clone(), self.wall);
        let Some(kept) = self.journal.locks.get_mut(lock) else {
            return false;
        };
        if let Some(wall) = wall {
            kept.count_operation(wall);
        }
        let Some(started) = &mut kept.started else {
            return false;
        };
        started.ended = true;
        kept.trial = Some(Trial {
            seq: started.seq,
            through: served.unwrap_or(0).max(started.seq),
            since: now,
            held: None,
        });
        kept.record.attempt = started.attempt;
        // These are about the attempt before it, or the turn.
        kept.record.outcome = None;
        kept.record.reason = None;
        kept.record.check = Some(CheckStanding {
            ok: false,
            since: wall,
            until: None,
        });
        self.publish_journal();
        true
    }

    /// Takes one look at the check of an operation on trial; without one, because the charm does not ask for a check any
    /// more, it has passed.
    pub(crate) fn try_check(&mut self, lock: &LockName, look: Option<&Look>) -> Tried {
        let now = self.now.clone();
        let ticket = self.ticket(
            self.record
                .locks
                .get(lock)
                .map_or(0, |state| state.done + 1),
        );
        let kept = self.journal.locks.get_mut(lock);
        let trial = kept.and_then(|kept| kept.trial.as_mut());
        let (Some(trial), Some(look)) = (trial, look) else {
            return self.end_trial(lock);
        };
        let held = trial.held.clone();
        let verdict = trial.handle_look(look, &now);
        let pause = trial.pause(look, &verdict, &now);
        match verdict {
            Verdict::Held => {
                invariant::hold(|| {
                    let first = held.unwrap_or_else(|| now.clone());
                    let looks = [(first.at, true), (now.at, true)];
                    invariant::check_has_held(&ticket, look.check.soak, looks)
                });
                self.end_trial(lock)
            }
            Verdict::Soaking(left) => {
                let until = self.wall.map(|wall| wall.after(left));
                self.stand(
                    lock,
                    Ok(until),
                    Transition::Holds {
                        ticket,
                        soak: look.check.soak,
                    },
                );
                Tried::Waits(Wait::Checking(self.check_in_words(lock)), pause)
            }
            Verdict::Failing(why) => {
                let why = short_reason(&why);
                let news = Transition::Fails {
                    ticket,
                    why: why.clone(),
                };
                self.stand(lock, Err(&why), news);
                Tried::Waits(Wait::Checking(self.check_in_words(lock)), pause)
            }
            Verdict::Failed(why) => {
                let why = format!("its check failed: {why}");
                let then = self.fail_as(lock, &why, look.recovery);
                Tried::Failed(why, then)
            }
        }
    }

    fn end_trial(&mut self, lock: &LockName) -> Tried {
        let kept = self.journal.locks.get(lock);
        let through = kept
            .and_then(|kept| kept.trial.as_ref())
            .map(|trial| trial.through);
        self.end(lock, Outcome::Done, None);
        if let (Some(seq), Some(kept)) = (through, self.journal.locks.get_mut(lock)) {
            kept.finish_through(seq);
            self.publish_journal();
        }
        Tried::Done
    }

    /// Publishes how the check stands: until when it must hold, or why it fails. Others are woken by it, so it is said
    /// again only when that has changed, and not when a check that fails gives another reason.
    fn stand(&mut self, lock: &LockName, found: Result<Option<Wall>, &str>, news: Transition) {
        let wall = self.wall;
        let Some(kept) = self.journal.locks.get_mut(lock) else {
            return;
        };
        let known = kept.record.check;
        let is_news = match (&found, known) {
            // After a reboot it begins anew.
            (Ok(until), Some(known)) => {
                !known.ok
                    || known
                        .until
                        .zip(*until)
                        .is_some_and(|(a, b)| a.0.abs_diff(b.0) > 1)
            }
            (Err(_), Some(known)) => known.ok || kept.record.reason.is_none(),
            (_, None) => true,
        };
        if is_news {
            kept.record.check = Some(CheckStanding {
                ok: found.is_ok(),
                since: wall,
                until: found.ok().flatten(),
            });
            kept.record.reason = found.err().map(str::to_owned);
            self.tell(lock, news);
        }
        self.publish_journal();
    }

    /// How the check stands, in words.
    pub(super) fn check_in_words(&self, lock: &LockName) -> String {
        let state = self.record.locks.get(lock);
        let check = state
            .and_then(|state| state.check)
            .unwrap_or(CheckStanding {
                ok: false,
                since: None,
                until: None,
            });
        let reason = state.and_then(|state| state.reason.as_deref());
        check.words(reason)
    }
}
