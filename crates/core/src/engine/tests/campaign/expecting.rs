//! Units that expect a campaign, and none asks.

use super::*;
use crate::Errand;

/// A hook of a unit in which it learns what all units learn.
fn expects(world: &mut World, unit: u32, reason: &str) {
    let mut visit = world.hook(unit);
    visit.ask(world, |engine| engine.expect(&lock(), &call(reason)));
    visit.release(world);
}

#[test]
fn what_all_units_know_of_the_leader_rolls_and_nobody_asks() {
    let mut world = born(3);
    for unit in [2, 0, 1] {
        expects(&mut world, unit, "config 7");
    }
    for unit in [0, 1, 2] {
        assert_eq!(
            state(&world, unit),
            LockRecord::default(),
            "nobody has asked"
        );
        assert_eq!(turn(&mut world, unit), Some(json!("config 7")));
    }
    world.now = 500_000;
    for unit in [0, 1, 2, 0, 1, 2] {
        assert_eq!(turn(&mut world, unit), None, "once is enough");
        assert_eq!(counters(&world, unit), (1, 1));
    }
}

#[test]
fn a_unit_that_no_campaign_calls_asks_for_itself_after_a_minute() {
    let mut world = born(3);
    expects(&mut world, 1, "config 7");
    let mut visit = world.hook(1);
    let waits = visit.start(&mut world);
    assert!(
        matches!(waits, Start::Waiting(Wait::Expects(_))),
        "{waits:?}"
    );
    visit.release(&mut world);
    assert_eq!(counters(&world, 1), (0, 0));
    world.now += 59_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (0, 0), "not yet");
    world.now += 1_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (1, 0));
    world.hook(0).release(&mut world);
    assert_eq!(
        turn(&mut world, 1),
        Some(json!("config 7")),
        "with its payload"
    );
}

#[test]
fn a_unit_is_woken_when_its_patience_ends() {
    let mut world = born(2);
    let mut visit = world.hook(1);
    visit.ask(&mut world, |engine| {
        engine.expect(&lock(), &call("config 7"))
    });
    visit.release(&mut world);
    let later = |visit: &Visit| {
        visit.effects.iter().find_map(|effect| match effect {
            Effect::Wake { errand, .. } => Some(*errand),
            _ => None,
        })
    };
    assert_eq!(later(&visit), Some(Errand::Later(60_000)));
    let engine = &mut visit.engine;
    engine.handle_wake_failed("peers", Errand::Later(60_000), "no memory");
    world.now += 10_000;
    visit.release(&mut world);
    assert_eq!(later(&visit), Some(Errand::Later(50_000)));
}

#[test]
fn a_leader_that_has_gone_already_asks_for_itself() {
    let mut world = born(2);
    expects(&mut world, 0, "config 7");
    assert_eq!(turn(&mut world, 0), Some(json!("config 7")));
    // Its hook is run again, and it compares carelessly.
    expects(&mut world, 0, "config 7");
    assert_eq!(
        counters(&world, 0),
        (2, 1),
        "the others are not rolled twice"
    );
    assert_eq!(turn(&mut world, 1), Some(json!("config 7")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 0), Some(json!("config 7")));
    assert_eq!(turn(&mut world, 1), None);
}

#[test]
fn a_new_leader_rolls_what_it_expects_itself() {
    let mut world = born(3);
    expects(&mut world, 1, "config 7");
    expects(&mut world, 2, "config 7");
    world.leader = 1;
    world.hook(1).release(&mut world);
    for _ in 0..4 {
        (0..3).for_each(|unit| drop(turn(&mut world, unit)));
    }
    for unit in [0, 1, 2] {
        assert_eq!(counters(&world, unit), (1, 1));
    }
}

#[test]
fn what_a_unit_expects_can_be_taken_back() {
    let mut world = born(2);
    expects(&mut world, 1, "config 7");
    let mut visit = world.hook(1);
    assert!(visit.ask(&mut world, |engine| engine.withdraw(&lock(), None)));
    visit.release(&mut world);
    world.now += 100_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (0, 0));
}

/// Two units expect a campaign, and the leader has begun it; app/1 is not in the line yet.
fn called_and_not_invited() -> World {
    let mut world = born(2);
    expects(&mut world, 1, "config 7");
    let mut visit = world.action(0);
    let policy = Rotation {
        limit: 1,
        lookahead: 0,
    };
    visit.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("config 7"), Some(&policy))
    });
    assert_eq!(world.line(), ["app/0#1"]);
    assert_eq!(turn(&mut world, 1), None);
    world
}

#[test]
fn a_unit_that_is_called_does_not_lose_patience() {
    let mut world = called_and_not_invited();
    world.now += 500_000;
    assert_eq!(turn(&mut world, 1), None);
    assert_eq!(counters(&world, 1), (0, 0));
    assert_eq!(turn(&mut world, 0), Some(json!("config 7")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 1), Some(json!("config 7")));
    world.now += 500_000;
    assert_eq!(turn(&mut world, 1), None, "that has served it");
    assert_eq!(counters(&world, 1), (1, 1));
}

#[test]
fn a_unit_whose_campaign_has_ended_without_it_asks_for_itself() {
    let mut world = called_and_not_invited();
    let moved = world.line.take().unwrap();
    world.line = Some(moved.replace(r#""campaign":"#, r#""moved":"peers","campaign":"#));
    turn(&mut world, 1);
    world.now += 60_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (1, 0));
}

#[test]
fn a_unit_that_was_invited_still_expects_a_campaign_when_that_one_has_ended() {
    let mut world = born(2);
    expects(&mut world, 1, "config 7");
    roll(&mut world, "config 7");
    turn(&mut world, 1);
    let moved = world.line.take().unwrap();
    world.line = Some(moved.replace(r#""campaign":"#, r#""moved":"peers","campaign":"#));
    turn(&mut world, 1);
    assert_eq!(state(&world, 1).outcome, Some(Outcome::Passed));
    world.now += 60_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (2, 1));
}

#[test]
fn a_unit_that_passes_expects_that_campaign_no_more() {
    let mut world = called_and_not_invited();
    let mut visit = world.hook(1);
    assert!(visit.ask(&mut world, |engine| engine.pass(&lock(), None)));
    visit.release(&mut world);
    world.now += 500_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (0, 0));
}

#[test]
fn a_unit_that_cannot_pass_still_expects_a_campaign() {
    let mut world = born(2);
    roll(&mut world, "config 7");
    let mut visit = world.hook(0);
    assert!(visit.start(&mut world).begun().is_some());
    visit.ask(&mut world, |engine| {
        engine.expect(&lock(), &call("config 7"))
    });
    let passed = visit.ask(&mut world, |engine| engine.pass(&lock(), None));
    assert!(!passed, "its operation is running");
    visit.finish(&mut world);
    visit.release(&mut world);
    turn(&mut world, 0);
    assert_eq!(counters(&world, 0), (2, 1), "that began before");
}

#[test]
fn a_unit_whose_campaign_an_operator_has_aborted_expects_it_no_more() {
    let mut world = called_and_not_invited();
    let mut visit = world.action(0);
    let aborted = visit.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Abort)
    });
    assert_eq!(aborted, Instructed::Done(None));
    turn(&mut world, 1);
    world.now += 500_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (0, 0));
    // The next time it does.
    expects(&mut world, 1, "config 7");
    world.now += 500_000;
    turn(&mut world, 1);
    assert_eq!(counters(&world, 1), (1, 0));
}

#[test]
fn another_turn_serves_what_a_unit_expects_with_its_payload() {
    let mut world = born(2);
    expects(&mut world, 1, "config 7");
    roll(&mut world, "keys");
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    let given = turn(&mut world, 1);
    assert_eq!(given, Some(json!("config 7")), "the newer of two payloads");
    world.now += 500_000;
    assert_eq!(turn(&mut world, 1), None);
    assert_eq!(counters(&world, 1), (1, 1));
}
