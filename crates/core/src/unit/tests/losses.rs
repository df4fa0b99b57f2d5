//! What becomes of a unit whose databag or journal is lost, or is a newer version's.

use super::*;

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
