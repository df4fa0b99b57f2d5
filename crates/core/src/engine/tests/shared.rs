//! The lock that an operation needs beside its turn.

use super::fixture::{Visit, World, lock, name, words};
use crate::engine::{Gate, Shared};
use crate::policy::{Limit, Rules};
use crate::{Start, Wait, decode_record};

fn awaited(place: &str) -> Shared {
    Shared::Awaited {
        why: format!("waits for db-restart in etcd, {place}"),
        in_short: "waits for db-restart in etcd".to_owned(),
    }
}

/// Unit 1 at the front of its line, with unit 2 behind it, and without the shared lock.
fn at_the_front() -> World {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    world.shared = awaited("2nd in line");
    world
}

fn held(world: &World) -> Option<String> {
    let record = decode_record(world.bags.get(&name(1)).map(String::as_str));
    record.good()?.locks[&lock()].held.clone()
}

fn kept_for(visit: &mut Visit, world: &mut World) -> Option<u64> {
    visit.ask(world, |engine| engine.shared_is_for("peers", &lock()))
}

fn fail(visit: &mut Visit, world: &mut World) {
    visit.ask(world, |engine| engine.finish(&lock(), Err("no"), None));
    visit.release(world);
}

#[test]
fn it_is_asked_for_only_once_the_own_turn_has_come_and_the_gate_is_open() {
    let mut world = at_the_front();
    let mut behind = world.hook(2);
    assert!(matches!(
        behind.start(&mut world),
        Start::Waiting(Wait::Behind(_))
    ));
    assert!(!words(&behind.needs).contains(&"shared"));
    assert_eq!(kept_for(&mut behind, &mut world), None);
    world.gate = Gate::Blocked("a backup".to_owned());
    let mut shut = world.hook(1);
    shut.start(&mut world);
    assert!(!words(&shut.needs).contains(&"shared"));
    assert_eq!(kept_for(&mut shut, &mut world), None);
}

#[test]
fn without_it_nothing_begins_and_all_units_see_why() {
    let mut world = at_the_front();
    let mut visit = world.hook(1);
    let why = "waits for db-restart in etcd, 2nd in line".to_owned();
    assert_eq!(visit.start(&mut world), Start::Waiting(Wait::HeldBack(why)));
    assert_eq!(kept_for(&mut visit, &mut world), Some(1));
    visit.release(&mut world);
    assert_eq!(
        held(&world).as_deref(),
        Some("waits for db-restart in etcd")
    );
    // That its place there changes is no news for the others.
    world.shared = awaited("1st in line");
    let mut visit = world.hook(1);
    assert_eq!(kept_for(&mut visit, &mut world), Some(1), "before it asks");
    visit.start(&mut world);
    visit.release(&mut world);
    assert!(!visit.did().contains(&"record"), "{:?}", visit.did());
    // Nor may unit 2 begin: the turn is unit 1's.
    assert!(matches!(
        world.hook(2).start(&mut world),
        Start::Waiting(Wait::Behind(_))
    ));
    world.shared = Shared::Held;
    let mut visit = world.hook(1);
    assert!(matches!(visit.start(&mut world), Start::Begun(..)));
    assert_eq!(kept_for(&mut visit, &mut world), Some(1));
    visit.finish(&mut world);
    assert_eq!(kept_for(&mut visit, &mut world), None);
    assert_eq!(held(&world), None);
}

#[test]
fn a_unit_that_may_not_begin_for_another_reason_gives_it_back() {
    let mut world = at_the_front();
    world.hook(1).start(&mut world);
    world.gate = Gate::Blocked("a backup".to_owned());
    let mut visit = world.hook(1);
    assert_eq!(kept_for(&mut visit, &mut world), Some(1));
    visit.start(&mut world);
    assert_eq!(kept_for(&mut visit, &mut world), None);
}

#[test]
fn every_attempt_needs_it_and_whoever_has_begun_keeps_it() {
    let mut world = at_the_front();
    world.shared = Shared::Held;
    let mut visit = world.hook(1);
    visit.start(&mut world);
    fail(&mut visit, &mut world);
    // Even where the session is lost.
    world.disks.get_mut(&name(1)).unwrap().session = None;
    // The lease has ended meanwhile; a gate no longer counts.
    world.shared = awaited("3rd in line");
    world.gate = Gate::Blocked("a backup".to_owned());
    let mut again = world.hook(1);
    let why = "waits for db-restart in etcd, 3rd in line".to_owned();
    assert_eq!(again.start(&mut world), Start::Waiting(Wait::HeldBack(why)));
    assert!(!words(&again.needs).contains(&"gate"));
    assert_eq!(kept_for(&mut again, &mut world), Some(1));
    again.release(&mut world);
    let record = decode_record(world.bags.get(&name(1)).map(String::as_str));
    let state = record.good().unwrap().locks[&lock()].clone();
    assert_eq!(state.reason.as_deref(), Some("no"), "of this operation");
    world.shared = Shared::Held;
    let mut last = world.hook(1);
    let Start::Begun(attempt, _) = last.start(&mut world) else {
        panic!("it holds all that it needs");
    };
    assert_eq!(attempt.number, 2);
    last.finish(&mut world);
    assert_eq!(kept_for(&mut last, &mut world), None);
}

#[test]
fn an_operation_that_was_cut_off_needs_it_again() {
    let mut world = at_the_front();
    world.shared = Shared::Held;
    world.hook(1).start(&mut world);
    world.shared = awaited("1st in line");
    let mut again = world.hook(1);
    assert!(matches!(
        again.start(&mut world),
        Start::Waiting(Wait::HeldBack(_))
    ));
    assert_eq!(kept_for(&mut again, &mut world), Some(1));
}

#[test]
fn what_is_taken_back_needs_it_no_longer() {
    let mut world = at_the_front();
    world.hook(1).start(&mut world);
    let mut visit = world.hook(1);
    visit.ask(&mut world, |engine| engine.withdraw(&lock(), None));
    assert_eq!(kept_for(&mut visit, &mut world), None);
    // The next request is another one.
    visit.request(&mut world);
    assert_eq!(kept_for(&mut visit, &mut world), None);
}

#[test]
fn a_lowered_limit_that_takes_the_turn_away_takes_it_away_as_well() {
    let mut world = World::new(3);
    let lead = |world: &mut World, limit| {
        let rules = Rules {
            limit: Limit::new(limit).unwrap(),
            ..Rules::default()
        };
        let mut visit = world.hook(0);
        visit.ask(world, |engine| engine.release(&rules, &[]));
    };
    for unit in [1, 2] {
        world.hook(unit).request(&mut world);
    }
    lead(&mut world, 2);
    world.shared = Shared::Held;
    let mut second = world.hook(2);
    assert!(matches!(second.start(&mut world), Start::Begun(..)));
    lead(&mut world, 1);
    assert_eq!(kept_for(&mut second, &mut world), Some(1), "it runs");
    fail(&mut second, &mut world);
    let mut behind = world.hook(2);
    assert!(matches!(
        behind.start(&mut world),
        Start::Waiting(Wait::Behind(_))
    ));
    // Unit 1, which is ahead, would wait for it in etcd, and unit 2 for unit 1 in their own line.
    assert_eq!(kept_for(&mut behind, &mut world), None);
}
