//! A request, its turn, and its end.

use super::*;

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
