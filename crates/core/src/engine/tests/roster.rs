//! What a leader remembers from hook to hook.

use super::fixture::{Visit, World, lock, name, relation, words};
use crate::engine::{Engine, Facts, Need};
use crate::{Order, UnitName};

/// The units whose records were read, in one list for each time.
fn read(visit: &Visit) -> Vec<Vec<UnitName>> {
    let records = visit.needs.iter().filter_map(|need| match need {
        Need::Records(_, units) => Some(units.clone()),
        _ => None,
    });
    records.collect()
}

/// An application whose leader has read everybody.
fn known(units: u32) -> World {
    let mut world = World::new(units);
    world.hook(0).release(&mut world);
    world
}

#[test]
fn a_hook_about_a_unit_reads_that_unit_alone() {
    let mut world = known(40);
    let mut visit = world.changed(0, Some(7));
    visit.release(&mut world);
    assert_eq!(
        words(&visit.needs),
        ["stored", "line", "own", "roster", "records"]
    );
    assert_eq!(read(&visit), [[name(7)]]);
}

#[test]
fn a_hook_about_the_application_reads_nobody() {
    let mut world = known(40);
    let mut visit = world.changed(0, None);
    visit.release(&mut world);
    assert!(read(&visit).is_empty(), "{:?}", visit.needs);
    assert!(!visit.did().contains(&"roster"));
}

#[test]
fn what_was_learnt_serves_a_later_hook() {
    let mut world = known(4);
    world.line_up([1, 2]);
    world.hook(3).request(&mut world);
    world.changed(0, Some(3)).release(&mut world);
    assert_eq!(world.line(), ["app/1#1", "app/2#1"], "somebody is queued");
    for unit in [1, 2] {
        let mut visit = world.hook(unit);
        visit.start(&mut world);
        visit.finish(&mut world);
        visit.release(&mut world);
    }
    let mut visit = world.changed(0, Some(2));
    visit.release(&mut world);
    assert!(world.line().contains(&"app/3#1".to_owned()));
}

#[test]
fn nobody_else_is_read_for_a_free_turn() {
    let mut world = known(8);
    world.hook(2).request(&mut world);
    let mut visit = world.changed(0, Some(5));
    visit.release(&mut world);
    assert_eq!(read(&visit), [[name(5)]]);
    assert!(world.line().is_empty(), "its own hook comes");
}

#[test]
fn a_hook_about_no_relation_reads_everybody() {
    let mut world = known(8);
    world.hook(2).request(&mut world);
    let mut visit = world.hook(0);
    visit.release(&mut world);
    assert_eq!(read(&visit).concat().len(), 7);
    assert_eq!(world.line(), ["app/2#1"]);
}

#[test]
fn after_a_hook_that_did_not_look_everybody_is_read() {
    let mut world = known(8);
    world.hook(2).request(&mut world);
    // It began, and was cut off or has never released.
    world.changed(0, Some(2));
    let mut visit = world.changed(0, Some(5));
    visit.release(&mut world);
    assert_eq!(read(&visit).concat().len(), 7);
    assert_eq!(world.line(), ["app/2#1"]);
}

#[test]
fn after_another_unit_has_led_everybody_is_read() {
    let mut world = known(8);
    world.leader = 1;
    world.changed(0, Some(2)).release(&mut world);
    world.leader = 0;
    world.hook(3).request(&mut world);
    let mut visit = world.changed(0, Some(5));
    visit.release(&mut world);
    assert_eq!(read(&visit).concat().len(), 7);
}

#[test]
fn a_lost_roster_costs_reads_and_nothing_else() {
    let mut world = known(8);
    world.rosters.clear();
    let mut visit = world.changed(0, Some(2));
    visit.release(&mut world);
    assert_eq!(read(&visit).concat().len(), 7);
    assert!(visit.did().contains(&"roster"));
}

#[test]
fn a_roster_of_another_relation_does_not_count() {
    let mut world = known(8);
    let roster = world.rosters.values_mut().next().unwrap();
    roster.relation = crate::RelationId::new("peers:9");
    let mut visit = world.changed(0, Some(2));
    visit.release(&mut world);
    assert_eq!(read(&visit).concat().len(), 7);
}

#[test]
fn a_newcomer_is_a_member_from_its_first_hook() {
    let mut world = known(3);
    world.units = 4;
    world.hook(3).request(&mut world);
    world.changed(0, Some(3)).release(&mut world);
    assert_eq!(world.line(), ["app/3#1"]);
}

#[test]
fn a_unit_that_departs_is_forgotten() {
    let mut world = known(4);
    world.line_up([3]);
    world.units = 3;
    let facts = world.changed_facts(0, Some(3));
    let mut visit = world.visit(Facts {
        departing_unit: Some(name(3)),
        ..facts
    });
    visit.release(&mut world);
    assert!(visit.needs.contains(&Need::Members(relation())));
    assert!(
        world.line().is_empty(),
        "the controller does not know it any more"
    );
    let mut later = world.changed(0, Some(2));
    later.release(&mut world);
    assert!(!later.needs.contains(&Need::Members(relation())));
}

#[test]
fn whoever_has_departed_is_remembered_while_it_is_in_the_line_and_until_it_is_back() {
    let departed = |world: &World| -> Vec<UnitName> {
        let session = world.disks[&name(1)].session.as_ref().unwrap();
        session.departed.iter().cloned().collect()
    };
    let departs = |world: &mut World, other: u32| {
        let facts = world.changed_facts(1, Some(other));
        drop(world.visit(Facts {
            departing_unit: Some(name(other)),
            ..facts
        }));
        departed(world)
    };
    let mut world = known(4);
    world.line_up([2]);
    assert_eq!(departs(&mut world, 3), [], "it is not in the line");
    assert_eq!(departs(&mut world, 2), [name(2)]);
    drop(world.changed(1, Some(3)));
    assert_eq!(departed(&world), [name(2)]);
    drop(world.changed(1, Some(2)));
    assert_eq!(departed(&world), []);
}

#[test]
fn an_old_record_never_hides_that_a_unit_has_finished_in_the_line() {
    let mut world = known(3);
    world.line_up([1, 2]);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.finish(&mut world);
    visit.release(&mut world);
    // The leader waits itself, and looks at who is before it.
    world.hook(0).request(&mut world);
    let mut visit = world.changed(0, Some(2));
    let waits = visit.ask(&mut world, |engine| engine.turn(&lock()));
    assert!(matches!(waits, crate::Turn::Wait(_)));
}

#[test]
fn an_order_is_carried_out_with_everybody_read() {
    let mut world = known(4);
    world.line_up([1]);
    let mut visit = world.action(0);
    let ticket = visit.ask(&mut world, |engine| engine.ticket_of(&lock(), &name(1)));
    let orders = [Order::Cancel(lock(), ticket.unwrap())];
    visit.ask(&mut world, |engine| engine.carry_out(&orders));
    assert_eq!(read(&visit).concat().len(), 3);
}

#[test]
fn another_process_of_the_hook_continues_with_what_the_first_has_read() {
    let mut world = known(8);
    let facts = world.changed_facts(0, Some(2));
    let mut first = world.visit(facts.clone());
    first.release(&mut world);
    let mut second = world.visit(facts);
    second.release(&mut world);
    assert_eq!(words(&second.needs), ["stored", "roster"]);
    assert!(Engine::open(&mut second.engine).is_ok());
}
