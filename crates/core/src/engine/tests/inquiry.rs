//! Questions that change nothing.

use std::collections::BTreeMap;

use serde_json::json;

use super::fixture::{World, lock, name, words};
use crate::engine::{Facts, Stored};
use crate::{Journal, Payload, Place};

#[test]
fn a_unit_knows_what_it_has_asked_for() {
    let mut world = World::new(2);
    let mut visit = world.hook(1);
    let asked = Payload {
        value: Some(json!({"generation": 2})),
        lost: false,
    };
    visit.ask(&mut world, |engine| {
        engine.request(&lock(), Some("reload"), &asked)
    });
    let mut next = world.hook(1);
    let payload = next.ask(&mut world, |engine| engine.payload(&lock()));
    assert_eq!(payload, asked);
    let record = next.ask(&mut world, |engine| engine.record(&lock()));
    assert_eq!((record.seq, record.done), (1, 0));
    assert_eq!(record.operation.as_deref(), Some("reload"));
    let outstanding = next.ask(&mut world, |engine| engine.outstanding(&[]));
    assert_eq!(outstanding, BTreeMap::from([(lock(), 1)]));
}

#[test]
fn a_unit_that_only_waits_knows_what_is_outstanding_without_reading_its_databag() {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    world.hook(2).release(&mut world);
    let mut visit = world.hook(2);
    let outstanding = visit.ask(&mut world, |engine| engine.outstanding(&[]));
    assert_eq!(outstanding, BTreeMap::from([(lock(), 1)]));
    assert_eq!(words(&visit.needs), ["stored", "line"]);
}

#[test]
fn what_was_asked_for_on_an_endpoint_of_before_is_outstanding_too() {
    let kept = |seq, done| {
        let mut journal = Journal::default();
        let kept = journal.locks.entry(lock()).or_default();
        (kept.record.seq, kept.record.done) = (seq, done);
        Stored {
            journal: Some(journal),
            session: None,
        }
    };
    let mut world = World::new(2);
    for (seq, done, outstanding) in [(3, 1, Some(2)), (3, 3, None)] {
        world.elsewhere = kept(seq, done);
        let others = ["cluster".to_owned()];
        let mut visit = world.hook(1);
        let found = visit.ask(&mut world, |engine| engine.outstanding(&others));
        assert_eq!(found.get(&lock()).copied(), outstanding);
    }
}

#[test]
fn the_status_says_who_has_left_and_keeps_its_place() {
    let mut world = World::new(3);
    world.line_up([2]);
    let facts = world.changed_facts(0, Some(2));
    let mut visit = world.visit(Facts {
        departing_unit: Some(name(2)),
        ..facts
    });
    let status = visit.ask(&mut world, crate::Engine::status);
    let status = status.table();
    let row = status.lines().find(|line| line.starts_with("app/2"));
    assert!(
        row.is_some_and(|row| row.contains("until Juju forgets it")),
        "{status}"
    );
}

#[test]
fn the_queue_has_who_is_not_in_the_line_yet_in_the_order_of_the_line() {
    let mut world = World::new(6);
    world.line_up([1]);
    for unit in [5, 3, 4] {
        world.hook(unit).request(&mut world);
    }
    let mut visit = world.hook(2);
    let queue = visit.ask(&mut world, |engine| engine.queue(&lock()));
    assert_eq!(queue, [name(3), name(4), name(5)]);
}

#[test]
fn the_status_has_every_unit_that_has_asked() {
    let mut world = World::new(4);
    world.line_up([1, 2]);
    world.hook(3).request(&mut world);
    let mut visit = world.hook(2);
    let status = visit.ask(&mut world, crate::Engine::status);
    assert_eq!(status.unit, Some(name(2)));
    let places = status.locks[&lock()].units.iter();
    let places: Vec<_> = places
        .map(|unit| (unit.unit.number(), unit.place))
        .collect();
    assert_eq!(
        places,
        [(1, Place::Turn), (2, Place::InLine), (3, Place::Requested)]
    );
}

#[test]
fn a_plan_has_who_is_in_line_and_who_would_join_it() {
    let mut world = World::new(5);
    world.line_up([4]);
    for unit in [2, 3] {
        world.hook(unit).request(&mut world);
    }
    let policy = crate::policy::Rotation {
        limit: 2,
        lookahead: 1,
    };
    let mut visit = world.hook(1);
    let plan = visit.ask(&mut world, |engine| engine.plan(&lock(), &policy));
    let steps = plan.steps.iter();
    let steps = steps.map(|step| step.iter().map(|planned| planned.unit.number()).collect());
    let steps: Vec<Vec<u32>> = steps.collect();
    assert_eq!(steps, [vec![4, 2], vec![3]]);
    assert_eq!(plan.obstacles, []);
}

#[test]
fn a_note_is_there_in_the_next_hook() {
    let mut world = World::new(2);
    let mut visit = world.hook(1);
    assert_eq!(visit.engine.noted("port"), None);
    visit.engine.note("port", "80");
    visit.release(&mut world);
    assert_eq!(world.hook(1).engine.noted("port"), Some("80"));
}

#[test]
fn a_unit_knows_whether_it_leads_and_whether_there_is_a_relation() {
    let mut world = World::new(2);
    assert!(world.hook(0).engine.is_leader() && !world.hook(1).engine.is_leader());
    assert!(world.hook(1).engine.has_relation());
    let mut early = World::new(2);
    early.no_relation = true;
    assert!(!early.hook(1).engine.has_relation());
}

#[test]
fn what_is_stored_for_another_endpoint_is_asked_for_anew_in_each_question() {
    let mut world = World::new(2);
    let mut visit = world.hook(1);
    let other = ["cluster".to_owned()];
    for _ in 0..2 {
        visit.needs.clear();
        visit.ask(&mut world, |engine| engine.outstanding(&other));
        assert!(words(&visit.needs).contains(&"stored"), "{:?}", visit.needs);
    }
}
