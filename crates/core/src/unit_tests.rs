//! A unit's transitions, hook by hook.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::fixture::{self, lock};
use crate::{Entry, Retry, decode_record};

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
fn a_quiet_hook_of_a_unit_that_never_asked_writes_nothing() {
    let unit = hook(Reading::Absent, Reading::Absent, &Journal::default());
    assert_eq!(unit.poll_record(), None);
    assert_eq!(unit.poll_journal(&Journal::default()), None);
    assert!(unit.reports().is_empty(), "{:?}", unit.reports());
}

#[test]
fn a_request_becomes_a_ticket_and_a_second_one_joins_it() {
    let mut unit = hook(Reading::Absent, Reading::Absent, &Journal::default());
    let first = request_with(&mut unit, Some("reload"), &payload(json!({"a": 1})));
    let second = request(&mut unit);
    assert!(!first.joined && second.joined);
    assert_eq!(first.ticket, second.ticket);
    assert_eq!(
        unit.poll_record().unwrap(),
        r#"{"v":1,"id":"0000feed","locks":{"restart":{"seq":1,"done":0,"op":"reload"}}}"#
    );
    assert_eq!(unit.payload(&lock()), payload(json!({"a": 1})));
    request_with(&mut unit, None, &payload(json!("b")));
    assert_eq!(unit.payload(&lock()), payload(json!([{"a": 1}, "b"])));
}

#[test]
fn the_front_of_the_line_starts_finishes_and_publishes_it() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    let attempt = unit.start(&lock(), &View::default()).unwrap();
    assert_eq!(
        attempt,
        Attempt {
            ticket: ticket(3),
            number: 1,
            interrupted: false
        }
    );
    unit.finish(&lock(), Ok(()), None);
    assert_eq!(unit.turn(&lock(), &View::default()), Turn::NotRequested);
    let published = decode_record(unit.poll_record().as_deref());
    let state = &published.good().unwrap().locks[&lock()];
    assert_eq!(
        (state.seq, state.done, state.outcome.clone()),
        (3, 3, Some(Outcome::Done))
    );
}

#[test]
fn a_unit_does_not_start_before_its_ticket_is_in_the_line_it_read() {
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    let refused = unit.start(&lock(), &View::default());
    assert_eq!(refused, Err(Turn::Wait(Wait::NotInLine)));
    assert_eq!(unit.poll_journal(&unit.journal), None);
}

#[test]
fn a_finished_operation_whose_hook_juju_refused_is_published_and_not_run_again() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        line.clone(),
        &Journal::default(),
    );
    unit.start(&lock(), &View::default()).unwrap();
    unit.finish(&lock(), Ok(()), None);
    let journal = unit.poll_journal(&Journal::default()).unwrap();
    // The commit was refused: the databag is as before, the journal is not.
    let again = hook(Reading::Good(record(3, 2)), line, &journal);
    assert_eq!(again.turn(&lock(), &View::default()), Turn::NotRequested);
    let published = decode_record(again.poll_record().as_deref());
    assert_eq!(published.good().unwrap().locks[&lock()].done, 3);
}

#[test]
fn an_operation_that_was_cut_off_runs_again_and_is_told_so() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        line.clone(),
        &Journal::default(),
    );
    unit.start(&lock(), &View::default()).unwrap();
    let journal = unit.poll_journal(&Journal::default()).unwrap();
    let mut again = hook(Reading::Good(record(3, 2)), line, &journal);
    let attempt = again.start(&lock(), &View::default()).unwrap();
    assert_eq!((attempt.number, attempt.interrupted), (2, true));
}

#[test]
fn a_failed_operation_keeps_its_place_and_says_why() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        line.clone(),
        &Journal::default(),
    );
    unit.start(&lock(), &View::default()).unwrap();
    unit.finish(&lock(), Err("exit \"1\""), None);
    let mut next = committed(&unit, line);
    let state = next.record().locks[&lock()].clone();
    assert_eq!((state.done, state.outcome), (2, Some(Outcome::Failed)));
    assert_eq!(state.reason.as_deref(), Some("exit '1'"));
    let attempt = next.start(&lock(), &View::default()).unwrap();
    assert_eq!((attempt.number, attempt.interrupted), (2, false));
}

#[test]
fn a_request_made_while_the_operation_runs_gets_a_turn_of_its_own() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    assert!(!request(&mut unit).joined);
    assert!(request(&mut unit).joined);
    unit.finish(&lock(), Ok(()), None);
    assert_eq!(unit.outstanding(&lock()), Some(ticket(4)));
}

#[test]
fn an_operation_that_another_process_of_this_hook_began_is_under_way_as_well() {
    let own = about(
        Reading::Good(record(3, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    let running = BTreeSet::from([lock()]);
    let mut unit = Unit::open(name(ME), Own { running, ..own });
    assert!(!unit.withdraw(&lock(), None));
    assert!(!request(&mut unit).joined);
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
fn a_lost_journal_is_reported_and_costs_no_request() {
    let unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    assert_eq!(unit.outstanding(&lock()), Some(ticket(3)));
    assert_eq!(unit.reports().len(), 1, "{:?}", unit.reports());
}

#[test]
fn a_corrupt_databag_is_written_anew_from_the_journal() {
    let mut unit = hook(
        Reading::Good(record(2, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    request(&mut unit);
    let journal = unit.poll_journal(&Journal::default()).unwrap();
    let corrupt = decode_record(Some("{\"v\":1,"));
    let next = hook(corrupt, Reading::Absent, &journal);
    assert_eq!(next.outstanding(&lock()), Some(ticket(3)));
    assert_eq!(next.reports().len(), 1);
    assert!(next.poll_record().is_some());
}

#[test]
fn without_databag_and_journal_what_the_line_knows_is_asked_for_again() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let unit = hook(decode_record(Some("garbage")), line, &Journal::default());
    let record = unit.record();
    assert_eq!(record.incarnation, fresh());
    assert_eq!(record.replaces, [Incarnation::from_random(1)]);
    assert_eq!(unit.outstanding(&lock()).unwrap().seq, 1);
}

#[test]
fn a_new_pod_with_an_old_name_ends_the_old_ones_turn_and_does_not_inherit_it() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let unit = hook(Reading::Absent, line, &Journal::default());
    assert_eq!(unit.turn(&lock(), &View::default()), Turn::NotRequested);
    assert!(unit.record().finished(&lock(), &ticket(3)));
    // It says so even though it asks for nothing: who waits behind the old turn depends on it.
    let published = decode_record(unit.poll_record().as_deref());
    assert!(published.good().unwrap().finished(&lock(), &ticket(3)));
}

#[test]
fn a_cancelled_request_is_finished_by_its_own_unit() {
    let mut line = line_of(&[ticket(3)]);
    line.locks
        .get_mut(&lock())
        .unwrap()
        .cancelled
        .push(ticket(3));
    let unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Good(line),
        &Journal::default(),
    );
    let state = &unit.record().locks[&lock()];
    assert_eq!(
        (state.done, state.outcome.clone()),
        (3, Some(Outcome::Cancelled))
    );
    assert!(unit.poll_record().is_some());
}

#[test]
fn a_withdrawn_request_is_over() {
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    assert!(unit.withdraw(&lock(), None));
    assert!(!unit.withdraw(&lock(), None));
    assert_eq!(unit.outstanding(&lock()), None);
}

#[test]
fn a_record_of_an_unknown_major_version_freezes_the_unit_and_is_left_alone() {
    let newer = decode_record(Some(r#"{"v":2,"anything":[]}"#));
    let mut unit = hook(newer, Reading::Absent, &Journal::default());
    request(&mut unit);
    let Turn::Wait(Wait::Frozen(why)) = unit.turn(&lock(), &View::default()) else {
        panic!()
    };
    assert!(why.contains("version 2"), "{why}");
    assert_eq!(unit.poll_record(), None);
    let kept = unit.poll_journal(&Journal::default()).unwrap();
    assert_eq!(kept.locks[&lock()].record.seq, 1, "the request is not lost");
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
    journal.busy.insert(lock());
    assert_eq!(journal.waiting(&name(ME), &line, Some(confirmed)), None);
}

#[test]
fn while_an_earlier_attempt_is_at_work_nothing_starts_and_nothing_is_taken_back() {
    let mut line = line_of(&[ticket(3)]);
    line.locks.get_mut(&lock()).unwrap().cancelled = vec![ticket(3)];
    let busy = Journal {
        incarnation: Some(Incarnation::from_random(1)),
        busy: BTreeSet::from([lock()]),
        ..Journal::default()
    };
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Good(line.clone()),
        &busy,
    );
    assert_eq!(unit.turn(&lock(), &View::default()), Turn::Wait(Wait::Busy));
    assert!(!unit.withdraw(&lock(), None));
    assert_eq!(
        unit.outstanding(&lock()),
        Some(ticket(3)),
        "not cancelled before it has ended"
    );
    assert!(!request(&mut unit).joined, "it may have missed the reason");
    let over = hook(
        Reading::Good(record(3, 2)),
        Reading::Good(line),
        &Journal::default(),
    );
    assert_eq!(over.outstanding(&lock()), None, "now it is");
}

#[test]
fn a_finish_counts_for_the_attempt_that_began_and_never_beyond_what_was_asked_for() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    unit.finish(&lock(), Ok(()), None);
    assert!(!unit.finish(&lock(), Ok(()), Some(9)), "it has ended");
    let state = &unit.record().locks[&lock()];
    assert_eq!((state.seq, state.done), (3, 3));
}

#[test]
fn an_operation_serves_the_requests_that_were_made_before_it_began() {
    for served in [4, 9] {
        let line = Reading::Good(line_of(&[ticket(3)]));
        let mut unit = hook(Reading::Good(record(4, 2)), line, &Journal::default());
        unit.start(&lock(), &View::default()).unwrap();
        assert!(unit.finish(&lock(), Ok(()), Some(served)));
        assert_eq!(unit.outstanding(&lock()), None);
        assert_eq!(
            unit.record().locks[&lock()].done,
            4,
            "and none that was never made"
        );
    }
}

#[test]
fn a_failed_operation_serves_nothing() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(4, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    unit.finish(&lock(), Err("exit code 1"), Some(4));
    assert_eq!(unit.outstanding(&lock()), Some(ticket(3)));
}

#[test]
fn a_request_says_which_line_the_unit_had_read_and_keeps_to_that() {
    let mut unit = hook(Reading::Absent, Reading::Absent, &Journal::default());
    request(&mut unit);
    assert_eq!(unit.record().locks[&lock()].asked, 0);
    let mut line = line_of(&[]);
    line.version = 17;
    let mut unit = hook(
        Reading::Good(record(2, 2)),
        Reading::Good(line.clone()),
        &Journal::default(),
    );
    request(&mut unit);
    assert_eq!(unit.record().locks[&lock()].asked, 17);
    line.version = 18;
    let mut later = committed(&unit, Reading::Good(line));
    assert!(request(&mut later).joined);
    assert_eq!(later.record().locks[&lock()].asked, 17);
}

#[test]
fn what_was_asked_for_is_lost_with_the_journal_and_the_request_is_not() {
    let unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    assert!(unit.payload(&lock()).lost);
    let mut next = committed(&unit, Reading::Absent);
    assert!(next.payload(&lock()).lost, "the next hook knows it too");
    next.withdraw(&lock(), Some("lost"));
    assert!(!next.payload(&lock()).lost);
    request(&mut next);
    assert!(
        !next.payload(&lock()).lost,
        "what is asked for now is known"
    );
}

#[test]
fn unknown_fields_of_a_newer_minor_version_survive_a_rewrite() {
    let text = r#"{"v":1,"id":"00000001","locks":{"restart":{"seq":1,"done":1,"soak":5}},"new":{"x":1.11111111e125}}"#;
    let mut unit = hook(
        decode_record(Some(text)),
        Reading::Absent,
        &Journal::default(),
    );
    request(&mut unit);
    let written = unit.poll_record().unwrap();
    assert!(
        written.contains(r#""soak":5"#) && written.contains(r#""new":{"x":1.11111111e+125}"#),
        "{written}"
    );
}

#[test]
#[should_panic(expected = "invariant broken: done-never-passes-seq")]
fn debug_builds_stop_at_a_unit_whose_record_is_unsound() {
    hook(
        Reading::Good(record(1, 2)),
        Reading::Absent,
        &Journal::default(),
    );
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

fn permission(seq: u64, attempt: u16) -> Retry {
    Retry {
        ticket: ticket(seq),
        attempt,
        unknown: BTreeMap::new(),
    }
}

fn line_with(change: impl FnOnce(&mut LockLine)) -> Reading<Line> {
    let mut line = line_of(&[ticket(3)]);
    change(line.locks.get_mut(&lock()).unwrap());
    Reading::Good(line)
}

/// A unit whose third request has failed and stopped.
fn stopped() -> Unit {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    assert!(
        unit.fail(&lock(), "exit code 1", OnFailure::Stop.into())
            .is_some()
    );
    unit
}

fn waits_stopped(unit: &Unit) -> bool {
    unit.turn(&lock(), &View::default()) == Turn::Wait(Wait::Stopped("exit code 1".to_owned()))
}

#[test]
fn a_failure_that_stops_keeps_its_place_until_it_is_permitted_to_try_again() {
    let unit = stopped();
    let state = &unit.record().locks[&lock()];
    assert_eq!((state.done, state.stopped, state.attempt), (2, true, 1));
    assert_eq!(state.outcome, Some(Outcome::Failed));
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut waiting = committed(&unit, line);
    assert!(waits_stopped(&waiting));
    assert!(request(&mut waiting).joined, "asking again does not help");
    assert!(waiting.start(&lock(), &View::default()).is_err());
    let permitted = line_with(|line| line.retries.push(permission(3, 2)));
    let mut again = committed(&unit, permitted.clone());
    let attempt = again.start(&lock(), &View::default()).unwrap();
    assert_eq!((attempt.number, attempt.interrupted), (2, false));
    again.fail(&lock(), "exit code 1", OnFailure::Stop.into());
    let spent = committed(&again, permitted);
    assert!(waits_stopped(&spent), "the permission was for one attempt");
    let next = committed(
        &again,
        line_with(|line| line.retries.push(permission(3, 3))),
    );
    assert!(matches!(
        next.turn(&lock(), &View::default()),
        Turn::Start(_)
    ));
}

#[test]
fn a_stop_survives_a_hook_that_is_rolled_back_and_the_loss_of_the_disk() {
    let unit = stopped();
    let line = Reading::Good(line_of(&[ticket(3)]));
    let journal = unit.poll_journal(&Journal::default()).unwrap();
    let rolled_back = hook(Reading::Good(record(3, 2)), line.clone(), &journal);
    assert!(waits_stopped(&rolled_back));
    assert!(
        rolled_back
            .poll_record()
            .unwrap()
            .contains(r#""stopped":true"#)
    );
    let published = Reading::Good(unit.record().clone());
    let lost = hook(published.clone(), line, &Journal::default());
    assert!(waits_stopped(&lost));
    let permitted = line_with(|line| line.retries.push(permission(3, 2)));
    let mut lost = hook(published, permitted, &Journal::default());
    let attempt = lost.start(&lock(), &View::default()).unwrap();
    assert_eq!(attempt.number, 2, "a permission names the attempt");
}

#[test]
fn an_attempt_that_is_cut_off_after_a_permission_runs_again() {
    let permitted = line_with(|line| line.retries.push(permission(3, 2)));
    let mut unit = committed(&stopped(), permitted.clone());
    unit.start(&lock(), &View::default()).unwrap();
    let mut next = committed(&unit, permitted);
    let attempt = next.start(&lock(), &View::default()).unwrap();
    assert_eq!((attempt.number, attempt.interrupted), (3, true));
}

#[test]
fn a_failure_that_continues_ends_the_request_and_says_why() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(4, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    assert!(
        unit.fail(&lock(), "exit code 1", OnFailure::Continue.into())
            .is_some()
    );
    assert!(
        unit.fail(&lock(), "again", OnFailure::Continue.into())
            .is_none(),
        "it has ended"
    );
    let state = &unit.record().locks[&lock()];
    assert_eq!(
        (state.done, state.outcome.clone()),
        (3, Some(Outcome::Failed))
    );
    assert_eq!(state.reason.as_deref(), Some("exit code 1"));
    assert_eq!(
        unit.outstanding(&lock()),
        Some(ticket(4)),
        "asked for later"
    );
}

#[test]
fn what_ends_a_stopped_request_ends_the_stop() {
    let cancelled = |skip: bool| {
        line_with(|line| {
            line.cancelled.push(ticket(3));
            line.skipped.extend(skip.then(|| ticket(3)));
        })
    };
    for (line, outcome) in [
        (cancelled(false), Outcome::Cancelled),
        (cancelled(true), Outcome::Skipped),
    ] {
        let unit = committed(&stopped(), line);
        let state = &unit.record().locks[&lock()];
        assert_eq!((state.done, state.stopped), (3, false));
        assert_eq!(state.outcome, Some(outcome));
    }
    let mut unit = stopped();
    assert!(unit.withdraw(&lock(), None));
    assert!(!unit.record().locks[&lock()].stopped);
}

#[test]
fn nothing_starts_while_paused_not_even_what_was_cut_off() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    let paused = line_with(|line| line.paused = Some("night".to_owned()));
    let next = committed(&unit, paused);
    let turn = next.turn(&lock(), &View::default());
    assert_eq!(turn, Turn::Wait(Wait::Paused("night".to_owned())));
}
