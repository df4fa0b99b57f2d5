//! The check after an operation, and the wait before another attempt.

use super::fixture::{Visit, World, lock, name};
use crate::engine::{Effect, Engine};
use crate::{
    Check, Errand, LockRecord, Look, OnFailure, Outcome, Reading, Recovery, Start, Turn, Wait,
    decode_record,
};

const SOAK: u64 = 60_000;

fn look(result: Result<(), &str>) -> Look {
    Look {
        check: Check {
            soak: SOAK,
            within: 100_000,
        },
        recovery: Recovery::default(),
        result: result.map_err(str::to_owned),
    }
}

/// Unit 1 is at the front and has a check; unit 2 is behind it.
fn at_the_front(result: Result<(), &str>) -> World {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    world.wall = Some(1_790_000_000 / 86_400 * 86_400);
    world.look = Some(look(result));
    world
}

/// A hook of unit 1 in which its operation succeeds.
fn operated(result: Result<(), &str>) -> World {
    let mut world = at_the_front(result);
    let mut visit = world.hook(1);
    assert!(matches!(visit.start(&mut world), Start::Begun(..)));
    assert!(matches!(
        visit.succeed(&mut world),
        Start::Waiting(Wait::Checking(_))
    ));
    visit.release(&mut world);
    world
}

/// Lets time pass and begins a hook of a unit.
fn later(world: &mut World, milliseconds: u64, unit: u32) -> Visit {
    world.now += milliseconds;
    world.wall = world.wall.map(|wall| wall + milliseconds / 1000);
    world.hook(unit)
}

fn published(world: &World, unit: u32) -> LockRecord {
    match decode_record(world.bags.get(&name(unit)).map(String::as_str)) {
        Reading::Good(record) => record.locks[&lock()].clone(),
        other => panic!("{other:?}"),
    }
}

fn wakers(effects: &[Effect]) -> Vec<Errand> {
    let errand = |effect: &Effect| match effect {
        Effect::Wake { errand, .. } => Some(*errand),
        _ => None,
    };
    effects.iter().filter_map(errand).collect()
}

fn waits(start: &Start) -> &str {
    match start {
        Start::Waiting(Wait::Checking(words) | Wait::BackingOff(words)) => words,
        other => panic!("{other:?}"),
    }
}

fn begins(world: &mut World, unit: u32) -> bool {
    let mut visit = world.hook(unit);
    matches!(visit.start(world), Start::Begun(..))
}

#[test]
fn a_turn_is_over_only_when_its_check_has_held() {
    let mut world = operated(Ok(()));
    assert_eq!(published(&world, 1).done, 0);
    assert!(!begins(&mut world, 2));
    let mut visit = later(&mut world, SOAK - 1, 1);
    let start = visit.start(&mut world);
    assert_eq!(
        waits(&start),
        "soaking until 00:01:00 UTC; its check has held since 00:00:00"
    );
    visit.release(&mut world);
    let mut visit = later(&mut world, 1, 1);
    assert!(matches!(visit.start(&mut world), Start::Done(_)));
    assert_eq!(visit.did(), ["journal", "session", "record", "session"]);
    visit.release(&mut world);
    let state = published(&world, 1);
    assert_eq!(
        (state.done, state.outcome, state.check),
        (1, Some(Outcome::Done), None)
    );
    assert!(begins(&mut world, 2));
}

#[test]
fn that_the_operation_has_succeeded_is_on_the_disk_before_the_check_is_run() {
    let mut world = at_the_front(Ok(()));
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.ask(&mut world, |engine| engine.put_on_trial(&lock(), None));
    assert_eq!(visit.did()[0], "journal");
    // It is cut off there. The next hook looks at the check, and does not repeat the operation.
    let mut visit = world.hook(1);
    let turn = visit.ask(&mut world, |engine| engine.turn(&lock()));
    assert!(matches!(turn, Turn::Wait(Wait::Checking(_))), "{turn:?}");
    assert!(matches!(
        visit.start(&mut world),
        Start::Waiting(Wait::Checking(_))
    ));
}

#[test]
fn each_change_is_published_once_and_a_waker_brings_the_next_look() {
    let mut world = at_the_front(Err("no answer"));
    let mut visit = world.hook(1);
    visit.start(&mut world);
    let start = visit.succeed(&mut world);
    assert_eq!(
        waits(&start),
        "its check has failed since 00:00:00 UTC: no answer"
    );
    assert_eq!(wakers(&visit.effects), [Errand::Later(5_000)]);
    visit.release(&mut world);
    assert_eq!(published(&world, 1).reason.as_deref(), Some("no answer"));
    // Another reason wakes nobody.
    world.look = Some(look(Err("still none")));
    let mut visit = later(&mut world, 5_000, 1);
    visit.start(&mut world);
    assert_eq!(wakers(&visit.effects), [Errand::Later(5_000)]);
    visit.release(&mut world);
    assert!(!visit.did().contains(&"record"), "{:?}", visit.did());
    world.look = Some(look(Ok(())));
    let mut visit = later(&mut world, 5_000, 1);
    visit.start(&mut world);
    assert_eq!(wakers(&visit.effects), [Errand::Later(10_000)]);
    visit.release(&mut world);
    let check = published(&world, 1).check.expect("it is checked");
    assert!(check.ok && check.until.is_some());
    // A hook that comes in between starts no second waker.
    let mut visit = later(&mut world, 3_000, 1);
    visit.start(&mut world);
    assert_eq!(wakers(&visit.effects), []);
    visit.release(&mut world);
    assert!(!visit.did().contains(&"record"), "{:?}", visit.did());
}

#[test]
fn a_turn_that_ends_in_a_hook_that_is_not_tried_again_has_a_waker() {
    let mut world = operated(Ok(()));
    world.now += SOAK;
    let mut visit = world.action(1);
    assert!(matches!(visit.start(&mut world), Start::Done(_)));
    assert_eq!(wakers(&visit.effects), [Errand::Hook]);
}

#[test]
fn a_reboot_begins_the_soak_anew() {
    let mut world = operated(Ok(()));
    world.boot += 1;
    let mut visit = later(&mut world, SOAK, 1);
    assert!(
        matches!(visit.start(&mut world), Start::Waiting(_)),
        "its clock has gone on by chance"
    );
    visit.release(&mut world);
    assert!(matches!(
        later(&mut world, SOAK, 1).start(&mut world),
        Start::Done(_)
    ));
}

#[test]
fn the_wall_clock_has_no_say() {
    let mut world = operated(Ok(()));
    world.wall = world.wall.map(|wall| wall + 86_400);
    assert!(matches!(world.hook(1).start(&mut world), Start::Waiting(_)));
}

#[test]
fn a_check_that_does_not_come_good_fails_the_operation() {
    for (on_failure, done) in [
        (OnFailure::Retry, 0),
        (OnFailure::Stop, 0),
        (OnFailure::Continue, 1),
    ] {
        let mut world = operated(Err("no answer"));
        if let Some(look) = &mut world.look {
            look.recovery = on_failure.into();
        }
        let mut visit = later(&mut world, 100_000, 1);
        let failed = Start::Failed {
            why: "its check failed: no answer".to_owned(),
            then: on_failure,
        };
        assert_eq!(visit.start(&mut world), failed);
        let again = wakers(&visit.effects).contains(&Errand::Hook);
        assert_eq!(again, on_failure == OnFailure::Retry, "{on_failure:?}");
        let session = world.disks[&name(1)].session.as_ref().unwrap();
        let passes_on = session.finished_operation;
        assert_eq!(passes_on, on_failure == OnFailure::Continue);
        visit.release(&mut world);
        let state = published(&world, 1);
        assert_eq!(
            (state.done, &state.outcome),
            (done, &Some(Outcome::Failed)),
            "{on_failure:?}"
        );
        assert_eq!(state.reason.as_deref(), Some("its check failed: no answer"));
        assert_eq!(state.stopped, on_failure == OnFailure::Stop);
        assert_eq!(begins(&mut world, 2), on_failure == OnFailure::Continue);
        assert_eq!(begins(&mut world, 1), on_failure == OnFailure::Retry);
    }
}

#[test]
fn a_pause_does_not_interrupt_a_soak_and_a_cancellation_ends_it() {
    let order = |world: &mut World, order: fn(crate::Ticket) -> crate::Order| {
        let mut leader = world.hook(0);
        let ticket = leader.ask(world, |engine| engine.ticket_of(&lock(), &name(1)));
        let orders = [order(ticket.expect("it is outstanding"))];
        leader.ask(world, |engine| engine.carry_out(&orders));
    };
    let mut world = operated(Ok(()));
    order(&mut world, |_| {
        crate::Order::Pause(lock(), "night".to_owned())
    });
    assert!(matches!(
        later(&mut world, SOAK, 1).start(&mut world),
        Start::Done(_)
    ));

    let mut world = operated(Ok(()));
    order(&mut world, |ticket| crate::Order::Skip(lock(), ticket));
    let mut visit = world.hook(1);
    assert_eq!(visit.start(&mut world), Start::NotRequested);
    visit.release(&mut world);
    assert_eq!(published(&world, 1).outcome, Some(Outcome::Skipped));
    assert!(begins(&mut world, 2));
}

#[test]
fn a_request_during_the_soak_is_another_one() {
    let mut world = operated(Ok(()));
    let mut visit = world.hook(1);
    visit.request(&mut world);
    assert_eq!(published(&world, 1).seq, 2);
    let mut visit = later(&mut world, SOAK, 1);
    assert!(matches!(visit.start(&mut world), Start::Done(_)));
    visit.release(&mut world);
    assert_eq!(
        (published(&world, 1).done, published(&world, 1).seq),
        (1, 2)
    );
}

#[test]
fn a_lost_disk_costs_a_repeated_operation_and_no_more() {
    let mut world = operated(Ok(()));
    world.disks.remove(&name(1));
    let mut visit = later(&mut world, SOAK, 1);
    assert!(matches!(visit.start(&mut world), Start::Begun(..)));
    assert!(!begins(&mut world, 2));
    assert!(matches!(visit.succeed(&mut world), Start::Waiting(_)));
    visit.release(&mut world);
    assert!(published(&world, 1).check.is_some());
}

#[test]
fn a_charm_that_asks_for_no_check_any_more_lets_the_turn_go() {
    let mut world = operated(Err("no answer"));
    world.look = None;
    assert!(matches!(world.hook(1).start(&mut world), Start::Done(_)));
}

fn fail(world: &mut World, recovery: Recovery) -> OnFailure {
    let mut visit = world.hook(1);
    assert!(matches!(visit.start(world), Start::Begun(..)));
    let then = visit.ask(world, |engine: &mut Engine| {
        engine.fail(&lock(), "exit code 1", recovery)
    });
    visit.release(world);
    then
}

#[test]
fn a_failed_operation_is_tried_again_only_when_the_wait_is_over() {
    let mut world = at_the_front(Ok(()));
    let recovery = Recovery {
        back_off: 10_000,
        ..Recovery::default()
    };
    for wait in [10_000, 20_000, 40_000] {
        assert_eq!(fail(&mut world, recovery), OnFailure::Retry);
        let mut visit = later(&mut world, wait - 1, 1);
        let start = visit.start(&mut world);
        assert!(
            waits(&start).starts_with("failed: exit code 1; tries again at 00:0"),
            "{start:?}"
        );
        visit.release(&mut world);
        assert!(published(&world, 1).retry_at.is_some());
        world.now += 1;
    }
    // A reboot ends the wait.
    fail(&mut world, recovery);
    world.boot += 1;
    assert!(begins(&mut world, 1));
}

#[test]
fn the_waker_comes_when_the_wait_is_over() {
    let mut world = at_the_front(Ok(()));
    let mut visit = world.hook(1);
    visit.start(&mut world);
    let recovery = Recovery {
        back_off: 10_000,
        ..Recovery::default()
    };
    visit.ask(&mut world, |engine| {
        engine.fail(&lock(), "exit code 1", recovery)
    });
    assert_eq!(wakers(&visit.effects), [Errand::Later(10_000)]);
}

#[test]
fn after_the_last_retry_an_operator_decides() {
    let mut world = at_the_front(Ok(()));
    let recovery = Recovery {
        max_retry: Some(1),
        ..Recovery::default()
    };
    assert_eq!(fail(&mut world, recovery), OnFailure::Retry);
    // One that is cut off has not failed.
    assert!(begins(&mut world, 1));
    assert_eq!(fail(&mut world, recovery), OnFailure::Stop);
    assert!(published(&world, 1).stopped);
    assert!(!begins(&mut world, 1));
}

#[test]
fn an_operator_may_cut_the_wait_short() {
    let mut world = at_the_front(Ok(()));
    fail(
        &mut world,
        Recovery {
            back_off: 10_000,
            ..Recovery::default()
        },
    );
    assert!(!begins(&mut world, 1));
    let mut leader = world.hook(0);
    let retry = crate::Instruction::Retry(name(1));
    let done = leader.ask(&mut world, |engine| engine.instruct(&lock(), &retry));
    assert!(matches!(done, crate::Instructed::Done(_)), "{done:?}");
    assert!(begins(&mut world, 1));
}
