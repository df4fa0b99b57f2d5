//! A unit's transitions, hook by hook.

mod losses;
mod operators;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::fixture::{self, lock};
use crate::{Entry, LockLine, LockRecord, OnFailure, Recovery, Retry, Turn, Wait, decode_record};

const ME: &str = "app/1";

fn name(unit: &str) -> UnitName {
    unit.parse().unwrap()
}

fn fresh() -> Incarnation {
    Incarnation::from_random(0xfeed)
}

fn hook(own: Reading<UnitRecord>, line: Reading<Line>, journal: &Journal) -> Unit {
    Unit::open(name(ME), about(own, line, journal))
}

/// What a hook knows of the unit, to be varied.
fn about(own: Reading<UnitRecord>, line: Reading<Line>, journal: &Journal) -> Own<'static> {
    Own {
        journal: journal.clone(),
        fresh: fresh(),
        join: |older, newer| json!([older, newer]),
        ..fixture::own(own, line)
    }
}

fn request(unit: &mut Unit) -> Requested {
    fixture::request(unit, &lock())
}

fn request_with(unit: &mut Unit, operation: Option<&str>, payload: &Payload) -> Requested {
    unit.request(&lock(), operation, payload)
}

fn payload(value: Value) -> Payload {
    Payload {
        value: Some(value),
        lost: false,
    }
}

fn record(seq: u64, done: u64) -> UnitRecord {
    fixture::record(1, seq, done)
}

fn line_of(tickets: &[Ticket]) -> Line {
    let entries = tickets
        .iter()
        .map(|ticket| Entry {
            at: None,
            ticket: ticket.clone(),
            limit: 1,
            wave: 0,
            unknown: BTreeMap::new(),
        })
        .collect();
    Line {
        term: 1,
        version: 1,
        leader: name("app/0"),
        opening: None,
        locks: BTreeMap::from([(
            lock(),
            LockLine {
                entries,
                ..LockLine::default()
            },
        )]),
        unknown: BTreeMap::new(),
    }
}

fn ticket(seq: u64) -> Ticket {
    Ticket {
        unit: name(ME),
        incarnation: Incarnation::from_random(1),
        seq,
    }
}

/// The unit's next hook: what it published was committed, its journal kept.
fn committed(unit: &Unit, line: Reading<Line>) -> Unit {
    let record = unit
        .poll_record()
        .map_or(unit.read.clone(), |text| decode_record(Some(&text)));
    hook(
        record,
        line,
        &unit.poll_journal(&Journal::default()).unwrap_or_default(),
    )
}

#[test]
fn what_was_asked_for_is_kept_until_it_is_finished() {
    let own = Reading::Good(record(2, 2));
    let mut unit = hook(own, Reading::Absent, &Journal::default());
    request_with(&mut unit, None, &payload(json!("asked")));
    let mut unit = committed(&unit, Reading::Good(line_of(&[ticket(3)])));
    unit.start(&lock(), &View::default()).unwrap();
    request_with(&mut unit, None, &payload(json!("next")));
    assert_eq!(unit.payload(&lock()), payload(json!("asked")));
    unit.finish(&lock(), Ok(()), None);
    assert_eq!(unit.payload(&lock()), payload(json!("next")));
    let kept = unit.poll_journal(&Journal::default()).unwrap();
    assert_eq!(kept.locks[&lock()].payload.len(), 1, "and not longer");
}

#[test]
fn the_record_says_where_the_unit_runs_where_that_is_known() {
    for (zone, said) in [(Some("az1"), Some("az1")), (Some(" "), None), (None, None)] {
        let own = Reading::Good(record(1, 1));
        let own = about(own, Reading::Absent, &Journal::default());
        let unit = Unit::open(name(ME), Own { zone, ..own });
        assert_eq!(unit.record().zone.as_deref(), said);
    }
}

#[test]
fn what_was_read_is_not_taken_for_committed_where_this_hook_wrote_it() {
    let own = Reading::Good(record(3, 2));
    let own = about(own, Reading::Absent, &Journal::default());
    let written = true;
    assert_eq!(
        Unit::open(name(ME), Own { written, ..own }).confirmed(),
        None
    );
}

#[test]
fn what_this_hook_wrote_is_not_taken_for_committed() {
    let mut unit = hook(
        Reading::Good(record(2, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    request(&mut unit);
    assert!(unit.publish().is_some());
    assert_eq!(unit.publish(), None, "not twice in one hook");
    let journal = unit.poll_journal(&Journal::default()).unwrap();
    assert_eq!(unit.confirmed(), None);
    let next = hook(
        Reading::Good(unit.record().clone()),
        Reading::Absent,
        &journal,
    );
    assert_eq!(
        next.confirmed(),
        Some(&unit.record().locks),
        "the next hook has read it back"
    );
    assert_eq!(next.poll_journal(&journal), None);
    assert!(next.reports().is_empty(), "{:?}", next.reports());
}

#[test]
fn a_waiting_units_journal_alone_tells_that_it_waits_once_it_is_confirmed() {
    let line = line_of(&[
        Ticket {
            unit: name("app/0"),
            ..ticket(1)
        },
        ticket(3),
    ]);
    let unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Good(line.clone()),
        &Journal::default(),
    );
    let mut journal = unit.poll_journal(&Journal::default()).unwrap();
    let confirmed = unit.confirmed().unwrap();
    assert_eq!(
        journal.waiting(&name(ME), &line, Some(confirmed)),
        Some(vec![(lock(), ticket(3))])
    );
    assert_eq!(
        journal.waiting(&name(ME), &line_of(&[]), Some(confirmed)),
        None,
        "not in the line: read the databag"
    );
    assert_eq!(journal.waiting(&name(ME), &line, None), None);
    let other = BTreeMap::from([(lock(), LockRecord::default())]);
    assert_eq!(journal.waiting(&name(ME), &line, Some(&other)), None);
    let mut called = journal.clone();
    called.locks.get_mut(&lock()).unwrap().called = true;
    assert_eq!(
        called.waiting(&name(ME), &line, Some(confirmed)),
        None,
        "asked for a campaign that calls no more"
    );
    journal.busy.insert(lock());
    assert_eq!(journal.waiting(&name(ME), &line, Some(confirmed)), None);
}

#[test]
fn a_unit_that_moves_to_another_relation_says_so_and_whether_it_is_inside() {
    let own = about(Reading::Absent, Reading::Absent, &Journal::default());
    let lost = Some(3);
    let silent = Unit::open(name(ME), Own { lost, ..own });
    assert_eq!(
        silent.poll_record().unwrap(),
        r#"{"v":1,"id":"0000feed","beyond":3,"locks":{}}"#
    );
    let mut line = line_of(&[]);
    line.opening = Some(3);
    let asked = hook(Reading::Absent, Reading::Good(line), &Journal::default());
    assert_eq!(asked.record().beyond, Some(3));
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    unit.finish(&lock(), Err("exit code 1"), None);
    assert!(!unit.record().locks[&lock()].begun, "it has not moved");
    unit.leave_relation(lost);
    assert!(unit.record().locks[&lock()].begun);
    unit.withdraw(&lock(), None);
    assert!(!unit.record().locks[&lock()].begun);
}

#[test]
fn what_a_unit_has_published_as_begun_stays_so_without_its_journal_and_no_longer() {
    let moved = |done, begun| {
        let mut own = record(2, done);
        own.beyond = Some(3);
        own.locks.get_mut(&lock()).unwrap().begun = begun;
        let unit = hook(Reading::Good(own), Reading::Absent, &Journal::default());
        unit.record().locks[&lock()].begun
    };
    assert!(moved(1, true));
    assert!(!moved(1, false));
    assert!(!moved(2, true), "nothing is left to go on with");
}

#[test]
fn an_operation_that_has_ended_does_not_make_the_next_request_begun() {
    let line = Reading::Good(line_of(&[ticket(1)]));
    let mut unit = hook(Reading::Good(record(1, 0)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    unit.finish(&lock(), Ok(()), None);
    request(&mut unit);
    unit.leave_relation(Some(3));
    assert!(!unit.record().locks[&lock()].begun);
}

#[test]
fn a_unit_that_is_introduced_publishes_its_record_though_it_has_asked_for_nothing() {
    let mut unit = hook(Reading::Absent, Reading::Absent, &Journal::default());
    assert_eq!(unit.poll_record(), None);
    unit.introduce();
    assert!(unit.poll_record().is_some());
}
