//! What is put off, who is woken, and who has departed.

use super::*;

#[test]
fn a_line_read_too_long_ago_is_not_written() {
    let case = Case::new(&[(1, 0)], &[]);
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(
        case.edit(|case| case.now = WRITE_WITHIN).lead(),
        Plan::Postpone(Postponed::LeaseBound(line)),
        "a later visit may write it"
    );
}

#[test]
fn a_finish_goes_first_where_another_unit_in_the_line_will_wake_us() {
    let case =
        Case::new(&[(1, 1), (1, 0), (1, 0)], &[0, 1]).edit(|case| case.finished_operation = true);
    assert_eq!(case.lead(), Plan::Postpone(Postponed::FinishFirst(name(1))));
}

#[test]
fn an_entry_that_is_only_computed_wakes_nobody_so_it_is_published() {
    let case =
        Case::new(&[(1, 1), (1, 0), (1, 0)], &[0]).edit(|case| case.finished_operation = true);
    assert_eq!(case.writes(), ["app/1#1", "app/2#1"]);
}

#[test]
fn a_unit_that_the_relation_does_not_list_keeps_its_place_until_the_controller_forgets_it() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[2, 1])
        .edit(|case| case.members.retain(|member| member != &name(2)));
    assert_eq!(case.lead(), Plan::AskGoalState(vec![name(2)]));
    let leaving = case.edit(|case| case.alive = Some((0..=2).map(name).collect()));
    assert_eq!(leaving.lead(), Plan::Keep { wake: true });
    let gone = leaving.edit(|case| case.alive = Some((0..=1).map(name).collect()));
    assert_eq!(gone.writes(), ["app/1#1"]);
}

#[test]
fn what_a_unit_finished_after_it_departed_is_told_by_the_line() {
    // The leader has read it only because it waits behind it itself.
    let case = Case::new(&[(1, 0), (1, 0), (1, 1)], &[2, 1, 0]);
    let departed = case.edit(|case| {
        case.members.remove(&name(2));
    });
    assert_eq!(departed.writes(), ["app/1#1", "app/0#1"]);
}

#[test]
fn the_leaders_own_turn_is_announced_for_agents_that_send_no_event_for_their_own_write() {
    let Plan::Write { wake, .. } = Case::new(&[(1, 0)], &[]).lead() else {
        panic!()
    };
    assert!(wake);
    let Plan::Write { wake, .. } = Case::new(&[(0, 0), (1, 0)], &[]).lead() else {
        panic!()
    };
    assert!(!wake);
}

#[test]
fn a_cancellation_is_not_put_off_for_a_finish() {
    let case = Case::new(&[(1, 1), (1, 0)], &[0, 1]).edit(|case| {
        case.finished_operation = true;
        case.orders.push(Order::Cancel(lock(), ticket(1, 1)));
    });
    assert!(matches!(case.lead(), Plan::Write { .. }));
}
