//! Databags that cannot be read, and lines that may not be written.

use super::*;

#[test]
fn an_unreadable_record_keeps_its_own_entry_and_holds_up_nothing_else() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0)], &[1]).edit(|case| {
        case.units
            .insert(1, Reading::Unreadable("garbage".to_owned()));
    });
    assert_eq!(case.writes(), ["app/1#1", "app/2#1", "app/3#1"]);
}

#[test]
fn a_record_of_an_unknown_major_version_holds_up_only_what_is_behind_its_own_entry() {
    let foreign = |case: &mut Case| drop(case.units.insert(2, Reading::Foreign(2)));
    let asks_for_nothing = Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(foreign);
    assert_eq!(
        asks_for_nothing.writes(),
        ["app/1#1"],
        "it is not guessed at"
    );
    let in_line = Case::new(&[(0, 0), (1, 0), (1, 0)], &[2]).edit(foreign);
    assert_eq!(
        in_line.writes(),
        ["app/2#1", "app/1#1"],
        "it keeps its place"
    );
}

#[test]
fn a_line_of_an_unknown_major_version_freezes_everything() {
    let case = Case::new(&[(1, 0)], &[]).edit(|case| case.line = Reading::Foreign(2));
    let Plan::Frozen(why) = case.lead() else {
        panic!()
    };
    assert!(why.contains("version 2"), "{why}");
}

#[test]
fn a_leader_whose_own_databag_is_of_a_newer_version_does_not_stand_in_the_way() {
    let case = Case::new(&[(0, 0), (1, 0)], &[]).edit(|case| {
        case.units.insert(0, Reading::Foreign(2));
        case.asks_itself = true;
    });
    assert_eq!(case.writes(), ["app/1#1"]);
}

#[test]
fn what_was_asked_before_the_line_was_removed_by_hand_is_old() {
    let mut case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[]);
    let Some(Reading::Good(record)) = case.units.get_mut(&2) else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().asked = 500;
    case.policy.lookahead = 0;
    assert_eq!(case.writes(), ["app/1#1"], "of the same age, so by number");
}

#[test]
fn a_corrupt_line_is_left_alone_and_the_reason_says_what_to_do() {
    let case = Case::new(&[(1, 0)], &[]).edit(|case| case.line = decode_line(Some("[]")));
    let Plan::Frozen(why) = case.lead() else {
        panic!()
    };
    assert!(why.contains("remove the key"), "{why}");
}

#[test]
fn a_line_that_may_not_follow_is_rejected_by_name() {
    let case = Case::new(&[(1, 1), (1, 0), (1, 0)], &[0, 1, 2]);
    let entries = |change: fn(&mut Vec<Entry>)| {
        move |line: &mut Line| {
            if let Some(lock) = line.locks.get_mut(&lock()) {
                change(&mut lock.entries);
            }
        }
    };
    assert_eq!(case.broken_by(|_| ()), None);
    assert_eq!(case.broken_by(|line| line.term += 1), None);
    assert_eq!(case.broken_by(entries(|all| drop(all.remove(0)))), None);
    let same_version = case.broken_by(|line| line.version -= 1);
    assert_eq!(same_version, Some("version-grows"));
    let earlier_term = case.broken_by(|line| line.term -= 1);
    assert_eq!(earlier_term, Some("version-grows"));
    assert_eq!(
        case.broken_by(entries(|all| all.swap(1, 2))),
        Some("line-keeps-order")
    );
    assert_eq!(
        case.broken_by(entries(|all| drop(all.remove(1)))),
        Some("only-what-is-over-leaves")
    );
    assert_eq!(
        case.broken_by(entries(|all| all[2].limit = 2)),
        Some("limits-only-fall")
    );
}

#[test]
fn entries_of_the_first_wave_do_not_spell_it_out() {
    let Plan::Write { line, .. } = Case::new(&[(1, 0)], &[]).lead() else {
        panic!()
    };
    assert!(!encode_line(&line).contains("wave"));
}

#[test]
fn a_line_survives_the_wire_with_fields_that_we_do_not_know() {
    let text = concat!(
        r#"{"v":1,"term":1,"version":2,"by":"app/0","locks":{"restart":{"line":["#,
        r#"{"unit":"app/1","id":"00000001","seq":1,"limit":1,"wave":2,"token":9}],"#,
        r#""window":"night"}},"era":"new"}"#
    );
    let line = decode_line(Some(text));
    assert_eq!(encode_line(line.good().unwrap()), text);
}
