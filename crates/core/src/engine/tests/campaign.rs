//! A campaign: the leader rolls all units, and nobody asks.

mod expecting;
mod instructed;

use serde_json::{Value, json};

use super::super::{Effect, Engine, Facts, Gate};
use super::fixture::{Visit, World, lock, name, relation, words};
use crate::policy::Rotation;
use crate::{
    Call, Instructed, Instruction, LockRecord, OnFailure, Outcome, Payload, Start, Wait,
    decode_record,
};

/// An application whose units have met: each has published its record in the hook that created the relation.
pub(super) fn born(units: u32) -> World {
    let mut world = World::new(units);
    for unit in 0..units {
        birth(&mut world, unit);
    }
    world
}

fn birth(world: &mut World, unit: u32) -> Visit {
    let facts = Facts {
        relation: Some(relation()),
        relation_created: true,
        ..world.facts(unit)
    };
    let mut visit = world.visit(facts);
    visit.release(world);
    visit
}

fn call(reason: &str) -> Call {
    Call {
        reason: reason.to_owned(),
        payload: Some(json!(reason)),
        ..Call::default()
    }
}

fn roll(world: &mut World, reason: &str) -> Instructed {
    let mut visit = world.action(0);
    let policy = Rotation::default();
    visit.ask(world, |engine| {
        engine.roll(&lock(), &call(reason), Some(&policy))
    })
}

/// A hook of a unit in which it takes its turn, if that has come. Returns what it was given to run.
fn turn(world: &mut World, unit: u32) -> Option<Value> {
    let mut visit = world.hook(unit);
    let started = visit.start(world).begun();
    let given = started.map(|(_, payload)| payload.value.unwrap_or_default());
    if given.is_some() {
        visit.finish(world);
    }
    visit.release(world);
    given
}

fn state(world: &World, unit: u32) -> LockRecord {
    let record = decode_record(world.bags.get(&name(unit)).map(String::as_str));
    let state = record.good().and_then(|record| record.locks.get(&lock()));
    state.cloned().unwrap_or_default()
}

fn counters(world: &World, unit: u32) -> (u64, u64) {
    let state = state(world, unit);
    (state.seq, state.done)
}

#[test]
fn a_unit_learns_of_the_invitation_whose_turn_has_come_without_naming_the_lock() {
    let mut world = born(3);
    let invitations = |world: &mut World, unit| {
        let mut visit = world.hook(unit);
        let found = visit.ask(world, Engine::invitations);
        (found, visit.needs.clone())
    };
    let (none, needs) = invitations(&mut world, 1);
    assert!(none.is_empty());
    assert!(!words(&needs).contains(&"own"), "no look at its databag");
    roll(&mut world, "keys");
    assert_eq!(invitations(&mut world, 0).0, [lock()]);
    assert!(invitations(&mut world, 1).0.is_empty(), "not its turn");
    world.hook(0).request(&mut world);
    assert!(
        invitations(&mut world, 0).0.is_empty(),
        "it has asked itself"
    );
}

#[test]
fn one_action_rolls_every_unit_and_nobody_asks() {
    let mut world = born(3);
    assert_eq!(roll(&mut world, "keys"), Instructed::Done(None));
    assert_eq!(world.line(), ["app/0#1", "app/1#1", "app/2#1"]);
    for unit in [0, 1, 2] {
        assert_eq!(turn(&mut world, (unit + 1) % 3), None, "not its turn");
        assert_eq!(turn(&mut world, unit), Some(json!("keys")));
    }
    for unit in [0, 1, 2] {
        assert_eq!(turn(&mut world, unit), None, "nobody runs twice");
        assert_eq!(counters(&world, unit), (1, 1));
    }
    assert_eq!(world.line().len(), 3, "one line was enough");
}

#[test]
fn a_unit_that_is_invited_writes_nothing_before_its_turn_ends() {
    let mut world = born(3);
    world.hook(1).release(&mut world);
    roll(&mut world, "keys");
    let mut visit = world.changed(1, None);
    assert!(visit.start(&mut world).begun().is_none());
    visit.release(&mut world);
    assert!(visit.did().is_empty());
    assert_eq!(words(&visit.needs), ["stored", "line", "records"]);
}

#[test]
fn what_a_campaign_gives_is_told_when_the_turn_has_come_and_before_it_begins() {
    let mut world = born(2);
    roll(&mut world, "keys");
    let invitation = |world: &mut World, unit| {
        let mut visit = world.hook(unit);
        let invited = visit.ask(world, |engine| engine.invitation(&lock()));
        visit.release(world);
        invited.map(|invited| (invited.ticket.to_string(), invited.payload.value))
    };
    let given = Some(("app/0#1".to_owned(), Some(json!("keys"))));
    assert_eq!(invitation(&mut world, 0), given);
    assert_eq!(invitation(&mut world, 1), None, "not its turn");
    let mut visit = world.hook(0);
    visit.start(&mut world);
    let invited = visit.ask(&mut world, |engine| engine.invitation(&lock()));
    assert_eq!(invited, None, "it has begun");
}

#[test]
fn a_campaign_that_another_order_only_fills_is_the_same() {
    let mut world = born(3);
    let mut visit = world.action(0);
    let announced = visit.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("keys"), None)
    });
    assert_eq!(announced, Instructed::Done(None));
    assert_eq!(world.line(), [""; 0]);
    assert_eq!(roll(&mut world, "keys"), Instructed::AlreadySo(None));
    assert!(!world.line().is_empty());
}

#[test]
fn a_campaign_for_the_same_reason_joins_and_one_for_another_takes_over() {
    let mut world = born(3);
    roll(&mut world, "keys");
    assert_eq!(roll(&mut world, "keys"), Instructed::AlreadySo(None));
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    assert_eq!(roll(&mut world, "cipher"), Instructed::Done(None));
    assert_eq!(turn(&mut world, 1), Some(json!("cipher")));
    assert_eq!(turn(&mut world, 2), Some(json!("cipher")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 0), Some(json!("cipher")), "it went before");
    assert_eq!(turn(&mut world, 1), None);
    assert_eq!(roll(&mut world, "cipher"), Instructed::Done(None), "again");
}

#[test]
fn what_began_before_a_campaign_does_not_serve_it() {
    let mut world = born(2);
    world.line_up([1]);
    let mut visit = world.hook(1);
    assert!(visit.start(&mut world).begun().is_some());
    roll(&mut world, "keys");
    visit.finish(&mut world);
    visit.release(&mut world);
    assert_eq!(state(&world, 1).served, None);
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 1), Some(json!("keys")));
    assert_eq!(counters(&world, 1), (2, 2));
}

#[test]
fn a_request_and_a_campaign_share_a_turn_that_begins_after_both() {
    let mut world = born(2);
    let ask = |world: &mut World| {
        let payload = Payload {
            value: Some(json!("mine")),
            lost: false,
        };
        let mut visit = world.hook(1);
        visit.ask(world, |engine| engine.request(&lock(), None, &payload));
        visit.release(world);
    };
    // Asked before: the request has its place, and serves the campaign, whose payload is the newer.
    ask(&mut world);
    roll(&mut world, "keys");
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    assert_eq!(turn(&mut world, 1), Some(json!("keys")));
    assert_eq!(counters(&world, 1), (1, 1));
    // Asked after: the request takes up the invitation.
    roll(&mut world, "cipher");
    ask(&mut world);
    assert_eq!(counters(&world, 1), (2, 1));
    assert_eq!(turn(&mut world, 0), Some(json!("cipher")));
    assert!(turn(&mut world, 1).is_some());
    world.hook(0).release(&mut world);
    assert_eq!(turn(&mut world, 1), None, "one turn for both");
}

#[test]
fn a_unit_that_nobody_can_invite_asks_for_itself() {
    let mut world = World::new(3);
    roll(&mut world, "keys");
    assert_eq!(world.line(), ["app/0#1"], "the leader knows itself");
    for unit in [1, 2] {
        assert_eq!(turn(&mut world, unit), None);
        assert_eq!(counters(&world, unit), (1, 0));
    }
    for _ in 0..3 {
        (0..3).for_each(|unit| drop(turn(&mut world, unit)));
    }
    for unit in [0, 1, 2] {
        assert_eq!(counters(&world, unit), (1, 1));
        assert!(state(&world, unit).served.is_some());
    }
}

#[test]
fn a_unit_that_is_only_just_born_has_nothing_to_roll() {
    let mut world = born(2);
    roll(&mut world, "keys");
    world.units = 3;
    birth(&mut world, 2);
    for _ in 0..2 {
        (0..3).for_each(|unit| drop(turn(&mut world, unit)));
    }
    assert_eq!(counters(&world, 2), (0, 0));
    assert_eq!(counters(&world, 1), (1, 1));
    roll(&mut world, "cipher");
    assert_eq!(world.line(), ["app/2#1", "app/0#2", "app/1#2"]);
}

#[test]
fn a_reborn_unit_does_not_take_the_invitation_of_its_earlier_life() {
    let mut world = born(2);
    roll(&mut world, "keys");
    turn(&mut world, 0);
    // The pod is replaced: the same name, nothing on the disk, a new databag.
    world.bags.remove(&name(1));
    world.disks.remove(&name(1));
    let facts = Facts {
        random: 99,
        relation: Some(relation()),
        relation_created: true,
        ..world.facts(1)
    };
    let mut visit = world.visit(facts);
    assert!(matches!(visit.start(&mut world), Start::NotRequested));
    visit.release(&mut world);
    let record = decode_record(world.bags.get(&name(1)).map(String::as_str));
    let record = record.good().unwrap();
    assert_eq!(
        record.replaces.len(),
        1,
        "it says that the other life is over"
    );
    assert_eq!(counters(&world, 1), (0, 0));
}

#[test]
fn a_leader_with_old_records_invites_nobody_twice() {
    let mut world = born(2);
    roll(&mut world, "keys");
    let old = world.bags.clone();
    turn(&mut world, 0);
    turn(&mut world, 1);
    let new = std::mem::replace(&mut world.bags, old);
    // The line of a leader that has read none of this.
    world.line = None;
    let mut leader = world.action(0);
    leader.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("keys"), Some(&Rotation::default()))
    });
    world.bags = new;
    assert!(turn(&mut world, 1).is_none(), "that number is finished");
}

#[test]
fn a_leader_whose_own_turn_comes_with_the_campaign_sees_to_another_hook() {
    let mut world = born(2);
    let mut visit = world.action(0);
    visit.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("keys"), Some(&Rotation::default()))
    });
    assert_eq!(world.line()[0], "app/0#1");
    // Juju may send no event for a leader's own line.
    let wakes = |effect: &Effect| matches!(effect, Effect::Wake { .. });
    assert!(visit.effects.iter().any(wakes), "{:?}", visit.effects);
}

#[test]
fn a_leader_asks_whether_a_unit_still_exists_behind_which_others_are_only_invited() {
    let mut world = born(3);
    roll(&mut world, "keys");
    assert_eq!(turn(&mut world, 0), Some(json!("keys")));
    world.hook(0).release(&mut world);
    // Nobody hears from app/1 any more.
    world.now = 61_000;
    let mut visit = world.hook(0);
    visit.release(&mut world);
    assert!(words(&visit.needs).contains(&"goal-state"));
}

#[test]
fn a_leader_that_only_announces_a_campaign_behind_finished_entries_sees_to_another_hook() {
    let mut world = born(2);
    world.line_up([1]);
    assert!(turn(&mut world, 1).is_some());
    world.hook(0).release(&mut world);
    let mut visit = world.action(0);
    visit.ask(&mut world, |engine| {
        engine.roll(&lock(), &call("keys"), None)
    });
    assert_eq!(world.line(), ["app/1#1"], "finished, and still there");
    let wakes = |effect: &Effect| matches!(effect, Effect::Wake { .. });
    assert!(visit.effects.iter().any(wakes), "{:?}", visit.effects);
}
