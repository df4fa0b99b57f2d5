//! What keeps an operation from beginning although its turn has come.

use super::fixture::{World, lock, name};
use crate::engine::{Effect, Engine, Gate};
use crate::{Errand, Start, Turn, Wait, decode_record};

fn outside(opens_in: u64) -> Gate {
    Gate::Outside {
        opens: "Mon 02:00 Europe/London".to_owned(),
        opens_in,
    }
}

fn blocked(why: &str) -> Gate {
    Gate::Blocked(why.to_owned())
}

/// A unit whose turn has come, and its gate.
fn at_the_front(gate: Gate) -> World {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    world.gate = gate;
    world
}

fn held(world: &World) -> Option<String> {
    let record = decode_record(world.bags.get(&name(1)).map(String::as_str));
    record.good()?.locks[&lock()].held.clone()
}

fn wakers(effects: &[Effect]) -> Vec<Errand> {
    let errand = |effect: &Effect| match effect {
        Effect::Wake { errand, .. } => Some(*errand),
        _ => None,
    };
    effects.iter().filter_map(errand).collect()
}

#[test]
fn outside_its_window_a_unit_keeps_its_turn_and_says_so() {
    let mut world = at_the_front(outside(7_200_000));
    let mut visit = world.hook(1);
    let why = "outside its window, opens Mon 02:00 Europe/London".to_owned();
    assert_eq!(visit.start(&mut world), Start::Waiting(Wait::HeldBack(why)));
    assert_eq!(wakers(&visit.effects), [], "update-status comes before");
    visit.release(&mut world);
    assert_eq!(
        held(&world).as_deref(),
        Some("opens Mon 02:00 Europe/London")
    );
    let turn = world.hook(1).ask(&mut world, |engine| engine.turn(&lock()));
    assert!(matches!(turn, Turn::Start(_)), "{turn:?}");
    let behind = world.hook(2).start(&mut world);
    assert!(matches!(behind, Start::Waiting(Wait::Behind(_))));
    // The window opens.
    world.gate = Gate::Open;
    let mut visit = world.hook(1);
    assert!(matches!(visit.start(&mut world), Start::Begun(..)));
    visit.finish(&mut world);
    assert_eq!(held(&world), None);
}

#[test]
fn a_window_that_opens_soon_is_waited_for_by_one_waker() {
    let mut world = at_the_front(outside(60_000));
    let mut started = Vec::new();
    for (now, opens_in) in [(0, 60_000), (20_000, 40_000), (59_000, 1_000)] {
        world.now = now;
        world.gate = outside(opens_in);
        let mut visit = world.hook(1);
        visit.start(&mut world);
        started.extend(wakers(&visit.effects));
        visit.release(&mut world);
    }
    assert_eq!(started, [Errand::Later(60_000)]);
    // It has gone off, and the window is still closed: as on a clock that was set back.
    world.now = 61_000;
    world.gate = outside(30_000);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    assert_eq!(wakers(&visit.effects), [Errand::Later(30_000)]);
}

#[test]
fn a_waker_that_cannot_be_started_is_tried_again() {
    let mut world = at_the_front(outside(60_000));
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit
        .engine
        .handle_wake_failed("peers", Errand::Later(60_000), "no such file");
    visit.ask(&mut world, Engine::open);
    let mut next = world.hook(1);
    next.start(&mut world);
    assert_eq!(wakers(&next.effects), [Errand::Later(60_000)]);
}

#[test]
fn a_blocker_whose_words_change_does_not_wake_the_others_again_and_again() {
    let mut world = at_the_front(blocked("lag 40 s"));
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.release(&mut world);
    assert_eq!(held(&world).as_deref(), Some("blocked: lag 40 s"));
    world.gate = blocked("lag 35 s");
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.release(&mut world);
    assert!(!visit.did().contains(&"record"), "{:?}", visit.did());
    assert_eq!(held(&world).as_deref(), Some("blocked: lag 40 s"));
    // A window closes as well, and that is news.
    world.gate = outside(7_200_000);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.release(&mut world);
    assert!(held(&world).is_some_and(|held| held.starts_with("opens")));
}
