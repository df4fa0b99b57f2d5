//! Aborted, skipped, cancelled, passed.

use super::*;

#[test]
fn a_unit_that_needs_no_turn_passes_and_says_so() {
    let mut world = born(3);
    roll(&mut world, "keys");
    let mut visit = world.hook(1);
    assert!(visit.ask(&mut world, |engine| engine.pass(&lock(), Some("has them"))));
    visit.release(&mut world);
    assert_eq!(state(&world, 1).outcome, Some(Outcome::Passed));
    assert_eq!(state(&world, 1).reason.as_deref(), Some("has them"));
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    assert_eq!(
        turn(&mut world, 2),
        Some(json!("keys")),
        "nobody waits for it"
    );
    world.hook(0).release(&mut world);
    let mut visit = world.hook(1);
    assert!(
        !visit.ask(&mut world, |engine| engine.pass(&lock(), None)),
        "again"
    );
}

#[test]
fn a_unit_may_pass_before_it_is_invited_and_is_not_invited_then() {
    let mut world = born(3);
    let mut visit = world.action(0);
    let policy = Rotation {
        limit: 1,
        lookahead: 0,
    };
    visit.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("keys"), Some(&policy))
    });
    assert_eq!(world.line(), ["app/0#1"]);
    let mut visit = world.hook(1);
    assert!(visit.ask(&mut world, |engine| engine.pass(&lock(), None)));
    visit.release(&mut world);
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    world.hook(0).release(&mut world);
    assert_eq!(world.line(), ["app/2#1"]);
}

#[test]
fn an_aborted_campaign_lets_go_of_those_who_have_not_begun() {
    let mut world = born(3);
    roll(&mut world, "keys");
    let mut running = world.hook(0);
    assert!(running.start(&mut world).begun().is_some());
    let mut leader = world.action(0);
    let aborted = leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Abort)
    });
    assert_eq!(aborted, Instructed::Done(None));
    for unit in [1, 2] {
        assert_eq!(turn(&mut world, unit), None);
        assert_eq!(counters(&world, unit), (1, 1));
        assert_eq!(state(&world, unit).outcome, Some(Outcome::Passed));
    }
    let mut leader = world.action(0);
    let again = leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Abort)
    });
    assert_eq!(again, Instructed::AlreadySo(None));
    world.hook(1).request(&mut world);
    assert_eq!(counters(&world, 1), (2, 1), "a request of its own counts");
}

#[test]
fn a_failed_unit_keeps_its_place_in_a_campaign_until_an_operator_skips_it() {
    let mut world = born(2);
    roll(&mut world, "keys");
    let mut visit = world.hook(0);
    visit.start(&mut world);
    visit.ask(&mut world, |engine| {
        engine.fail(&lock(), "exit code 1", OnFailure::Stop)
    });
    visit.release(&mut world);
    assert_eq!(turn(&mut world, 1), None);
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Skip(name(0)))
    });
    world.hook(0).release(&mut world);
    assert_eq!(state(&world, 0).outcome, Some(Outcome::Skipped));
    assert_eq!(turn(&mut world, 1), Some(json!("keys")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 0), None, "it is not invited again");
}

#[test]
fn an_operator_skips_a_unit_that_has_not_taken_up_its_invitation() {
    let mut world = born(3);
    roll(&mut world, "keys");
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Skip(name(1)))
    });
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    assert_eq!(turn(&mut world, 1), None);
    assert_eq!(counters(&world, 1), (1, 1));
    assert_eq!(turn(&mut world, 2), Some(json!("keys")));
}

#[test]
fn a_retry_keeps_what_the_campaign_has_given_even_if_it_is_aborted() {
    let mut world = born(1);
    roll(&mut world, "keys");
    let mut visit = world.hook(0);
    visit.start(&mut world);
    visit.ask(&mut world, |engine| {
        engine.fail(&lock(), "exit code 1", OnFailure::Retry)
    });
    visit.release(&mut world);
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Abort)
    });
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
}

#[test]
fn a_unit_that_has_passed_has_done_so_even_if_it_loses_its_disk() {
    let mut world = born(2);
    let mut visit = world.action(0);
    let policy = Rotation {
        limit: 1,
        lookahead: 0,
    };
    visit.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("keys"), Some(&policy))
    });
    let mut visit = world.hook(1);
    visit.ask(&mut world, |engine| engine.pass(&lock(), None));
    visit.release(&mut world);
    world.disks.remove(&name(1));
    world.hook(1).release(&mut world);
    assert_eq!(counters(&world, 1), (0, 0));
    assert!(state(&world, 1).served.is_some());
}

#[test]
fn what_was_cancelled_before_a_campaign_is_not_the_units_turn_in_it() {
    let mut world = born(2);
    world.line_up([1]);
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Cancel(name(1)))
    });
    // Before app/1 comes to know of it.
    roll(&mut world, "keys");
    world.hook(1).release(&mut world);
    assert_eq!(state(&world, 1).outcome, Some(Outcome::Cancelled));
    assert_eq!(state(&world, 1).served, None);
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 1), Some(json!("keys")));
}

#[test]
fn an_invitation_that_was_cancelled_before_a_campaign_lets_nobody_off_in_it() {
    let mut world = born(3);
    roll(&mut world, "keys");
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Cancel(name(1)))
    });
    // Before app/1, which stood still, comes to know of any of it.
    roll(&mut world, "cipher");
    world.hook(1).release(&mut world);
    assert_eq!(state(&world, 1).outcome, Some(Outcome::Cancelled));
    assert_eq!(state(&world, 1).served, None);
    assert_eq!(turn(&mut world, 0), Some(json!("cipher")));
    assert_eq!(turn(&mut world, 2), Some(json!("cipher")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 1), Some(json!("cipher")));
}

#[test]
fn an_abort_lets_go_of_a_unit_that_was_held_back_when_its_turn_came() {
    let mut world = born(2);
    roll(&mut world, "keys");
    world.gate = Gate::Blocked("lag 40 s".to_owned());
    assert_eq!(turn(&mut world, 0), None);
    assert_eq!(counters(&world, 0), (1, 0), "it says that it waits");
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Abort)
    });
    world.gate = Gate::Open;
    assert_eq!(turn(&mut world, 0), None);
    assert_eq!(state(&world, 0).outcome, Some(Outcome::Passed));
}

#[test]
fn an_abort_lets_go_of_a_unit_that_had_to_ask_for_itself() {
    let mut world = World::new(2);
    roll(&mut world, "keys");
    assert_eq!(turn(&mut world, 1), None);
    assert_eq!(counters(&world, 1), (1, 0));
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.instruct(&lock(), &Instruction::Abort)
    });
    assert_eq!(turn(&mut world, 0), None);
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 1), None);
    assert_eq!(counters(&world, 1), (1, 1));
    world.hook(1).request(&mut world);
    assert_eq!(counters(&world, 1), (2, 1), "what it wants itself counts");
}

#[test]
fn a_unit_that_had_to_ask_for_itself_may_pass() {
    let mut world = World::new(2);
    roll(&mut world, "keys");
    let mut visit = world.hook(1);
    assert!(visit.ask(&mut world, |engine| engine.pass(&lock(), None)));
    visit.release(&mut world);
    assert_eq!(state(&world, 1).outcome, Some(Outcome::Passed));
    assert!(state(&world, 1).served.is_some());
}
