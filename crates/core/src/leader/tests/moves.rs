//! A lock that moves to another endpoint.

use super::*;

#[test]
fn a_lock_that_moves_takes_up_nobody_and_lets_its_entries_run_out() {
    let order = Order::Move(lock(), "peers".to_owned());
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]).edit(|case| case.orders.push(order));
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].moved.as_deref(), Some("peers"));
    assert_eq!(case.writes(), ["app/1#1"]);
    let later =
        Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(|case| case.line = Reading::Good(line));
    assert_eq!(later.lead(), Plan::Keep { wake: false });
    let back = later.edit(|case| case.orders.push(Order::TakeUp(lock())));
    assert_eq!(back.writes(), ["app/1#1", "app/2#1"]);
}

#[test]
fn a_lock_that_is_still_elsewhere_takes_up_nobody_and_is_not_opened_by_anything() {
    let held = |case: &mut Case| drop(case.held.insert(lock(), "cluster".to_owned()));
    let case = Case::new(&[(0, 0), (1, 0)], &[]).edit(held);
    assert_eq!(case.lead(), Plan::Keep { wake: false });
    let other: LockName = "backup".parse().unwrap();
    let written = Case::new(&[(0, 0), (1, 0)], &[]).edit(held).edit(|case| {
        let Some(Reading::Good(record)) = case.units.get_mut(&1) else {
            panic!()
        };
        record
            .locks
            .insert(other.clone(), record.locks[&lock()].clone());
    });
    let Plan::Write { line, .. } = written.lead() else {
        panic!()
    };
    assert_eq!(line.locks.keys().collect::<Vec<_>>(), [&other]);
    let cancelled = case.edit(|case| case.orders.push(Order::Cancel(lock(), ticket(1, 1))));
    let Plan::Write { line, .. } = cancelled.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].moved.as_deref(), Some("cluster"));
}

#[test]
fn a_lock_that_was_never_in_the_old_line_is_closed_there_too() {
    let order = Order::Move(lock(), "peers".to_owned());
    let case = Case::new(&[(0, 0)], &[]).edit(|case| case.orders.push(order));
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].moved.as_deref(), Some("peers"));
}
