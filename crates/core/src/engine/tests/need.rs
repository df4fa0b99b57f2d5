//! What a hook has to read.

use std::collections::BTreeSet;

use super::fixture::{World, lock, name, relation, words};
use crate::engine::{Engine, Gate, Need};
use crate::{Payload, Start, Wait};

#[test]
fn a_hook_asks_whether_it_leads_and_for_the_line_before_anything_else() {
    let mut world = World::new(2);
    let visit = world.hook(1);
    assert_eq!(words(&visit.needs), ["stored", "relations", "line"]);
}

#[test]
fn the_next_hook_knows_the_relation() {
    let mut world = World::new(2);
    world.hook(1);
    assert_eq!(words(&world.hook(1).needs), ["stored", "line"]);
}

#[test]
fn a_waiting_unit_reads_the_one_unit_that_the_hook_is_about() {
    let mut world = World::new(4);
    world.line_up(0..4);
    let mut first = world.hook(3);
    first.release(&mut world);
    assert!(
        words(&first.needs).contains(&"own"),
        "to see its request committed"
    );
    let facts = world.facts(3);
    let mut visit = world.visit(crate::engine::Facts {
        remote_unit: Some(name(1)),
        ..facts
    });
    let started = visit.start(&mut world);
    assert!(matches!(started, Start::Waiting(Wait::Behind(_))));
    visit.release(&mut world);
    assert_eq!(words(&visit.needs), ["stored", "line", "records"]);
    assert_eq!(visit.needs[2], Need::Records(relation(), vec![name(1)]));
    assert!(visit.effects.is_empty(), "{:?}", visit.effects);
}

#[test]
fn before_it_begins_the_operation_a_unit_asks_which_relation_is_the_lowest() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut visit = world.hook(1);
    assert!(matches!(visit.start(&mut world), Start::Begun(..)));
    assert_eq!(
        words(&visit.needs),
        ["stored", "line", "own", "relations", "gate", "shared"]
    );
}

#[test]
fn a_unit_is_asked_whether_it_may_begin_only_when_its_turn_has_come() {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    let mut waits = world.hook(2);
    assert!(matches!(waits.start(&mut world), Start::Waiting(_)));
    assert!(!words(&waits.needs).contains(&"gate"));
    // Nor is it asked again about what has begun before and has failed.
    let mut fails = world.hook(1);
    fails.start(&mut world);
    fails.ask(&mut world, |engine| engine.finish(&lock(), Err("no"), None));
    fails.release(&mut world);
    world.gate = Gate::Blocked("a backup".to_owned());
    let mut again = world.hook(1);
    assert!(matches!(again.start(&mut world), Start::Begun(..)));
    assert!(!words(&again.needs).contains(&"gate"));
}

#[test]
fn the_leader_reads_all_members_at_once() {
    let mut world = World::new(40);
    let mut visit = world.hook(0);
    visit.release(&mut world);
    let others: Vec<_> = (1..40).map(name).collect();
    let others: BTreeSet<_> = others.into_iter().collect();
    let records = visit.needs.iter().filter_map(|need| match need {
        Need::Records(_, units) => Some(units.iter().cloned().collect::<BTreeSet<_>>()),
        _ => None,
    });
    assert_eq!(records.collect::<Vec<_>>(), [others]);
}

#[test]
fn a_question_that_has_to_know_something_leaves_no_trace() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut engine = Engine::new(world.facts(1));
    let mut needs = 0;
    while let Err(need) = engine.request(&lock(), None, &Payload::default()) {
        assert_eq!(engine.poll_effect(), None);
        assert!(engine.poll_warnings().is_empty());
        assert!(!engine.is_running(&lock()));
        engine.handle_answer(world.answer(&name(1), &need));
        needs += 1;
    }
    assert_eq!(needs, 3, "stored, line, own");
    assert!(engine.poll_effect().is_some());
}
