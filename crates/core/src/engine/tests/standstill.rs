//! Units that the controller has forgotten, and the relation has not.

use super::fixture::{Visit, World, name, words};
use crate::encode_record;

/// How long a unit waits behind an entry that does not move before the leader asks the controller.
const STANDSTILL: u64 = 60_000;

fn asks_the_controller(visit: &Visit) -> bool {
    words(&visit.needs).contains(&"goal-state")
}

/// A hook of the leader a minute later, about no unit.
fn a_minute_later(world: &mut World) -> Visit {
    world.now += STANDSTILL;
    let mut visit = world.hook(0);
    visit.release(world);
    visit
}

/// Unit 2 was at the front, the controller has forgotten it, and the leader has found that out.
fn forgotten() -> World {
    let mut world = World::new(3);
    world.line_up([2]);
    world.units = 2;
    world.untold = vec![2];
    assert!(
        !asks_the_controller(&a_minute_later(&mut world)),
        "nobody waits for it"
    );
    world.hook(1).request(&mut world);
    a_minute_later(&mut world);
    assert!(asks_the_controller(&a_minute_later(&mut world)));
    assert_eq!(world.line(), ["app/1#1"]);
    world
}

/// The same, once unit 1 has had its turn.
fn forgotten_for_good() -> World {
    let mut world = forgotten();
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.finish(&mut world);
    visit.release(&mut world);
    world
}

#[test]
fn whoever_is_forgotten_does_not_come_back_by_an_old_record() {
    let mut world = forgotten_for_good();
    world.hook(0).release(&mut world);
    assert_eq!(
        world.line(),
        ["app/1#1"],
        "which is finished, and still there"
    );
}

#[test]
fn whoever_a_hook_is_about_is_back() {
    let mut world = forgotten_for_good();
    world.units = 3;
    world.untold.clear();
    world.hook(0).release(&mut world);
    assert_eq!(world.line(), ["app/1#1"], "nothing has told so");
    world.changed(0, Some(2)).release(&mut world);
    assert_eq!(world.line(), ["app/2#1"]);
}

#[test]
fn a_new_life_under_an_old_name_is_another_unit() {
    let mut world = forgotten_for_good();
    world.units = 3;
    world.untold.clear();
    let reborn = encode_record(&crate::fixture::record(77, 1, 0));
    world.bags.insert(name(2), reborn);
    // Its record is read because the hook is about no relation.
    world.hook(0).release(&mut world);
    assert_eq!(world.line(), ["app/2#1"]);
}
