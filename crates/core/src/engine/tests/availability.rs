//! Units that tell whether they are available, and a policy that limits how many may not be.

use super::campaign::born;
use super::fixture::{Visit, World, lock, name, words};
use crate::engine::{Availability, Effect, Session};
use crate::policy::{Limit, Rules, Sequence};
use crate::{Call, Errand, decode_record};

fn broken() -> Availability {
    Availability::Unavailable("the disk is full".to_owned())
}

/// Why a unit is unavailable, as the others read it.
fn told(world: &World, unit: u32) -> Option<String> {
    let record = decode_record(world.bags.get(&name(unit)).map(String::as_str));
    record.good()?.unavailable.clone()
}

fn one_at_most() -> Rules {
    Rules {
        max_unavailable: Limit::new(1),
        ..Rules::default()
    }
}

/// The end of a hook of a unit that is or is not available.
fn release(world: &mut World, unit: u32, availability: Availability) -> Visit {
    let rules = one_at_most();
    world.availability = availability;
    let mut visit = world.hook(unit);
    visit.ask(world, |engine| engine.release(&rules, &[]));
    world.availability = Availability::Available;
    visit
}

#[test]
fn a_unit_tells_that_it_is_unavailable_though_it_has_asked_for_nothing() {
    let mut world = World::new(2);
    release(&mut world, 1, Availability::Available);
    assert!(world.bags.is_empty(), "there is nothing to say");
    release(&mut world, 1, broken());
    assert_eq!(told(&world, 1).as_deref(), Some("the disk is full"));
    let recovered = release(&mut world, 1, Availability::Available);
    assert!(recovered.did().contains(&"record"));
    assert_eq!(told(&world, 1), None);
}

#[test]
fn another_process_of_the_hook_knows_what_was_told() {
    let mut world = World::new(2);
    world.line_up([1]);
    release(&mut world, 1, broken());
    let session = world.disks[&name(1)].session.as_ref();
    let text = serde_json::to_string(session.expect("it was stored")).unwrap();
    let read: Session = serde_json::from_str(&text).unwrap();
    assert_eq!(read.availability, broken());
}

#[test]
fn it_is_told_again_until_it_was_read_back_and_then_no_more() {
    let mut world = World::new(2);
    world.line_up([0, 1]);
    release(&mut world, 1, broken());
    let bags = world.bags.clone();
    release(&mut world, 1, Availability::Available);
    // That hook fails, so Juju drops what it has published.
    world.bags = bags;
    let next = release(&mut world, 1, Availability::Available);
    assert!(next.did().contains(&"record"));
    assert_eq!(told(&world, 1), None);
    let confirms = release(&mut world, 1, Availability::Available);
    assert!(words(&confirms.needs).contains(&"own"));
    let quiet = release(&mut world, 1, Availability::Available);
    assert!(!words(&quiet.needs).contains(&"own"));
}

#[test]
fn no_two_records_are_alike() {
    // Juju 4 would not announce the second one to a leader that has read the one in between.
    let mut world = World::new(2);
    world.line_up([0, 1]);
    let mut values = Vec::new();
    for _ in 0..2 {
        release(&mut world, 1, Availability::Available);
        values.push(world.bags[&name(1)].clone());
        release(&mut world, 1, broken());
        values.push(world.bags[&name(1)].clone());
    }
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 4, "{values:?}");
}

#[test]
fn a_charm_that_does_not_tell_any_more_counts_as_available() {
    let mut world = World::new(2);
    release(&mut world, 1, broken());
    release(&mut world, 1, Availability::Untold);
    assert_eq!(told(&world, 1), None);
}

#[test]
fn nobody_joins_the_line_while_another_unit_is_unavailable() {
    let mut world = World::new(3);
    release(&mut world, 2, broken());
    world.hook(1).request(&mut world);
    release(&mut world, 0, Availability::Available);
    assert_eq!(world.line(), [""; 0]);
    release(&mut world, 2, Availability::Available);
    release(&mut world, 0, Availability::Available);
    assert_eq!(world.line(), ["app/1#1"]);
}

#[test]
fn the_unavailable_unit_itself_may_go() {
    let mut world = World::new(3);
    for unit in [1, 2] {
        world.hook(unit).request(&mut world);
    }
    release(&mut world, 2, broken());
    release(&mut world, 0, Availability::Available);
    assert_eq!(world.line(), ["app/2#1"]);
    let mut turn = world.hook(2);
    assert!(turn.start(&mut world).begun().is_some());
    turn.finish(&mut world);
    assert_eq!(told(&world, 2).as_deref(), Some("the disk is full"));
    turn.release(&mut world);
    assert_eq!(told(&world, 2), None, "its operation has repaired it");
    release(&mut world, 0, Availability::Available);
    assert_eq!(world.line(), ["app/1#1"]);
}

#[test]
fn a_leader_asks_whether_the_unit_still_exists_whose_recovery_others_wait_for() {
    let mut world = World::new(3);
    release(&mut world, 2, broken());
    world.hook(1).request(&mut world);
    let leader = release(&mut world, 0, Availability::Available);
    assert!(!words(&leader.needs).contains(&"goal-state"));
    world.now = 61_000;
    let leader = release(&mut world, 0, Availability::Available);
    assert!(words(&leader.needs).contains(&"goal-state"));
}

#[test]
fn what_others_wait_for_is_not_asked_while_nobody_waits() {
    let mut world = World::new(3);
    release(&mut world, 2, broken());
    release(&mut world, 0, Availability::Available);
    world.now = 61_000;
    let leader = release(&mut world, 0, Availability::Available);
    assert!(!words(&leader.needs).contains(&"goal-state"));
}

/// In how many seconds this unit's waker has another hook run, if it starts one.
fn looks_again_in(visit: &Visit) -> Option<u64> {
    visit.effects.iter().find_map(|effect| match effect {
        Effect::Wake {
            errand: Errand::Later(time),
            ..
        } => Some(time / 1_000),
        _ => None,
    })
}

#[test]
fn an_unavailable_unit_looks_again_ever_less_often_until_it_has_recovered() {
    let mut world = World::new(2);
    world.line_up([0, 1]);
    let mut hook = |now: u64, availability: Availability| {
        world.now = now * 1_000;
        looks_again_in(&release(&mut world, 1, availability))
    };
    assert_eq!(hook(100, Availability::Available), None);
    assert_eq!(hook(200, broken()), Some(30));
    assert_eq!(hook(210, broken()), None, "one waker is enough");
    assert_eq!(hook(230, broken()), Some(30));
    assert_eq!(hook(300, broken()), Some(50));
    assert_eq!(hook(700, broken()), Some(250));
    assert_eq!(hook(950, broken()), None, "update-status will do");
    assert_eq!(hook(960, Availability::Available), None);
    assert_eq!(hook(1_000, broken()), Some(30));
    // The machine is booted.
    assert_eq!(hook(10, broken()), Some(30));
}

#[test]
fn a_leader_that_is_unavailable_since_its_last_hook_counts_itself_when_it_rolls_all() {
    let mut world = born(3);
    release(&mut world, 0, Availability::Available);
    world.availability = broken();
    let mut action = world.action(0);
    let call = Call {
        reason: "new keys".to_owned(),
        ..Call::default()
    };
    let rules = Rules {
        sequence: Sequence::LeaderLast,
        ..one_at_most()
    };
    action.ask(&mut world, |engine| {
        engine.roll(&lock(), &call, Some(&rules))
    });
    assert_eq!(
        world.line(),
        ["app/0#1"],
        "it goes first, and the others wait for it"
    );
}
