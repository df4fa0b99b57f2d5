//! How a turn ends: by success, by failure, or by an operator's word.

use super::Unit;
use crate::record::short_reason;
use crate::{
    Failures, Incarnation, LockName, LockRecord, News, OnFailure, Outcome, Payload, Reading,
    Recovery, Ticket, Transition,
};

impl Unit {
    /// Ends the operation that [`Unit::start`] began. After a failure the unit keeps its place. A success also ends the
    /// requests up to number `served`, which were made before it began; nothing beyond the newest request is ever
    /// finished. The journal must be durable before the hook continues.
    /// Returns false if no operation was running, so that nothing has ended.
    pub(crate) fn finish(
        &mut self,
        lock: &LockName,
        result: Result<(), &str>,
        served: Option<u64>,
    ) -> bool {
        if let Err(why) = result {
            return self.fail(lock, why, Recovery::default()).is_some();
        }
        if !self.running.remove(lock) {
            return false;
        }
        self.end(lock, Outcome::Done, None);
        if let (Some(seq), Some(kept)) = (served, self.journal.locks.get_mut(lock)) {
            kept.finish_through(seq);
            self.publish_journal();
        }
        true
    }

    /// As [`Unit::finish`], for an operation that has failed. Returns what the unit then does, as `recovery` says; `None`
    /// if no operation was running.
    pub(crate) fn fail(
        &mut self,
        lock: &LockName,
        why: &str,
        recovery: Recovery,
    ) -> Option<OnFailure> {
        if !self.running.remove(lock) {
            return None;
        }
        Some(self.fail_as(lock, why, recovery))
    }

    pub(super) fn fail_as(&mut self, lock: &LockName, why: &str, recovery: Recovery) -> OnFailure {
        let Some(kept) = self.journal.locks.get_mut(lock) else {
            return recovery.on_failure;
        };
        let seq = kept.record.done + 1;
        let before = kept.failures.as_ref();
        let before = before.filter(|failures| failures.seq == seq);
        let count = before
            .map_or(0, |failures| failures.count)
            .saturating_add(1);
        let then = recovery.after(count);
        let wait = match then {
            OnFailure::Retry => recovery.wait(count),
            _ => 0,
        };
        kept.failures = Some(Failures {
            seq,
            count,
            last: self.now.clone(),
            wait,
        });
        self.end_as(lock, Outcome::Failed, Some(why), then);
        if let Some(kept) = self.journal.locks.get_mut(lock) {
            match then {
                OnFailure::Retry if wait > 0 => {
                    kept.record.retry_at = self.wall.map(|wall| wall.after(wait));
                }
                OnFailure::Retry => {}
                OnFailure::Stop => kept.record.stopped = true,
                OnFailure::Continue => {
                    kept.finish_begun();
                    kept.serve();
                }
            }
            self.publish_journal();
        }
        then
    }

    /// For how many milliseconds a failed operation is not tried again, unless an operator permits it. A reboot ends
    /// the wait: the machine is another one, and its clock as well.
    pub(crate) fn backs_off(&self, lock: &LockName, ticket: &Ticket) -> Option<u64> {
        let failures = self.journal.locks.get(lock)?.failures.as_ref()?;
        let passed = failures.last.until(&self.now)?;
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        let attempt = self.record.locks.get(lock)?.attempt;
        let permitted = line.is_some_and(|line| line.permits(ticket, attempt));
        let left = failures.wait.saturating_sub(passed);
        (failures.seq == ticket.seq && left > 0 && !permitted).then_some(left)
    }

    /// When a failed operation is tried again, in words.
    pub(crate) fn retry_in_words(&self, lock: &LockName) -> String {
        let state = self.record.locks.get(lock);
        let why = state.and_then(|state| state.reason.as_deref());
        let at = state.and_then(|state| state.retry_at);
        let at = at.map(|at| format!(" at {} UTC", at.time()));
        format!(
            "failed: {}; tries again{}",
            why.unwrap_or_default(),
            at.unwrap_or_else(|| " later".to_owned())
        )
    }

    pub(super) fn end(&mut self, lock: &LockName, outcome: Outcome, reason: Option<&str>) {
        self.end_as(lock, outcome, reason, OnFailure::Retry);
    }

    fn end_as(
        &mut self,
        lock: &LockName,
        outcome: Outcome,
        reason: Option<&str>,
        on_failure: OnFailure,
    ) {
        let campaign = self.line.good().and_then(|line| line.locks.get(lock));
        let campaign = campaign.and_then(|line| line.campaign.clone());
        let Some(kept) = self.journal.locks.get_mut(lock) else {
            return;
        };
        let next = kept.record.done + 1;
        let reason = reason.map(short_reason);
        if let Some(now) = self.wall {
            kept.count(&outcome, now);
        }
        let attempt = kept.started.map_or(0, |started| started.attempt);
        let ticket = Ticket {
            unit: self.name.clone(),
            incarnation: self.record.incarnation.clone(),
            seq: next,
        };
        let before = campaign.as_ref().map(|now| &now.cancelled_before);
        let cancelled_before = before.is_some_and(|before| before.contains(&ticket));
        let transition = match &outcome {
            Outcome::Done => Transition::Done { ticket, attempt },
            Outcome::Withdrawn => Transition::Withdrawn {
                ticket,
                why: reason.clone(),
            },
            Outcome::Cancelled => Transition::Cancelled { ticket },
            Outcome::Skipped => Transition::Skipped { ticket },
            Outcome::Passed => Transition::Passed {
                campaign: campaign
                    .as_ref()
                    .map_or_else(String::new, |c| c.reason.clone()),
                why: reason.clone(),
            },
            Outcome::Failed | Outcome::Other(_) => {
                let why = reason.clone().unwrap_or_default();
                match on_failure {
                    OnFailure::Retry => Transition::Kept {
                        ticket,
                        attempt,
                        why,
                    },
                    OnFailure::Stop => Transition::Stopped {
                        ticket,
                        attempt,
                        why,
                    },
                    OnFailure::Continue => Transition::Failed {
                        ticket,
                        attempt,
                        why,
                    },
                }
            }
        };
        match outcome {
            Outcome::Done => {
                kept.finish_begun();
                kept.serve();
            }
            Outcome::Cancelled | Outcome::Skipped | Outcome::Passed => {
                kept.finish_through(next);
                // Otherwise it would be invited again; and so it is, if its ticket was cancelled before the campaign was
                // announced.
                let passed = outcome == Outcome::Passed;
                let campaign = campaign.filter(|_| passed || !cancelled_before);
                let served = kept.record.served.take();
                kept.record.served = campaign.map(|campaign| campaign.id).or(served);
                kept.called = false;
                // That a campaign has ended is no answer to what the unit expects; an operator's word is.
                if !passed && kept.answer.is_some() {
                    kept.expect_nothing();
                }
            }
            // The unit takes back all that it has asked for.
            Outcome::Withdrawn => {
                kept.finish_through(kept.record.seq);
                kept.called = false;
            }
            Outcome::Failed | Outcome::Other(_) => {}
        }
        let record: &mut LockRecord = &mut kept.record;
        record.outcome = Some(outcome);
        record.held = None;
        record.reason = reason;
        record.ended_at = self.wall;
        record.stopped = false;
        record.check = None;
        record.retry_at = None;
        if let Some(started) = &mut kept.started {
            started.ended = true;
            record.attempt = started.attempt;
        }
        kept.trial = None;
        self.publish_journal();
        self.tell(lock, transition);
    }

    pub(super) fn tell(&mut self, lock: &LockName, transition: Transition) {
        self.news.push(News {
            lock: lock.clone(),
            transition,
        });
    }

    /// Entries of an earlier life of this unit name are over; only this unit can say so. If the record was lost with
    /// the journal, the requests of the earlier life are made again.
    pub(super) fn replace_earlier_lives(&mut self) {
        let Some(line) = self.line.good() else { return };
        let mut earlier: Vec<Incarnation> = Vec::new();
        let mut lost: Vec<LockName> = Vec::new();
        for (lock, line) in &line.locks {
            for entry in line
                .entries
                .iter()
                .filter(|entry| entry.ticket.unit == self.name)
            {
                let incarnation = &entry.ticket.incarnation;
                if incarnation != &self.record.incarnation && !earlier.contains(incarnation) {
                    earlier.push(incarnation.clone());
                }
                if incarnation != &self.record.incarnation
                    && matches!(self.read, Reading::Unreadable(_))
                {
                    lost.push(lock.clone());
                }
            }
        }
        self.record.replaces = earlier;
        for lock in lost {
            self.request(&lock, None, &Payload::default());
        }
    }

    pub(super) fn accept_cancellations(&mut self) {
        let Some(line) = self.line.good() else { return };
        let cancelled: Vec<(LockName, Outcome)> = line
            .locks
            .iter()
            .filter_map(|(lock, line)| {
                // An operation that is still running is not over. Once it has ended, the next hook handles it.
                let next = self.next(lock).filter(|_| !self.is_busy(lock));
                let ticket = next.filter(|ticket| line.cancelled.contains(ticket))?;
                let outcome = if line.skipped.contains(&ticket) {
                    Outcome::Skipped
                } else {
                    Outcome::Cancelled
                };
                Some((lock.clone(), outcome))
            })
            .collect();
        for (lock, outcome) in cancelled {
            self.accept_invitation(&lock);
            self.end(&lock, outcome, None);
        }
    }
}
