//! Who joins the line, and when.

use super::*;

#[test]
fn requests_join_the_line_up_to_limit_and_lookahead() {
    let case = Case::new(&[(1, 0); 9], &[]);
    assert_eq!(case.writes(), ["app/0#1", "app/1#1", "app/2#1"]);
}

#[test]
fn the_first_line_has_term_and_version_one_and_both_only_grow() {
    let Plan::Write { line, .. } = Case::new(&[(0, 0), (1, 0)], &[]).lead() else {
        panic!()
    };
    assert_eq!((line.term, line.version), (1, 1));
    let again = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]);
    let Plan::Write { line, .. } = again.lead() else {
        panic!()
    };
    assert_eq!((line.term, line.version), (4, 8));
    let other_leads = again.edit(|case| {
        let Reading::Good(line) = &mut case.line else {
            panic!()
        };
        line.leader = name(5);
    });
    let Plan::Write { line, .. } = other_leads.lead() else {
        panic!()
    };
    assert_eq!((line.term, line.version), (5, 8));
}

#[test]
fn an_idle_application_causes_no_write() {
    assert_eq!(
        Case::new(&[(0, 0), (3, 3)], &[]).lead(),
        Plan::Keep { wake: false }
    );
    assert_eq!(
        Case::new(&[(1, 1), (1, 1)], &[0, 1]).lead(),
        Plan::Keep { wake: false }
    );
}

#[test]
fn a_line_in_which_somebody_is_queued_is_left_alone() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)], &[1, 2]);
    assert_eq!(case.lead(), Plan::Keep { wake: false });
}

#[test]
fn once_nobody_is_queued_all_that_wait_join() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)], &[1])
        .edit(|case| case.policy = Rotation::default());
    assert_eq!(case.writes(), ["app/1#1", "app/2#1", "app/3#1", "app/4#1"]);
}

#[test]
fn a_request_alone_is_no_reason_to_write_while_nobody_more_may_run() {
    let quiet = |entries: &[u32]| {
        Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0)], entries).edit(|case| case.saw_finish = false)
    };
    assert_eq!(quiet(&[1]).lead(), Plan::Keep { wake: false });
    assert_eq!(quiet(&[]).writes(), ["app/1#1", "app/2#1", "app/3#1"]);
}

#[test]
fn finished_entries_make_room_and_the_rest_keeps_its_order() {
    let case = Case::new(&[(0, 0), (1, 1), (1, 0), (1, 0), (1, 0)], &[1, 3, 2]).edit(|case| {
        case.policy = Rotation {
            limit: 2,
            lookahead: 4,
        }
    });
    assert_eq!(case.writes(), ["app/3#1", "app/2#1", "app/4#1"]);
}

#[test]
fn a_unit_that_asks_again_goes_behind_those_that_wait() {
    let case = Case::new(&[(0, 0), (2, 1), (1, 0), (1, 0)], &[1]).edit(|case| {
        case.policy = Rotation {
            limit: 1,
            lookahead: 0,
        }
    });
    assert_eq!(case.writes(), ["app/2#1"]);
}

#[test]
fn a_request_that_is_not_in_view_of_the_leader_is_not_overtaken_twice_by_the_same_unit() {
    // app/0 and app/1 ask again as soon as they have had their turn; app/2 asks once, a little late.
    let mut case = Case::new(&[(0, 0), (0, 0), (0, 0)], &[]).edit(|case| case.policy.lookahead = 0);
    let ask = |case: &mut Case, unit: u32| {
        let version = case.line.good().map_or(0, |line| line.version);
        let Some(Reading::Good(record)) = case.units.get_mut(&unit) else {
            panic!()
        };
        let state = record.locks.get_mut(&lock()).unwrap();
        state.seq += 1;
        state.asked = version;
    };
    ask(&mut case, 0);
    ask(&mut case, 1);
    let mut turns = Vec::new();
    for round in 0..12 {
        if round == 3 {
            ask(&mut case, 2);
        }
        let Plan::Write { line, .. } = case.lead() else {
            panic!()
        };
        case.line = Reading::Good(line.clone());
        let next = line.locks[&lock()].entries[0].ticket.unit.number();
        turns.push(next);
        let Some(Reading::Good(record)) = case.units.get_mut(&next) else {
            panic!()
        };
        record.locks.get_mut(&lock()).unwrap().done += 1;
        if next != 2 {
            ask(&mut case, next);
        }
    }
    let served = turns.iter().position(|unit| *unit == 2).unwrap();
    for other in [0, 1] {
        let overtaken = turns[3..served].iter().filter(|unit| **unit == other);
        assert!(overtaken.count() <= 1, "{turns:?}");
    }
}

#[test]
fn nothing_is_appended_for_a_unit_that_departs() {
    let case =
        Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(|case| case.departing = Some(name(1)));
    assert_eq!(case.writes(), ["app/2#1"]);
    let leaver_leads =
        Case::new(&[(1, 0), (1, 0)], &[]).edit(|case| case.departing = Some(name(0)));
    assert_eq!(leaver_leads.writes(), ["app/1#1"]);
}

#[test]
fn a_lock_that_nobody_waits_for_gets_no_line_and_no_cancellation() {
    let other: LockName = "reload".parse().unwrap();
    let case = Case::new(&[(0, 0), (1, 0)], &[1]).edit(|case| {
        case.orders.push(Order::Cancel(lock(), ticket(1, 1)));
        if let Some(Reading::Good(record)) = case.units.get_mut(&1) {
            let idle = LockRecord {
                seq: 1,
                done: 1,
                ..LockRecord::default()
            };
            record.locks.insert(other.clone(), idle);
        }
    });
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks.keys().collect::<Vec<_>>(), [&lock()]);
    let asked = case.edit(|case| {
        if let Some(Reading::Good(record)) = case.units.get_mut(&1) {
            record.locks.insert(
                other.clone(),
                LockRecord {
                    seq: 1,
                    done: 0,
                    ..LockRecord::default()
                },
            );
        }
    });
    let Plan::Write { line, .. } = asked.lead() else {
        panic!()
    };
    assert!(line.locks[&other].cancelled.is_empty());
}
