//! What a hook does, and in which order.

use super::fixture::{World, lock};
use crate::engine::{Effect, Engine, HookOver, Process};
use crate::{Errand, Start, Wait};

/// The front of the line, in a hook that has just begun its operation.
fn inside() -> (World, super::fixture::Visit) {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    let mut visit = world.hook(1);
    assert!(matches!(visit.start(&mut world), Start::Begun(..)));
    (world, visit)
}

#[test]
fn a_request_reaches_the_disk_before_the_databag() {
    let mut world = World::new(2);
    let mut visit = world.hook(1);
    visit.request(&mut world);
    // The session says first what was read, and then what was written.
    assert_eq!(visit.did(), ["journal", "session", "record", "session"]);
}

#[test]
fn the_journal_says_that_the_operation_begins_before_anything_else_happens() {
    let (_, visit) = inside();
    assert_eq!(visit.did(), ["journal", "session"]);
}

#[test]
fn an_operation_in_an_action_has_a_waker_behind_it() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut visit = world.action(1);
    visit.start(&mut world);
    assert_eq!(visit.did(), ["journal", "wake", "session"]);
}

#[test]
fn the_end_of_an_operation_reaches_the_disk_before_the_databag() {
    let (mut world, mut visit) = inside();
    visit.finish(&mut world);
    assert_eq!(visit.did(), ["journal", "record", "session"]);
}

#[test]
fn an_operation_that_was_cut_off_after_any_effect_is_never_lost_and_never_begun_twice() {
    for after in 0..3 {
        let (mut world, mut visit) = inside();
        visit.ask_and_die(&mut world, after, |engine| {
            engine.finish(&lock(), Ok(()), None)
        });
        let mut next = world.hook(1);
        let again = next.start(&mut world).begun();
        if after == 0 {
            let (attempt, _) = again.expect("nothing says that it has ended");
            assert!(attempt.number == 2 && attempt.interrupted);
        } else {
            assert_eq!(again, None, "it has ended");
            next.release(&mut world);
            assert!(matches!(world.hook(2).start(&mut world), Start::Begun(..)));
        }
    }
}

#[test]
fn the_leaders_record_goes_before_its_line() {
    let mut world = World::new(2);
    let mut visit = world.hook(0);
    visit.ask(&mut world, |engine| {
        engine.request(&lock(), None, &crate::Payload::default())
    });
    visit.release(&mut world);
    assert_eq!(
        visit.did(),
        ["drop-pending", "line", "wake", "roster", "session"]
    );
    assert_eq!(world.line(), ["app/0#1"]);
}

#[test]
fn a_refused_line_is_no_failure_and_the_hook_may_not_rely_on_it() {
    let mut world = World::new(2);
    world.hook(1).request(&mut world);
    world.refuses_line = true;
    let mut visit = world.hook(0);
    visit.release(&mut world);
    let warnings = visit.engine.poll_warnings();
    assert!(warnings[0].starts_with("lost leadership"), "{warnings:?}");
    world.refuses_line = false;
    visit.release(&mut world);
    assert_eq!(world.line(), ["app/1#1"], "it is not taken for written");
}

#[test]
fn a_leader_that_learns_of_a_lower_relation_writes_no_line() {
    let mut world = World::new(2);
    world.hook(0).release(&mut world);
    world.hook(1).request(&mut world);
    let mut visit = world.hook(0);
    world.lower = Some(crate::RelationId::new("peers:0"));
    visit.release(&mut world);
    assert!(!visit.did().contains(&"line"), "{:?}", visit.did());
}

#[test]
fn a_databag_that_cannot_be_read_is_told_to_the_leader() {
    let mut world = World::new(2);
    world
        .bags
        .insert(super::fixture::name(1), "{torn".to_owned());
    let mut visit = world.hook(0);
    visit.release(&mut world);
    let warnings = visit.engine.poll_warnings();
    let about = "ignoring the databag of app/1: ";
    assert!(warnings[0].starts_with(about), "{warnings:?}");
}

#[test]
fn a_line_that_was_read_too_long_ago_is_left_to_a_visit() {
    let mut world = World::new(2);
    world.hook(1).request(&mut world);
    let mut visit = world.hook(0);
    world.now += 25_000;
    visit.release(&mut world);
    assert_eq!(visit.did(), ["pending", "wake", "roster", "session"]);
    let wake = visit.effects.iter().find_map(|effect| match effect {
        Effect::Wake { errand, .. } => Some(*errand),
        _ => None,
    });
    assert_eq!(wake, Some(Errand::Line));
    assert!(world.line().is_empty());
}

#[test]
fn a_line_whose_policy_took_its_time_is_left_to_a_visit() {
    let mut world = World::new(2);
    world.hook(1).request(&mut world);
    let mut visit = world.hook(0);
    world.now += 24_000;
    world.answer_takes = 1_000;
    visit.release(&mut world);
    assert_eq!(
        visit.did(),
        [
            "drop-pending",
            "line",
            "roster",
            "pending",
            "wake",
            "session"
        ]
    );
    assert!(visit.effects.iter().any(|effect| matches!(
        effect,
        Effect::Wake {
            errand: Errand::Line,
            ..
        }
    )));
    assert!(world.line().is_empty());
    world.hook(0).release(&mut world);
    assert_eq!(world.line(), ["app/1#1"], "it is not taken for written");
}

#[test]
fn after_a_hook_with_a_waker_the_new_waker_comes_before_the_new_session() {
    let mut world = World::new(2);
    world.line_up([1]);
    world.action(1).start(&mut world);
    assert_eq!(world.action(1).did(), ["wake", "session"]);
}

#[test]
fn a_waker_that_cannot_be_started_is_asked_for_again() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut visit = world.action(1);
    visit.start(&mut world);
    visit
        .engine
        .handle_wake_failed("peers", Errand::Line, "no memory");
    visit.release(&mut world);
    assert!(!visit.did().contains(&"wake"), "the waker of the hook runs");
    visit.engine.poll_warnings();
    visit
        .engine
        .handle_wake_failed("peers", Errand::Hook, "no memory");
    let warnings = visit.engine.poll_warnings();
    assert_eq!(warnings, ["cannot start a waker: no memory"]);
    visit.release(&mut world);
    assert!(visit.did().contains(&"wake"), "{:?}", visit.did());
}

#[test]
fn a_hook_that_is_over_counts_no_more() {
    let (mut world, mut visit) = inside();
    world.hook(1);
    let disk = world.disks.values().nth(1).cloned().unwrap();
    assert_eq!(visit.engine.handle_stored("peers", disk), Err(HookOver));
}

#[test]
fn after_a_failed_effect_only_what_is_stored_counts() {
    let (mut world, mut visit) = inside();
    let stored = world.disks[&super::fixture::name(1)].clone();
    visit.ask_and_die(&mut world, 0, |engine| engine.finish(&lock(), Ok(()), None));
    visit.engine.drop_effects();
    visit.engine.handle_stored("peers", stored).unwrap();
    assert!(visit.engine.is_running(&lock()), "the end was not stored");
    visit.finish(&mut world);
    assert_eq!(visit.did(), ["journal", "record", "session"]);
}

#[test]
fn another_process_at_work_is_stored_with_the_session() {
    let (mut world, mut visit) = inside();
    let process = Process { id: 7, began: 9 };
    visit.ask(&mut world, |engine| engine.note_process(&lock(), process));
    assert_eq!(visit.did(), ["session"]);
    let mut next = Engine::new(world.facts(1));
    let need = loop {
        match next.open() {
            Err(need @ crate::engine::Need::Alive(_)) => break need,
            Err(need) => next.handle_answer(world.answer(&super::fixture::name(1), &need)),
            Ok(()) => panic!("it did not ask whether the process is alive"),
        }
    };
    let crate::engine::Need::Alive(asked) = need else {
        unreachable!()
    };
    assert!(asked.contains(&process));
}

#[test]
fn as_long_as_an_operation_outlives_its_hook_each_hook_has_a_waker() {
    let mut world = World::new(2);
    world.line_up([1]);
    let facts = world.facts(1);
    let mut visit = world.visit(crate::engine::Facts {
        process: Some(Process { id: 7, began: 9 }),
        ..facts
    });
    visit.start(&mut world);
    world.orphans = true;
    let mut beside = world.hook(1);
    assert_eq!(beside.start(&mut world), Start::Waiting(Wait::Busy));
    assert!(beside.did().contains(&"wake"), "{:?}", beside.did());
    // The charm has forgotten its request: it does not try to start it, and cannot withdraw it yet.
    let mut next = world.hook(1);
    assert!(!next.ask(&mut world, |engine| engine.withdraw(&lock(), None)));
    next.release(&mut world);
    assert!(next.did().contains(&"wake"), "{:?}", next.did());
    world.orphans = false;
    let mut last = world.hook(1);
    assert!(last.ask(&mut world, |engine| engine.withdraw(&lock(), None)));
    last.release(&mut world);
    assert!(!last.did().contains(&"wake"), "{:?}", last.did());
}
