//! Each check must reject a hand-made bad case.

use super::*;
use crate::{Incarnation, Reading};
use crate::{LockRecord, decode_line, decode_record};

#[test]
fn a_record_that_finished_more_than_it_asked_for_is_unreadable() {
    let text = r#"{"v":1,"id":"00000001","locks":{"restart":{"seq":1,"done":2}}}"#;
    let Reading::Unreadable(why) = decode_record(Some(text)) else {
        panic!()
    };
    assert_eq!(
        why,
        "done-never-passes-seq: lock restart has done 2 and seq 1"
    );
}

#[test]
fn a_counter_that_readers_of_json_could_not_hold_is_unreadable() {
    let record = |seq: u64| {
        let text =
            format!(r#"{{"v":1,"id":"00000001","locks":{{"restart":{{"seq":{seq},"done":0}}}}}}"#);
        decode_record(Some(&text))
    };
    assert!(record(9_007_199_254_740_991).good().is_some());
    assert!(record(9_007_199_254_740_992).good().is_none());
}

#[test]
#[should_panic(expected = "invariant broken: some-promise: not kept")]
fn debug_builds_stop_at_a_broken_invariant() {
    hold(|| require("some-promise", false, || "not kept".to_owned()));
}

#[test]
fn a_turn_that_ends_before_its_check_has_held_is_found() {
    let ticket = Ticket {
        unit: "app/1".parse().unwrap(),
        incarnation: Incarnation::from_random(1),
        seq: 1,
    };
    let judged = |looks: &[(u64, bool)]| {
        let looks = looks.iter().map(|(at, holds)| (Tick(*at), *holds));
        check_has_held(&ticket, 60, looks)
    };
    assert!(judged(&[(0, false), (40, true), (70, true), (100, true)]).is_ok());
    for bad in [
        &[][..],
        &[(0, true)],
        &[(0, true), (59, true)],
        &[(0, true), (30, false), (60, true)],
        &[(0, true), (60, false)],
    ] {
        assert!(judged(bad).is_err(), "{bad:?}");
    }
    assert!(nothing_begins_on_trial(&ticket, true).is_err());
}

#[test]
fn a_counter_that_shrinks_is_found() {
    let with = |seq, done| {
        let mut record = UnitRecord::new(Incarnation::from_random(1));
        record.locks.insert(
            "restart".parse().unwrap(),
            LockRecord {
                seq,
                done,
                ..LockRecord::default()
            },
        );
        record
    };
    assert!(counters_only_grow(&with(2, 1), &with(2, 2)).is_ok());
    assert!(counters_only_grow(&with(2, 1), &with(1, 1)).is_err());
    assert!(counters_only_grow(&with(2, 2), &with(3, 1)).is_err());
}

#[test]
fn a_line_with_a_unit_twice_or_falling_waves_is_unreadable() {
    let line = |entries: &str| {
        let text = format!(
            r#"{{"v":1,"term":1,"version":1,"by":"app/0","locks":{{"restart":{{"line":[{entries}]}}}}}}"#
        );
        decode_line(Some(&text))
    };
    let entry = |unit: u32, wave: u32| {
        format!(r#"{{"unit":"app/{unit}","id":"00000001","seq":1,"limit":1,"wave":{wave}}}"#)
    };
    assert!(line(&[entry(1, 0), entry(2, 1)].join(",")).good().is_some());
    let no_limit = entry(1, 0).replace(r#""limit":1"#, r#""limit":0"#);
    assert!(line(&no_limit).good().is_none());
    for bad in [
        [entry(1, 0), entry(1, 0)].join(","),
        [entry(1, 1), entry(2, 0)].join(","),
    ] {
        assert!(matches!(line(&bad), Reading::Unreadable(_)));
    }
}

#[test]
fn two_units_inside_a_serial_lock_are_found_and_named() {
    let ticket = |unit: &str| Ticket {
        unit: unit.parse().unwrap(),
        incarnation: Incarnation::from_random(1),
        seq: 1,
    };
    let inside = BTreeMap::from([(
        "restart".parse().unwrap(),
        BTreeSet::from([ticket("app/1"), ticket("app/2")]),
    )]);
    assert!(at_most_limit_inside(&inside, 2).is_ok());
    let violation = at_most_limit_inside(&inside, 1).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "at-most-limit-inside: lock restart allows 1, inside are app/1#1, app/2#1"
    );
}

fn raw_line(version: u64, units: &[u32]) -> Line {
    let entries: Vec<String> = units
        .iter()
        .map(|unit| format!(r#"{{"unit":"app/{unit}","id":"0000000{unit}","seq":1,"limit":1}}"#))
        .collect();
    let text = format!(
        r#"{{"term":1,"version":{version},"by":"app/0","locks":{{"restart":{{"line":[{}]}}}}}}"#,
        entries.join(",")
    );
    // Not `decode_line`, which would refuse the bad ones.
    serde_json::from_str(&text).unwrap()
}

fn broken(before: &[u32], after: &[u32], over: &[u32]) -> Option<&'static str> {
    let is_over = |_: &LockName, ticket: &Ticket| over.contains(&ticket.unit.number());
    let judged = line_may_follow(&raw_line(1, before), &raw_line(2, after), is_over);
    judged.err().map(|violation| violation.invariant)
}

#[test]
fn what_is_over_leaves_and_what_is_new_goes_to_the_end() {
    assert_eq!(broken(&[0, 1, 2], &[1, 2, 3], &[0]), None);
    assert_eq!(broken(&[0, 1, 2], &[0, 2, 3], &[1]), None);
}

#[test]
fn bad_lines_are_rejected_by_name() {
    assert_eq!(broken(&[0, 1], &[1, 0], &[]), Some("line-keeps-order"));
    assert_eq!(broken(&[0, 1], &[2, 0, 1], &[]), Some("line-keeps-order"));
    assert_eq!(broken(&[0, 1], &[1], &[]), Some("only-what-is-over-leaves"));
    let stale = line_may_follow(&raw_line(2, &[0]), &raw_line(2, &[0]), |_, _| true);
    assert_eq!(stale.unwrap_err().invariant, "version-grows");
    assert_eq!(
        line_is_sound(&raw_line(1, &[0, 0])).unwrap_err().invariant,
        "one-entry-a-unit"
    );
}

#[test]
fn a_start_that_an_operator_has_not_permitted_is_found() {
    let ticket = Ticket {
        unit: "app/1".parse().unwrap(),
        incarnation: Incarnation::from_random(1),
        seq: 1,
    };
    let broken = |line: &LockLine, state: &LockRecord| {
        let judged = may_start(line, &ticket, state);
        judged.err().map(|violation| violation.invariant)
    };
    let (mut line, mut state) = (LockLine::default(), LockRecord::default());
    assert_eq!(broken(&line, &state), None);
    (state.stopped, state.attempt) = (true, 2);
    assert_eq!(broken(&line, &state), Some("stopped-waits-for-permission"));
    let permission = |attempt| crate::wire::Retry {
        ticket: ticket.clone(),
        attempt,
        unknown: BTreeMap::new(),
    };
    line.retries = vec![permission(2)];
    assert_eq!(broken(&line, &state), Some("stopped-waits-for-permission"));
    line.retries = vec![permission(3)];
    assert_eq!(broken(&line, &state), None);
    line.paused = Some("night".to_owned());
    assert_eq!(broken(&line, &state), Some("nothing-starts-while-paused"));
}
