//! A lost relation: nobody joins until all have left it.

use super::*;

/// Three units of which the leader has lost sight of relation 3.
fn after_a_loss() -> Case {
    Case::new(&[(1, 0), (1, 0), (1, 0)], &[]).edit(|case| {
        case.lost = Some(3);
        case.alive = Some((0..=2).map(name).collect());
    })
}

fn says_beyond(case: &mut Case, unit: u32, relation: u64) {
    let Some(Reading::Good(record)) = case.units.get_mut(&unit) else {
        panic!()
    };
    record.beyond = Some(relation);
}

fn announced(case: &Case) -> Case {
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!((line.opening, line.locks.len()), (Some(3), 0));
    let mut next = after_a_loss();
    next.line = Reading::Good(line);
    next
}

#[test]
fn after_the_loss_of_a_relation_nobody_joins_until_all_have_left_it() {
    let mut case = announced(&after_a_loss());
    assert_eq!(case.lead(), Plan::Keep { wake: false });
    says_beyond(&mut case, 2, 3);
    says_beyond(&mut case, 1, 2);
    assert_eq!(
        case.lead(),
        Plan::Keep { wake: false },
        "app/1 has left another one"
    );
    says_beyond(&mut case, 1, 3);
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.opening, None);
    assert_eq!(case.writes(), ["app/0#1", "app/1#1", "app/2#1"]);
}

#[test]
fn units_that_have_moved_again_are_waited_for_there() {
    let mut case = after_a_loss();
    case.line = Reading::Good(Line {
        term: 1,
        version: 1,
        leader: name(0),
        opening: Some(3),
        locks: BTreeMap::new(),
        unknown: BTreeMap::new(),
    });
    says_beyond(&mut case, 1, 5);
    let Plan::Write { line, .. } = case.lead() else {
        panic!("{:?}", case.lead())
    };
    assert_eq!(line.opening, Some(5));
}

#[test]
fn a_leader_that_has_lost_nothing_itself_learns_it_from_the_others() {
    let mut case = after_a_loss().edit(|case| case.lost = None);
    assert_eq!(case.writes(), ["app/0#1", "app/1#1", "app/2#1"]);
    says_beyond(&mut case, 2, 3);
    announced(&case);
}

#[test]
fn who_is_not_a_member_yet_may_follow_the_old_relation_and_only_the_controller_knows_of_it() {
    let mut case = announced(&after_a_loss()).edit(|case| {
        case.members.remove(&name(2));
    });
    says_beyond(&mut case, 1, 3);
    assert_eq!(case.lead(), Plan::Keep { wake: true });
    let unasked = case.edit(|case| case.alive = None);
    assert_eq!(unasked.lead(), Plan::AskGoalState(Vec::new()));
}

#[test]
fn whose_operation_had_begun_on_the_old_relation_goes_first_on_the_new_one() {
    let mut case = announced(&after_a_loss());
    says_beyond(&mut case, 1, 3);
    says_beyond(&mut case, 2, 3);
    let Some(Reading::Good(record)) = case.units.get_mut(&2) else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().begun = true;
    assert_eq!(case.writes(), ["app/2#1", "app/0#1", "app/1#1"]);
}

#[test]
fn whoever_leaves_while_inside_is_in_the_new_line_until_the_controller_has_forgotten_it() {
    let mut case = announced(&after_a_loss());
    says_beyond(&mut case, 1, 3);
    says_beyond(&mut case, 2, 3);
    let Some(Reading::Good(record)) = case.units.get_mut(&2) else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().begun = true;
    case.departing = Some(name(2));
    assert_eq!(case.writes(), ["app/2#1", "app/0#1", "app/1#1"]);
    case.members.remove(&name(2));
    let Plan::Write { line, wake } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].entries[0].ticket, ticket(2, 1));
    assert!(wake, "nothing tells when it is gone");
    case.alive = Some((0..=1).map(name).collect());
    assert_eq!(case.writes(), ["app/0#1", "app/1#1"]);
}
