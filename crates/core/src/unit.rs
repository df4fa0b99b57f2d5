//! A unit during one hook: what it knows about itself, and how a hook changes that.

mod campaign;
mod ending;
mod publish;
mod start;
mod trial;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::record::{short, short_reason};
use crate::{
    Incarnation, Journal, Line, LockJournal, LockName, Moment, News, Outcome, Payload, Reading,
    Tick, Ticket, Transition, UnitName, UnitRecord, View, Wall,
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
}

#[cfg(test)]
mod tests;
