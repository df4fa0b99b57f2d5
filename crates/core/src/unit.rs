//! A unit during one hook: what it knows about itself, and how a hook changes that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::record::short;
use crate::{
    Incarnation, Journal, Line, LockName, LockRecord, Outcome, Reading, Started, Ticket, Turn,
    UnitName, UnitRecord, View, Wait, encode_record, invariant,
};

/// One unit in one hook.
///
/// It holds the line that was *read*, unchanged until the hook ends: a unit never acts on a line that it has
/// only just written, because that write may still be refused.
#[derive(Debug, Clone)]
pub struct Unit {
    name: UnitName,
    read: Reading<UnitRecord>,
    record: UnitRecord,
    line: Reading<Line>,
    journal: Journal,
    running: BTreeSet<LockName>,
    uncommitted: bool,
    reports: Vec<String>,
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
    /// Takes what a hook read about the unit itself. Uses `fresh` if the unit needs an incarnation. Problems that
    /// it repaired are in [`Unit::reports`].
    pub fn handle_hook(
        name: UnitName,
        own: Reading<UnitRecord>,
        line: Reading<Line>,
        mut journal: Journal,
        fresh: Incarnation,
    ) -> Self {
        let mut reports = Vec::new();
        let known = journal.incarnation.clone();
        let mut record = match (&own, &known) {
            (Reading::Good(record), _) => record.clone(),
            (_, Some(incarnation)) => UnitRecord::new(incarnation.clone()),
            (_, None) => UnitRecord::new(fresh),
        };
        if let Some(fault) = own.fault() {
            reports.push(format!("ignoring the databag of {name}: {fault}"));
        }
        if known.as_ref() != Some(&record.incarnation) && !record.locks.is_empty() {
            reports.push(format!(
                "{name} has no journal of its published requests; at most one operation is repeated"
            ));
        }
        journal.join(&mut record);
        let mut unit = Self {
            name,
            read: own,
            record,
            line,
            journal,
            running: BTreeSet::new(),
            uncommitted: false,
            reports,
        };
        unit.replace_earlier_lives();
        unit.accept_cancellations();
        if let Some(relation) = unit.line.good().and_then(|line| line.opening) {
            unit.handle_lost_relation(relation);
        }
        unit.hold_invariants();
        unit
    }

    /// Records that the unit no longer follows the relation with this number.
    pub fn handle_lost_relation(&mut self, number: u64) {
        self.record.beyond = self.record.beyond.max(Some(number));
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

    /// Records that an operation began earlier in this same hook and has not ended.
    pub fn handle_running(&mut self, lock: &LockName) {
        self.running.insert(lock.clone());
    }

    /// Records where the unit runs, for readers and for policies.
    pub fn handle_zone(&mut self, zone: Option<&str>) {
        self.record.zone = zone.map(short).filter(|zone| !zone.is_empty());
    }

    /// Requests a turn. Joins a request that is already waiting, but not one whose operation is running in this
    /// hook, because that operation may have missed the reason for the request.
    pub fn handle_request(&mut self, lock: &LockName, operation: Option<&str>) -> Requested {
        let under_way = u64::from(self.running.contains(lock) || self.is_busy(lock));
        let asked = self.line.good().map_or(0, |line| line.version);
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        let joined = kept.record.seq > kept.record.done + under_way;
        if !joined {
            kept.record.seq += 1;
            kept.record.asked = asked;
        }
        if operation.is_some() {
            kept.record.operation = operation.map(short).filter(|text| text != lock.as_str());
        }
        let seq = kept.record.seq;
        self.publish_journal();
        Requested {
            ticket: self.ticket(seq),
            joined,
        }
    }

    /// Stores the payload of a request, replacing the previous one.
    pub fn handle_payload(&mut self, lock: &LockName, seq: u64, payload: Value) {
        let done = self.record.locks.get(lock).map_or(0, |state| state.done);
        if seq > done {
            self.journal
                .locks
                .entry(lock.clone())
                .or_default()
                .payload
                .insert(seq, payload);
        }
    }

    /// Records that the value read from this unit's databag is this hook's own, uncommitted write.
    pub fn handle_uncommitted(&mut self) {
        self.uncommitted = true;
    }

    /// Records that the record was written, so that it is not written again in the same hook.
    pub fn handle_written(&mut self) {
        self.read = Reading::Good(self.record.clone());
        self.uncommitted = true;
    }

    /// Withdraws all of the unit's requests for a lock, with an optional reason for readers. Returns false if none is
    /// outstanding or its operation is running.
    pub fn handle_withdraw(&mut self, lock: &LockName, reason: Option<&str>) -> bool {
        let under_way = self.running.contains(lock) || self.is_busy(lock);
        let withdrawn = self.outstanding(lock).is_some() && !under_way;
        if withdrawn {
            self.end(lock, Outcome::Withdrawn, reason);
        }
        withdrawn
    }

    /// Whether this unit's operation may start now.
    pub fn turn(&self, lock: &LockName, view: &View) -> Turn {
        if self.is_foreign() {
            return Turn::Wait(Wait::Frozen(self.read.fault().unwrap_or_default()));
        }
        let Some(ticket) = self.outstanding(lock) else {
            return Turn::NotRequested;
        };
        if self.is_busy(lock) {
            return Turn::Wait(Wait::Busy);
        }
        match &self.line {
            Reading::Absent => Turn::Wait(Wait::NotInLine),
            Reading::Good(line) => match line.locks.get(lock) {
                Some(line) => line.turn(&ticket, |other| self.finished(lock, other, view)),
                None => Turn::Wait(Wait::NotInLine),
            },
            faulty => {
                let fault = faulty.fault().unwrap_or_default();
                Turn::Wait(Wait::Frozen(format!("the application's databag: {fault}")))
            }
        }
    }

    /// Begins the operation if it is this unit's turn. The journal must be durable before the operation does
    /// anything.
    ///
    /// # Errors
    /// If it is not this unit's turn: what the unit waits for.
    pub fn handle_start(&mut self, lock: &LockName, view: &View) -> Result<Attempt, Turn> {
        let ticket = match self.turn(lock, view) {
            Turn::Start(ticket) => ticket,
            other => return Err(other),
        };
        let kept = self.journal.locks.entry(lock.clone()).or_default();
        let before = kept.started.filter(|started| started.seq == ticket.seq);
        let number = before.map_or(1, |started| started.attempt.saturating_add(1));
        kept.started = Some(Started {
            seq: ticket.seq,
            attempt: number,
            ended: false,
        });
        self.running.insert(lock.clone());
        let interrupted = before.is_some_and(|started| !started.ended);
        Ok(Attempt {
            ticket,
            number,
            interrupted,
        })
    }

    /// Ends the operation that [`Unit::handle_start`] began. After a failure the unit keeps its place.
    /// The journal must be durable before the hook continues.
    /// Returns false if no operation was running, so that nothing has ended.
    pub fn handle_finish(&mut self, lock: &LockName, success: Result<(), String>) -> bool {
        let under_way = self.running.remove(lock);
        match success {
            _ if !under_way => {}
            Ok(()) => self.end(lock, Outcome::Done, None),
            Err(why) => self.end(lock, Outcome::Failed, Some(&why)),
        }
        under_way
    }

    /// Records that only the number of the unit's requests is known, and their payload is lost.
    pub fn handle_lost(&mut self, lock: &LockName) {
        if let Some(kept) = self.journal.locks.get_mut(lock) {
            kept.lost = Some(kept.record.seq);
        }
    }

    /// Records that the operation which has just succeeded has also served the requests up to `seq`, which were
    /// made before it began. Nothing beyond the newest request is ever finished.
    pub fn handle_served(&mut self, lock: &LockName, seq: u64) {
        if let Some(kept) = self.journal.locks.get_mut(lock)
            && kept.record.outcome == Some(Outcome::Done)
        {
            kept.finish_through(seq);
            self.publish_journal();
        }
    }

    /// The record to write to the unit's databag, if it differs from the one read.
    pub fn poll_record(&self) -> Option<String> {
        let foreign = self.is_foreign();
        // Publish that earlier lives are over even without a request, because no other unit can.
        let silent = self.record.locks.is_empty()
            && self.record.replaces.is_empty()
            && self.record.beyond.is_none();
        let nothing_to_say = self.read == Reading::Absent && silent;
        let unchanged = self.read.good() == Some(&self.record);
        (!foreign && !nothing_to_say && !unchanged).then(|| encode_record(&self.record))
    }

    /// The journal to store, if it differs from `kept`.
    pub fn poll_journal(&self, kept: &Journal) -> Option<Journal> {
        let nothing_to_say = kept.incarnation.is_none() && self.journal.locks.is_empty();
        (!nothing_to_say && &self.journal != kept).then(|| self.journal.clone())
    }

    /// The value that this hook read back from the unit's databag, if it is committed and complete, for
    /// [`Journal::waiting`].
    pub fn confirmed(&self) -> Option<&BTreeMap<LockName, LockRecord>> {
        let committed = !self.uncommitted && self.read.good() == Some(&self.record);
        committed.then_some(&self.record.locks)
    }

    /// Whether the payload of the request that is served next was lost with an earlier journal.
    pub fn is_lost(&self, lock: &LockName) -> bool {
        let lost = self.journal.locks.get(lock).and_then(|kept| kept.lost);
        let next = self.outstanding(lock).map(|ticket| ticket.seq);
        next.is_some_and(|seq| lost.is_some_and(|lost| seq <= lost))
    }

    /// Whether the unit's own databag has a version unknown to this code, so that it is left alone.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.read, Reading::Foreign(_))
    }

    /// The unit's name.
    pub fn name(&self) -> &UnitName {
        &self.name
    }

    /// The unit's record, including this hook's changes.
    pub fn record(&self) -> &UnitRecord {
        &self.record
    }

    /// The line as this hook read it.
    pub fn line(&self) -> &Reading<Line> {
        &self.line
    }

    /// Problems that this hook found and repaired, for the log.
    pub fn reports(&self) -> &[String] {
        &self.reports
    }

    /// The request that is served next, if one is outstanding.
    pub fn outstanding(&self, lock: &LockName) -> Option<Ticket> {
        self.record.outstanding(&self.name, lock)
    }

    /// The payload of the request that is served next.
    pub fn payload(&self, lock: &LockName) -> Option<&Value> {
        self.payload_of(lock, self.outstanding(lock)?.seq)
    }

    /// The payload of one of the unit's requests.
    pub fn payload_of(&self, lock: &LockName, seq: u64) -> Option<&Value> {
        self.journal.locks.get(lock)?.payload.get(&seq)
    }

    /// Whether the ticket, of any unit, is finished as far as this unit can know.
    pub fn finished(&self, lock: &LockName, ticket: &Ticket, view: &View) -> bool {
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
        let Some(kept) = self.journal.locks.get_mut(lock) else {
            return;
        };
        let next = kept.record.done + 1;
        match outcome {
            // The attempt that the journal names is the one that ends, whatever else was asked for.
            Outcome::Done => kept.finish_through(kept.started.map_or(next, |begun| begun.seq)),
            Outcome::Cancelled => kept.finish_through(next),
            // The unit takes back all that it has asked for.
            Outcome::Withdrawn => kept.finish_through(kept.record.seq),
            Outcome::Failed | Outcome::Other(_) => {}
        }
        let record: &mut LockRecord = &mut kept.record;
        record.outcome = Some(outcome);
        record.reason = reason.map(short);
        if let Some(started) = &mut kept.started {
            started.ended = true;
            record.attempt = started.attempt;
        }
        self.publish_journal();
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
            self.handle_request(&lock, None);
        }
    }

    fn accept_cancellations(&mut self) {
        let Some(line) = self.line.good() else { return };
        let cancelled: Vec<LockName> = line
            .locks
            .iter()
            // An operation that is still running is not over. Once it has ended, the next hook handles it.
            .filter(|(lock, line)| {
                let outstanding = self.outstanding(lock).filter(|_| !self.is_busy(lock));
                outstanding.is_some_and(|ticket| line.cancelled.contains(&ticket))
            })
            .map(|(lock, _)| lock.clone())
            .collect();
        for lock in cancelled {
            self.end(&lock, Outcome::Cancelled, None);
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
