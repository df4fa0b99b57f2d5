//! A unit during one hook: what it knows of itself, and how a hook changes that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::record::short;
use crate::{
    Incarnation, Journal, Line, LockName, LockRecord, Outcome, Reading, Started, Ticket, Turn,
    UnitName, UnitRecord, View, Wait, encode_record, invariant,
};

/// One unit in one hook.
///
/// The line that it holds is the line that was *read*, and stays so until the hook ends: a unit never
/// acts on a line that it has only just written, because that write may still be refused.
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

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The ticket that serves it.
    pub ticket: Ticket,
    /// Whether an earlier request that still waits serves this one too.
    pub joined: bool,
}

/// An operation that may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whose turn it is.
    pub ticket: Ticket,
    /// How often this operation has been begun, this time included.
    pub number: u16,
    /// Whether the attempt before this one was cut off, so that half of its work may be there.
    pub interrupted: bool,
}

impl Unit {
    /// Takes in what a hook read of the unit itself. `fresh` is used where the unit needs an
    /// incarnation; what had to be mended is in [`Unit::reports`].
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

    /// Says that the unit follows the relation with this number no more.
    pub fn handle_lost_relation(&mut self, number: u64) {
        self.record.beyond = self.record.beyond.max(Some(number));
        self.say_what_has_begun();
    }

    /// On a new relation nobody knows who is inside; those who are go first. What was said once holds although the
    /// journal, with the unit's disk, is lost.
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

    /// Says that an operation was begun earlier in this very hook and has not ended.
    pub fn handle_running(&mut self, lock: &LockName) {
        self.running.insert(lock.clone());
    }

    /// Records where the unit runs, for readers and for policies.
    pub fn handle_zone(&mut self, zone: Option<&str>) {
        self.record.zone = zone.map(short).filter(|zone| !zone.is_empty());
    }

    /// Asks for a turn. A request that waits already serves this one too; one whose operation is under
    /// way in this hook does not, because that operation may have missed the reason for asking.
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

    /// Keeps what a request asks for, in place of what was kept with it before.
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

    /// Says that what was read of this unit's databag is this hook's own, uncommitted write.
    pub fn handle_uncommitted(&mut self) {
        self.uncommitted = true;
    }

    /// Says that the record was written, so that it is not written again in the same hook.
    pub fn handle_written(&mut self) {
        self.read = Reading::Good(self.record.clone());
        self.uncommitted = true;
    }

    /// Takes back all that the unit has asked for, with a reason where readers should know one; false where
    /// nothing is outstanding or its operation is under way.
    pub fn handle_withdraw(&mut self, lock: &LockName, reason: Option<&str>) -> bool {
        let under_way = self.running.contains(lock) || self.is_busy(lock);
        let withdrawn = self.outstanding(lock).is_some() && !under_way;
        if withdrawn {
            self.end(lock, Outcome::Withdrawn, reason);
        }
        withdrawn
    }

    /// Whose turn it is, for this unit: may its operation start now?
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

    /// Begins the operation, where it is this unit's turn. The journal must be durable before the
    /// operation does anything.
    ///
    /// # Errors
    /// What the unit waits for, where it is not its turn.
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
    /// The journal must be durable before the hook goes on.
    /// False where none was under way, so that nothing has ended.
    pub fn handle_finish(&mut self, lock: &LockName, success: Result<(), String>) -> bool {
        let under_way = self.running.remove(lock);
        match success {
            _ if !under_way => {}
            Ok(()) => self.end(lock, Outcome::Done, None),
            Err(why) => self.end(lock, Outcome::Failed, Some(&why)),
        }
        under_way
    }

    /// Says that only the number of the unit's requests is known, and what they asked for is lost.
    pub fn handle_lost(&mut self, lock: &LockName) {
        if let Some(kept) = self.journal.locks.get_mut(lock) {
            kept.lost = Some(kept.record.seq);
        }
    }

    /// Says that the operation which has just ended well has served the requests up to `seq` too: they
    /// were made before it began. Nothing beyond what was asked for is ever finished.
    pub fn handle_served(&mut self, lock: &LockName, seq: u64) {
        if let Some(kept) = self.journal.locks.get_mut(lock)
            && kept.record.outcome == Some(Outcome::Done)
        {
            kept.finish_through(seq);
            self.publish_journal();
        }
    }

    /// The record to write into the unit's databag, where it differs from what was read.
    pub fn poll_record(&self) -> Option<String> {
        let foreign = self.is_foreign();
        // That earlier lives are over is worth saying even where nothing is asked for: nobody else can.
        let silent = self.record.locks.is_empty()
            && self.record.replaces.is_empty()
            && self.record.beyond.is_none();
        let nothing_to_say = self.read == Reading::Absent && silent;
        let unchanged = self.read.good() == Some(&self.record);
        (!foreign && !nothing_to_say && !unchanged).then(|| encode_record(&self.record))
    }

    /// The journal to keep, where it differs from what `kept` says.
    pub fn poll_journal(&self, kept: &Journal) -> Option<Journal> {
        let nothing_to_say = kept.incarnation.is_none() && self.journal.locks.is_empty();
        (!nothing_to_say && &self.journal != kept).then(|| self.journal.clone())
    }

    /// What this hook read back of the unit's databag, where that is committed and all that there is to say,
    /// for [`Journal::waiting`].
    pub fn confirmed(&self) -> Option<&BTreeMap<LockName, LockRecord>> {
        let committed = !self.uncommitted && self.read.good() == Some(&self.record);
        committed.then_some(&self.record.locks)
    }

    /// Whether what was asked for with the request that is served next is lost with an earlier journal.
    pub fn is_lost(&self, lock: &LockName) -> bool {
        let lost = self.journal.locks.get(lock).and_then(|kept| kept.lost);
        let next = self.outstanding(lock).map(|ticket| ticket.seq);
        next.is_some_and(|seq| lost.is_some_and(|lost| seq <= lost))
    }

    /// Whether the unit's own databag is of a version that this code does not know, so that it is left alone.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.read, Reading::Foreign(_))
    }

    /// The unit's name.
    pub fn name(&self) -> &UnitName {
        &self.name
    }

    /// The unit's record, this hook's changes included.
    pub fn record(&self) -> &UnitRecord {
        &self.record
    }

    /// The line as this hook read it.
    pub fn line(&self) -> &Reading<Line> {
        &self.line
    }

    /// What this hook found amiss and mended, for the log.
    pub fn reports(&self) -> &[String] {
        &self.reports
    }

    /// The request that is served next, where one is outstanding.
    pub fn outstanding(&self, lock: &LockName) -> Option<Ticket> {
        self.record.outstanding(&self.name, lock)
    }

    /// What was asked for with the request that is served next.
    pub fn payload(&self, lock: &LockName) -> Option<&Value> {
        self.payload_of(lock, self.outstanding(lock)?.seq)
    }

    /// What was asked for with one of the unit's requests.
    pub fn payload_of(&self, lock: &LockName, seq: u64) -> Option<&Value> {
        self.journal.locks.get(lock)?.payload.get(&seq)
    }

    /// Whether the ticket, of whichever unit, is finished, as far as this unit can know.
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

    /// Entries of an earlier life of this unit name are over; only this unit can say so. Where the
    /// record was lost with the journal, what the earlier life asked for is asked for again.
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
            // What is still at work is not over. Once it has ended, the next hook sees to it.
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
