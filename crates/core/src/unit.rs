//! A unit during one hook: what it knows about itself, and how a hook changes that.

mod campaign;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::record::{short, short_reason};
use crate::{
    Failures, Incarnation, Journal, Line, LockJournal, LockLine, LockName, LockRecord, Moment,
    News, OnFailure, Outcome, Payload, Reading, Recovery, Started, Tick, Ticket, Transition, Turn,
    UnitName, UnitRecord, View, Wait, Wall, encode_record, invariant,
};

pub(crate) use trial::Tried;

/// One unit in one hook.
///
/// It holds the line that was *read*, unchanged until the hook ends: a unit never acts on a line that it has
/// only just written, because that write may still be refused.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    name: UnitName,
    read: Reading<UnitRecord>,
    record: UnitRecord,
    line: Reading<Line>,
    journal: Journal,
    running: BTreeSet<LockName>,
    uncommitted: bool,
    /// Whether others should know of this unit even if it has requested nothing.
    introduced: bool,
    reports: Vec<String>,
    wall: Option<Wall>,
    join: fn(Value, Value) -> Value,
    now: Moment,
    news: Vec<News>,
}

/// What a hook knows about its own unit when it begins, or when another process of it continues.
#[derive(Debug, Clone)]
pub(crate) struct Own<'a> {
    /// The unit's own record as it was read, or as this hook has written it.
    pub(crate) record: Reading<UnitRecord>,
    /// Whether this hook has written it, so that it is not committed yet.
    pub(crate) written: bool,
    /// The line as it was read.
    pub(crate) line: Reading<Line>,
    /// The journal.
    pub(crate) journal: Journal,
    /// Locks whose operation began earlier in this hook and has not ended.
    pub(crate) running: BTreeSet<LockName>,
    /// The current time for readers, if the driver has told it.
    pub(crate) wall: Option<Wall>,
    /// Where the unit runs, for readers and for policies.
    pub(crate) zone: Option<&'a str>,
    /// The number of the newest relation that the unit followed and no longer sees.
    pub(crate) lost: Option<u64>,
    /// How the payloads of two requests that share a turn, the older one first, become one.
    pub(crate) join: fn(Value, Value) -> Value,
    /// Whether the charm uses this endpoint itself, and does not only look here because of another.
    pub(crate) at_home: bool,
    /// Whether this is the hook in which the relation was created, before any other unit has met this one.
    pub(crate) newborn: bool,
    /// The incarnation to use if the unit needs one.
    pub(crate) fresh: Incarnation,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The ticket that serves it.
    pub ticket: Ticket,
    /// Whether it joined an earlier request that is still waiting.
    pub joined: bool,
}

/// An operation that may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whose turn it is.
    pub ticket: Ticket,
    /// How often this operation has been started, including this time.
    pub number: u16,
    /// Whether the previous attempt was interrupted, so that its work may be half done.
    pub interrupted: bool,
}

impl Unit {
    /// The unit in this hook. Problems that it repaired are in [`Unit::reports`].
    pub(crate) fn open(name: UnitName, own: Own<'_>) -> Self {
        let mut reports = Vec::new();
        let mut journal = own.journal;
        let known = journal.incarnation.clone();
        let introduced = known.is_some() || own.newborn;
        let mut record = match (&own.record, &known) {
            (Reading::Good(record), _) => record.clone(),
            (_, Some(incarnation)) => UnitRecord::new(incarnation.clone()),
            (_, None) => UnitRecord::new(own.fresh),
        };
        if let Some(fault) = own.record.fault() {
            reports.push(format!("ignoring the databag of {name}: {fault}"));
        }
        if known.as_ref() != Some(&record.incarnation) && !record.locks.is_empty() {
            reports.push(format!(
                "{name} has no journal of its published requests; at most one operation is repeated"
            ));
        }
        journal.join(&mut record);
        record.zone = own.zone.map(short).filter(|zone| !zone.is_empty());
        let mut unit = Self {
            name,
            read: own.record,
            record,
            line: own.line,
            journal,
            running: own.running,
            uncommitted: own.written,
            introduced,
            reports,
            wall: own.wall,
            join: own.join,
            now: Moment {
                boot: None,
                at: Tick(0),
            },
            news: Vec::new(),
        };
        unit.replace_earlier_lives();
        unit.accept_cancellations();
        unit.answer_campaigns(own.newborn, own.at_home);
        let opening = unit.line.good().and_then(|line| line.opening);
        unit.leave_relation(opening.max(own.lost));
        unit.hold_invariants();
        unit
    }

    /// The unit no longer follows the relation with this number.
    fn leave_relation(&mut self, number: Option<u64>) {
        self.record.beyond = self.record.beyond.max(number);
        self.say_what_has_begun();
    }

    /// On a new relation nobody knows who is inside, so units that are inside go first. A mark once published stays
    /// valid even if the journal is lost with the unit's disk.
    fn say_what_has_begun(&mut self) {
        let moved = self.record.beyond.is_some();
        let said = self.read.good().map(|record| &record.locks);
        for (lock, state) in &mut self.record.locks {
            let started = self.journal.locks.get(lock).and_then(|kept| kept.started);
            let is_next = |seq: u64| state.seq > state.done && seq == state.done + 1;
            let begun = started.is_some_and(|begun| is_next(begun.seq));
            let said = said.and_then(|locks| locks.get(lock));
            let said = said.is_some_and(|said| said.begun && is_next(said.done + 1));
            state.begun = moved && (begun || said);
        }
    }

    /// Requests a turn. Joins a request that is already waiting, but not one whose operation is running in this
    /// hook, because that operation may have missed the reason for the request.
    pub(crate) fn request(
        &mut self,
        lock: &LockName,
        operation: Option<&str>,
        payload: &Payload,
    ) -> Requested {
        self.accept_invitation(lock);
        // One that is being checked has succeeded without it, too.
        let under_way = u64::from(self.is_under_way(lock) || self.is_on_trial(lock));
        let asked = self.line.good().map_or(0, |line| line.version);
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        kept.called = false;
        let joined = kept.record.seq > kept.record.done + under_way;
        if !joined {
            kept.record.seq += 1;
            kept.record.asked = asked;
            kept.record.requested_at = self.wall;
        }
        if operation.is_some() {
            kept.record.operation = operation.map(short).filter(|text| text != lock.as_str());
        }
        let seq = kept.record.seq;
        if let Some(value) = payload.value.clone() {
            let value = match kept.payload.remove(&seq) {
                Some(older) => (self.join)(older, value),
                None => value,
            };
            kept.payload.insert(seq, value);
        }
        if payload.lost {
            kept.lost = Some(seq);
        }
        let operation = kept.record.operation.clone();
        self.publish_journal();
        let ticket = self.ticket(seq);
        if !joined {
            let transition = Transition::Requested {
                ticket: ticket.clone(),
                operation,
            };
            self.tell(lock, transition);
        }
        Requested { ticket, joined }
    }

    /// Withdraws all of the unit's requests for a lock, with an optional reason for readers, or passes if it is only
    /// invited. Returns false if none is outstanding or its operation is running.
    pub(crate) fn withdraw(&mut self, lock: &LockName, reason: Option<&str>) -> bool {
        let kept = self.journal.locks.get_mut(lock);
        let expected = kept.and_then(LockJournal::expect_nothing).is_some();
        if self.outstanding(lock).is_none() && self.invited(lock).is_some() {
            return self.pass(lock, reason);
        }
        let withdrawn = self.outstanding(lock).is_some() && !self.is_under_way(lock);
        if withdrawn {
            self.end(lock, Outcome::Withdrawn, reason);
        }
        withdrawn || expected
    }

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

    fn fail_as(&mut self, lock: &LockName, why: &str, recovery: Recovery) -> OnFailure {
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

    /// The record to write to the unit's databag, if it differs from the one read or written before.
    pub(crate) fn publish(&mut self) -> Option<String> {
        let value = self.poll_record()?;
        self.read = Reading::Good(self.record.clone());
        self.uncommitted = true;
        Some(value)
    }

    fn poll_record(&self) -> Option<String> {
        let foreign = self.is_foreign();
        // Publish that earlier lives are over even without a request, because no other unit can.
        let silent = self.record.locks.is_empty()
            && self.record.replaces.is_empty()
            && self.record.beyond.is_none()
            && !self.introduced;
        let nothing_to_say = self.read == Reading::Absent && silent;
        let unchanged = self.read.good() == Some(&self.record);
        (!foreign && !nothing_to_say && !unchanged).then(|| encode_record(&self.record))
    }

    /// The journal to store, if it differs from `kept`.
    pub(crate) fn poll_journal(&self, kept: &Journal) -> Option<Journal> {
        let nothing_to_say =
            kept.incarnation.is_none() && self.journal.locks.is_empty() && !self.introduced;
        (!nothing_to_say && &self.journal != kept).then(|| self.journal.clone())
    }

    /// The value that this hook read back from the unit's databag, if it is committed and complete, for
    /// [`Journal::waiting`].
    pub(crate) fn confirmed(&self) -> Option<&BTreeMap<LockName, LockRecord>> {
        let committed = !self.uncommitted && self.read.good() == Some(&self.record);
        committed.then_some(&self.record.locks)
    }

    /// Whether the unit's own databag has a version unknown to this code, so that it is left alone.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.read, Reading::Foreign(_))
    }

    /// The unit's name.
    pub(crate) fn name(&self) -> &UnitName {
        &self.name
    }

    /// The unit's record, including this hook's changes.
    pub(crate) fn record(&self) -> &UnitRecord {
        &self.record
    }

    /// The line as this hook read it.
    pub(crate) fn line(&self) -> &Reading<Line> {
        &self.line
    }

    /// Problems that this hook found and repaired, for the log.
    pub(crate) fn reports(&self) -> &[String] {
        &self.reports
    }

    /// Takes the present time, for readers and on the unit's own clock.
    pub(crate) fn handle_time(&mut self, wall: Option<Wall>, now: Moment) {
        self.wall = wall;
        self.now = now;
    }

    /// Whether the unit is unavailable, and why.
    pub(crate) fn handle_availability(&mut self, why_not: Option<&str>) {
        let unavailable = why_not.map(short_reason);
        if self.record.unavailable != unavailable {
            self.record.unavailable = unavailable;
            self.record.flips += 1;
        }
        self.introduced |= why_not.is_some();
    }

    /// What has happened to this unit's requests since this was last called.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The request that is served next, if one is outstanding.
    pub(crate) fn outstanding(&self, lock: &LockName) -> Option<Ticket> {
        self.record.outstanding(&self.name, lock)
    }

    /// The ticket that is served next: of a request, or of an invitation.
    pub(crate) fn next(&self, lock: &LockName) -> Option<Ticket> {
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        self.record.next(&self.name, lock, line)
    }

    /// The payload of the turn that is served next: of the request, and of the campaign in which it takes part.
    pub(crate) fn payload(&self, lock: &LockName) -> Payload {
        let Some(next) = self.next(lock) else {
            return Payload::default();
        };
        let kept = self.journal.locks.get(lock);
        let own = kept.and_then(|kept| kept.payload.get(&next.seq).cloned());
        let lost = kept.and_then(|kept| kept.lost);
        Payload {
            value: self.with_campaign(lock, &next, own),
            lost: lost.is_some_and(|lost| next.seq <= lost),
        }
    }

    /// Two payloads that share a turn.
    fn joined(&self, older: Option<Value>, newer: Option<Value>) -> Option<Value> {
        match (older, newer) {
            (Some(older), Some(newer)) => Some((self.join)(older, newer)),
            (older, newer) => older.or(newer),
        }
    }

    /// Lets the others know of this unit even if it has requested nothing, so that it can be invited.
    pub(crate) fn introduce(&mut self) {
        self.introduced = true;
    }

    /// Whether the ticket, of any unit, is finished as far as this unit can know.
    pub(crate) fn finished(&self, lock: &LockName, ticket: &Ticket, view: &View) -> bool {
        if ticket.unit == self.name {
            self.record.finished(lock, ticket)
        } else {
            view.finished(lock, ticket)
        }
    }

    fn ticket(&self, seq: u64) -> Ticket {
        Ticket {
            unit: self.name.clone(),
            incarnation: self.record.incarnation.clone(),
            seq,
        }
    }

    fn end(&mut self, lock: &LockName, outcome: Outcome, reason: Option<&str>) {
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

    fn tell(&mut self, lock: &LockName, transition: Transition) {
        self.news.push(News {
            lock: lock.clone(),
            transition,
        });
    }

    /// Whether its operation runs in this hook, or still in a process of an earlier one.
    fn is_under_way(&self, lock: &LockName) -> bool {
        self.running.contains(lock) || self.is_busy(lock)
    }

    fn is_busy(&self, lock: &LockName) -> bool {
        self.journal.busy.contains(lock)
    }

    fn publish_journal(&mut self) {
        self.journal.incarnation = Some(self.record.incarnation.clone());
        self.journal.write_to(&mut self.record);
        self.say_what_has_begun();
        self.hold_invariants();
    }

    /// Entries of an earlier life of this unit name are over; only this unit can say so. If the record was lost with
    /// the journal, the requests of the earlier life are made again.
    fn replace_earlier_lives(&mut self) {
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

    fn accept_cancellations(&mut self) {
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

    fn hold_invariants(&self) {
        invariant::hold(|| invariant::record_is_sound(&self.record));
        if let Reading::Good(before) = &self.read {
            invariant::hold(|| invariant::counters_only_grow(before, &self.record));
        }
    }
}

#[cfg(test)]
#[path = "unit_tests.rs"]
mod tests;
