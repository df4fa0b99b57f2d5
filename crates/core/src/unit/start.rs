//! Whose turn it is, and how an operation begins.

use super::{Attempt, Unit};
use crate::record::short;
use crate::{
    LockLine, LockName, Reading, Started, Ticket, Transition, Turn, View, Wait, invariant,
};

impl Unit {
    /// Whether this unit's operation may start now.
    pub(crate) fn turn(&self, lock: &LockName, view: &View) -> Turn {
        if self.is_foreign() {
            return Turn::Wait(Wait::Frozen(self.read.fault().unwrap_or_default()));
        }
        let Some(ticket) = self.next(lock) else {
            let kept = self.journal.locks.get(lock);
            let expects = kept.and_then(|kept| kept.expects.as_ref());
            let wait = expects.map(|call| Turn::Wait(Wait::Expects(call.reason.clone())));
            return wait.unwrap_or(Turn::NotRequested);
        };
        if self.is_busy(lock) {
            return Turn::Wait(Wait::Busy);
        }
        if self.is_on_trial(lock) {
            return Turn::Wait(Wait::Checking(self.check_in_words(lock)));
        }
        match &self.line {
            Reading::Absent => Turn::Wait(Wait::NotInLine),
            Reading::Good(line) => match line.locks.get(lock) {
                Some(line) => self.turn_in(lock, line, &ticket, view),
                None => Turn::Wait(Wait::NotInLine),
            },
            faulty => {
                let fault = faulty.fault().unwrap_or_default();
                Turn::Wait(Wait::Frozen(format!("the application's databag: {fault}")))
            }
        }
    }

    /// Whether this unit's operation could start by a lock's line, which need not be the one that was read.
    pub(crate) fn turn_in(
        &self,
        lock: &LockName,
        line: &LockLine,
        ticket: &Ticket,
        view: &View,
    ) -> Turn {
        match line.turn(ticket, |other| self.finished(lock, other, view)) {
            Turn::Start(ticket) => match self.forbidden_by(lock, line, &ticket) {
                Some(why) => Turn::Wait(Wait::Stopped(why)),
                None => Turn::Start(ticket),
            },
            other => other,
        }
    }

    /// Why the operation failed, if it may not be tried again.
    fn forbidden_by(&self, lock: &LockName, line: &LockLine, ticket: &Ticket) -> Option<String> {
        let state = self.record.locks.get(lock)?;
        let forbidden = state.stopped && !line.permits(ticket, state.attempt);
        forbidden.then(|| state.reason.clone().unwrap_or_default())
    }

    /// Whether the operation of the request that is served next has begun, in this hook or an earlier one.
    pub(crate) fn has_begun(&self, lock: &LockName) -> bool {
        let started = self.journal.locks.get(lock).and_then(|kept| kept.started);
        let next = self.outstanding(lock).map(|next| next.seq);
        started.is_some_and(|started| Some(started.seq) == next)
    }

    /// Says why the unit does not begin although its turn has come. Others are woken by it, and what they do may wake
    /// this unit: so what can change in every hook (`steady` is false) is said once.
    pub(crate) fn hold_back(&mut self, lock: &LockName, why: &str, steady: bool) {
        self.accept_invitation(lock);
        let Some(kept) = self.journal.locks.get_mut(lock) else {
            return;
        };
        if steady || kept.record.held.is_none() {
            kept.record.held = Some(short(why));
            // It belongs to an earlier operation, unless this one has begun before; and a record is small.
            let next = kept.record.done + 1;
            if kept.started.is_none_or(|started| started.seq != next) {
                kept.record.reason = None;
            }
        }
        self.publish_journal();
    }

    /// Begins the operation if it is this unit's turn. The journal must be durable before the operation does
    /// anything.
    ///
    /// # Errors
    /// If it is not this unit's turn: what the unit waits for.
    pub(crate) fn start(&mut self, lock: &LockName, view: &View) -> Result<Attempt, Turn> {
        let ticket = match self.turn(lock, view) {
            Turn::Start(ticket) => ticket,
            other => return Err(other),
        };
        invariant::hold(|| self.may_start(lock, &ticket));
        self.accept_invitation(lock);
        self.join_campaign(lock, &ticket);
        invariant::hold(|| invariant::nothing_begins_on_trial(&ticket, self.is_on_trial(lock)));
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        let before = kept.started.filter(|started| started.seq == ticket.seq);
        // Attempts that the journal has lost count where the record tells of them: a permission names a number.
        let published = kept.record.attempt * u16::from(kept.record.stopped);
        let last = before.map_or(0, |started| started.attempt).max(published);
        let number = last.saturating_add(1);
        kept.record.stopped = false;
        kept.started = Some(Started {
            seq: ticket.seq,
            attempt: number,
            ended: false,
            at: self.wall,
        });
        kept.called = false;
        kept.record.held = None;
        kept.record.retry_at = None;
        let interrupted = before.is_some_and(|started| !started.ended);
        if let Some(now) = self.wall {
            kept.tally.interruptions += u64::from(interrupted);
            let requested_at = kept.record.requested_at;
            // The time is the newest request's.
            let requested_at = requested_at.filter(|_| kept.record.seq == ticket.seq);
            if let Some(requested_at) = requested_at.filter(|_| number == 1) {
                kept.tally.waits += 1;
                kept.tally.wait_seconds += now.seconds_since(requested_at);
            }
        }
        self.running.insert(lock.clone());
        let attempt = Attempt {
            ticket,
            number,
            interrupted,
        };
        self.tell(lock, Transition::Begun(attempt.clone()));
        Ok(attempt)
    }

    fn may_start(&self, lock: &LockName, ticket: &Ticket) -> Result<(), invariant::Violation> {
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        let state = self.record.locks.get(lock);
        match (line, state) {
            (Some(line), Some(state)) => invariant::may_start(line, ticket, state),
            _ => Ok(()),
        }
    }

    /// Whether its operation runs in this hook, or still in a process of an earlier one.
    pub(super) fn is_under_way(&self, lock: &LockName) -> bool {
        self.running.contains(lock) || self.is_busy(lock)
    }

    pub(super) fn is_busy(&self, lock: &LockName) -> bool {
        self.journal.busy.contains(lock)
    }
}
