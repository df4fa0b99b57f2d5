//! The journal: what a unit remembers on its own disk, ahead of what Juju has committed.
//!
//! It keeps a finished operation from running again when Juju retries its hook, and tells an
//! interrupted operation which attempt it is. It never decides whose turn it is. Losing it costs at
//! most one repeated operation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::metrics::Tally;
use crate::record::short_reason;
use crate::{
    Call, CampaignId, Incarnation, Line, LockLine, LockName, LockRecord, Moment, Outcome, Ticket,
    Trial, UnitName, UnitRecord, Wall,
};

/// A unit's journal, for all its locks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The life of the unit that wrote it; absent before the first request.
    #[serde(default, rename = "id", skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<Incarnation>,
    /// The state of each lock.
    #[serde(default)]
    pub locks: BTreeMap<LockName, LockJournal>,
    /// Locks whose operation is still running in a process of an earlier hook. This comes from the machine and
    /// is never stored.
    #[serde(skip)]
    pub busy: BTreeSet<LockName>,
}

/// The journal of one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockJournal {
    /// The lock's state as this unit last published it, or is about to.
    pub record: LockRecord,
    /// The last operation that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Started>,
    /// The payload of each request, by number; opaque here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payload: BTreeMap<u64, Value>,
    /// The newest request of which the unit knows only the number, because the journal with its payload was
    /// lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// What the unit has counted, for metrics.
    #[serde(default, skip_serializing_if = "Tally::is_empty")]
    pub tally: Tally,
    /// The campaign in which the operation that was started last takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serves: Option<CampaignId>,
    /// Whether the newest request was made only because a campaign called, and its operation has not begun. It goes when
    /// no campaign calls any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called: bool,
    /// For what the unit expects a campaign: every unit knows the reason, so that none of them need ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expects: Option<Call>,
    /// The campaign that answers this: it has called the unit for that reason. Should an operator abort it, the unit
    /// expects nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<CampaignId>,
    /// The check that the operation which was started last has yet to pass, once it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// The failures of the request that is served next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Failures>,
}

/// How often an operation has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// The number of its request.
    pub seq: u64,
    /// How many of its attempts have failed; those that were cut off have not.
    pub count: u16,
    /// When the last one failed.
    pub last: Moment,
    /// For how long not to try again after that, in milliseconds.
    #[serde(default)]
    pub wait: u64,
}

/// An operation that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The number of its request.
    pub seq: u64,
    /// How often it was started, from 1.
    pub attempt: u16,
    /// Whether this attempt ended by itself, successfully or not. If not, it was interrupted.
    pub ended: bool,
    /// When it was started, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Wall>,
}

impl LockJournal {
    /// Counts how a request or an attempt has ended.
    pub(crate) fn count(&mut self, outcome: &Outcome, now: Wall) {
        let tally = &mut self.tally;
        match outcome {
            Outcome::Done => tally.done += 1,
            Outcome::Failed => tally.failures += 1,
            Outcome::Withdrawn => tally.withdrawn += 1,
            Outcome::Cancelled => tally.cancelled += 1,
            Outcome::Skipped => tally.skipped += 1,
            Outcome::Passed => tally.passed += 1,
            Outcome::Other(_) => {}
        }
        if matches!(outcome, Outcome::Done | Outcome::Failed) {
            self.count_operation(now);
        }
    }

    /// Counts how long the attempt took that ends now.
    pub(crate) fn count_operation(&mut self, now: Wall) {
        let begun = self.started.filter(|started| !started.ended);
        if let Some(at) = begun.and_then(|started| started.at) {
            self.tally.operations += 1;
            self.tally.operation_seconds += now.seconds_since(at);
        }
    }

    /// Finishes the request whose operation was started last. The attempt that the journal names is the one that ends,
    /// whatever else was asked for.
    pub(crate) fn finish_begun(&mut self) {
        let next = self.record.done + 1;
        self.finish_through(self.started.map_or(next, |begun| begun.seq));
    }

    /// Takes note of a campaign in the line that answers what the unit expects, or of its end by an operator.
    pub(crate) fn answer_expectation(&mut self, line: &LockLine, state: Option<&LockRecord>) {
        let (Some(call), Some(campaign)) = (&self.expects, &line.campaign) else {
            return;
        };
        let calls = line.calls(state).is_some();
        if calls && campaign.reason == short_reason(&call.reason) {
            self.answer = Some(campaign.id.clone());
        } else if campaign.aborted && self.answer.as_ref() == Some(&campaign.id) {
            self.expect_nothing();
        }
    }

    /// The unit expects no campaign any more. Returns what it has expected.
    pub(crate) fn expect_nothing(&mut self) -> Option<Call> {
        self.answer = None;
        self.expects.take()
    }

    /// The campaign in which the operation took part is served.
    pub(crate) fn serve(&mut self) {
        if let Some(campaign) = self.serves.take() {
            self.record.served = Some(campaign);
        }
    }

    /// Finishes the requests up to `seq`, or up to the newest one, and forgets their payloads.
    pub(crate) fn finish_through(&mut self, seq: u64) {
        let done = seq.min(self.record.seq).max(self.record.done);
        self.record.done = done;
        self.payload.retain(|seq, _| *seq > done);
        self.lost = self.lost.filter(|lost| *lost > done);
        self.forget_what_is_over();
    }

    /// The number of the request that is served next, if one is outstanding.
    fn next(&self) -> Option<u64> {
        let record = &self.record;
        (record.seq > record.done).then_some(record.done + 1)
    }

    /// The check that the operation of the request that is served next has yet to pass.
    pub(crate) fn trial(&self) -> Option<&Trial> {
        let next = self.next();
        self.trial.as_ref().filter(|trial| Some(trial.seq) == next)
    }

    /// Drops what is known of checks and failures of requests other than the one that is served next. What is not known
    /// any more, as after the loss of a disk, is not published either.
    fn forget_what_is_over(&mut self) {
        let next = self.next();
        self.trial = self.trial.take().filter(|trial| Some(trial.seq) == next);
        let failures = self.failures.take();
        self.failures = failures.filter(|failures| Some(failures.seq) == next);
        if self.trial.is_none() {
            self.record.check = None;
        }
        if self.failures.is_none() {
            self.record.retry_at = None;
        }
    }
}

impl Journal {
    /// Whether the unit wants a turn: a request is outstanding, or it expects a campaign.
    pub(crate) fn is_outstanding(&self, lock: &LockName) -> bool {
        let kept = self.locks.get(lock);
        kept.is_some_and(|kept| kept.record.seq > kept.record.done || kept.expects.is_some())
    }

    /// The tickets for which the unit only waits, if the journal alone can tell: `confirmed`, which an earlier hook
    /// read back from the unit's own databag, agrees with it, the line has every outstanding request, and the unit
    /// follows every invitation. Then a waiting unit's hook need not read its own databag.
    pub(crate) fn waiting(
        &self,
        unit: &UnitName,
        line: &Line,
        confirmed: Option<&BTreeMap<LockName, LockRecord>>,
    ) -> Option<Vec<(LockName, Ticket)>> {
        let mut record = UnitRecord::new(self.incarnation.clone()?);
        self.write_to(&mut record);
        if confirmed != Some(&record.locks) || !self.busy.is_empty() {
            return None;
        }
        let mut tickets = Vec::new();
        for lock in record.asked() {
            line.locks.get(lock)?;
        }
        for (lock, line) in &line.locks {
            let Some(ticket) = record.next(unit, lock, Some(line)) else {
                continue;
            };
            let called = self.locks.get(lock).is_none_or(|kept| kept.called);
            let is_own = record.outstanding(unit, lock).is_some() && !called;
            if !is_own && line.calls(record.locks.get(lock)).is_none() {
                return None;
            }
            line.position(&ticket)?;
            if line.cancelled.contains(&ticket) {
                return None;
            }
            tickets.push((lock.clone(), ticket));
        }
        (!tickets.is_empty()).then_some(tickets)
    }

    /// What campaigns the unit expects, by lock, where none in this line calls it.
    pub(crate) fn expected<'a>(
        &'a self,
        line: Option<&'a Line>,
    ) -> impl Iterator<Item = (&'a LockName, &'a Call)> {
        let locks = self.locks.iter().filter(move |(lock, kept)| {
            let line = line.and_then(|line| line.locks.get(*lock));
            line.is_none_or(|line| line.calls(Some(&kept.record)).is_none())
        });
        locks.filter_map(|(lock, kept)| Some((lock, kept.expects.as_ref()?)))
    }

    /// Each lock's state, as it is published: none where there is nothing to say yet.
    pub(crate) fn records(&self) -> BTreeMap<LockName, LockRecord> {
        let locks = self.locks.iter();
        let locks = locks.filter(|(_, lock)| lock.record != LockRecord::default());
        locks
            .map(|(name, lock)| (name.clone(), lock.record.clone()))
            .collect()
    }

    /// Brings record and journal up to date with each other. Counters only grow, so the greater one is right,
    /// whichever hook's commit was lost.
    pub(crate) fn join(&mut self, record: &mut UnitRecord) {
        let lost = self.incarnation.as_ref() != Some(&record.incarnation);
        if lost {
            *self = Self {
                incarnation: Some(record.incarnation.clone()),
                busy: std::mem::take(&mut self.busy),
                ..Self::default()
            };
        }
        for (lock, published) in &record.locks {
            let unknown = !self.locks.contains_key(lock);
            let entry = self.locks.entry(lock.clone()).or_default();
            if lost && published.seq > published.done {
                entry.lost = Some(published.seq);
            }
            let kept = &mut entry.record;
            // A unit that has only passed, or is newborn, has no numbers yet: but it has said so.
            if unknown || (published.done, published.seq) > (kept.done, kept.seq) {
                *kept = LockRecord {
                    seq: published.seq.max(kept.seq),
                    ..published.clone()
                };
            } else {
                kept.seq = kept.seq.max(published.seq);
                kept.unknown = published.unknown.clone();
            }
            entry.forget_what_is_over();
        }
        self.write_to(record);
    }

    /// Copies the locks' states into the record.
    pub(crate) fn write_to(&self, record: &mut UnitRecord) {
        record.locks = self.records();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::lock;

    fn record(unit: u32, state: LockRecord) -> UnitRecord {
        let mut record = UnitRecord::new(Incarnation::from_random(unit));
        record.locks.insert(lock(), state);
        record
    }

    fn state(seq: u64, done: u64) -> LockRecord {
        LockRecord {
            seq,
            done,
            ..LockRecord::default()
        }
    }

    fn joined(kept: LockRecord, published: LockRecord) -> LockRecord {
        let mut journal = Journal {
            incarnation: Some(Incarnation::from_random(1)),
            ..Journal::default()
        };
        journal.locks.entry(lock()).or_default().record = kept;
        let mut record = record(1, published);
        journal.join(&mut record);
        assert_eq!(record.locks[&lock()], journal.locks[&lock()].record);
        record.locks[&lock()].clone()
    }

    #[test]
    fn the_greater_counters_are_right_wherever_they_are() {
        let counters = |state: LockRecord| (state.seq, state.done);
        assert_eq!(counters(joined(state(3, 1), state(2, 2))), (3, 2));
        assert_eq!(counters(joined(state(2, 2), state(3, 1))), (3, 2));
        assert_eq!(counters(joined(state(1, 1), state(2, 1))), (2, 1));
    }

    #[test]
    fn every_end_is_counted_each_time() {
        let mut kept = LockJournal::default();
        let outcomes = [
            Outcome::Done,
            Outcome::Failed,
            Outcome::Withdrawn,
            Outcome::Cancelled,
            Outcome::Skipped,
            Outcome::Passed,
        ];
        for outcome in outcomes.iter().chain(&outcomes) {
            kept.count(outcome, Wall(9));
        }
        let twice = Tally {
            done: 2,
            failures: 2,
            withdrawn: 2,
            cancelled: 2,
            skipped: 2,
            passed: 2,
            ..Tally::default()
        };
        assert_eq!(kept.tally, twice);
    }

    #[test]
    fn what_ends_without_having_begun_is_the_next_request() {
        let mut kept = LockJournal {
            record: state(4, 2),
            ..LockJournal::default()
        };
        kept.finish_begun();
        assert_eq!(kept.record.done, 3);
    }

    #[test]
    fn a_turn_is_wanted_while_a_request_is_open_or_a_campaign_expected() {
        let wanted = |kept: LockJournal| {
            let mut journal = Journal::default();
            journal.locks.insert(lock(), kept);
            journal.is_outstanding(&lock())
        };
        let with = |record| LockJournal {
            record,
            ..LockJournal::default()
        };
        assert!(!wanted(with(state(2, 2))));
        assert!(wanted(with(state(3, 2))));
        let expects = Some(Call {
            reason: "keys".to_owned(),
            operation: None,
            payload: None,
        });
        assert!(wanted(LockJournal {
            expects,
            ..with(state(2, 2))
        }));
    }

    #[test]
    fn what_runs_here_is_known_though_the_journal_was_another_lifes() {
        let mut journal = Journal {
            incarnation: Some(Incarnation::from_random(1)),
            busy: BTreeSet::from([lock()]),
            ..Journal::default()
        };
        journal.join(&mut record(2, state(1, 0)));
        assert_eq!(journal.busy, BTreeSet::from([lock()]));
    }

    #[test]
    fn of_two_equal_records_the_journals_is_the_newer() {
        let failed = LockRecord {
            outcome: Some(Outcome::Failed),
            ..state(1, 0)
        };
        assert_eq!(joined(failed.clone(), state(1, 0)), failed);
    }

    #[test]
    fn a_journal_that_is_lost_leaves_only_the_numbers_of_what_was_asked_for() {
        let mut journal = Journal::default();
        let mut record = record(1, state(3, 2));
        journal.join(&mut record);
        assert_eq!(journal.locks[&lock()].lost, Some(3));
        journal.join(&mut record);
        assert_eq!(journal.locks[&lock()].lost, Some(3), "and stays lost");
        let mut idle = Journal::default();
        idle.join(&mut UnitRecord {
            locks: BTreeMap::from([(lock(), state(3, 3))]),
            ..record
        });
        assert_eq!(idle.locks[&lock()].lost, None);
    }

    #[test]
    fn failures_are_kept_for_the_request_that_is_served_next_and_for_no_other() {
        let with_failures_of = |seq| {
            let mut kept = LockJournal {
                record: LockRecord {
                    retry_at: Some(Wall(30)),
                    ..state(4, 1)
                },
                failures: Some(Failures {
                    seq,
                    count: 1,
                    last: Moment {
                        boot: None,
                        at: crate::Tick(0),
                    },
                    wait: 0,
                }),
                ..LockJournal::default()
            };
            kept.finish_through(2);
            (kept.failures.is_some(), kept.record.retry_at.is_some())
        };
        assert_eq!(with_failures_of(2), (false, false), "it is over");
        assert_eq!(with_failures_of(3), (true, true));
        let mut all_over = LockJournal {
            record: state(2, 2),
            ..LockJournal::default()
        };
        all_over.finish_through(2);
        assert_eq!(all_over.next(), None);
    }

    #[test]
    fn what_is_finished_is_forgotten_up_to_the_newest_request_and_not_beyond() {
        let mut kept = LockJournal {
            record: state(4, 1),
            lost: Some(3),
            ..LockJournal::default()
        };
        kept.payload = (2..=4).map(|seq| (seq, Value::from(seq))).collect();
        kept.finish_through(2);
        assert_eq!((kept.record.done, kept.lost), (2, Some(3)));
        kept.finish_through(3);
        assert_eq!(kept.lost, None, "no request is left whose payload was lost");
        assert_eq!(kept.payload, BTreeMap::from([(4, Value::from(4))]));
        kept.finish_through(9);
        assert_eq!((kept.record.done, kept.payload.len()), (4, 0));
        kept.finish_through(1);
        assert_eq!(kept.record.done, 4, "it never goes back");
    }
}
