//! What the log, a unit's status and Prometheus are told.

use super::fixture::{Visit, World, lock, name, words};
use crate::engine::Engine;
use crate::{Start, decode_record};

/// What a hook has to say, without the name of the lock.
fn news(visit: &mut Visit) -> Vec<String> {
    let news = visit.engine.poll_news().into_iter();
    let said = news.map(|news| news.to_string());
    said.map(|said| said.replacen("restart: ", "", 1)).collect()
}

fn summary(world: &mut World, visit: &mut Visit) -> Option<String> {
    visit.ask(world, Engine::summary)
}

#[test]
fn each_transition_is_told_once_and_a_quiet_hook_has_nothing_to_say() {
    let mut world = World::new(3);
    let mut asks = world.hook(1);
    asks.request(&mut world);
    assert_eq!(news(&mut asks), ["requested as app/1#1"]);
    asks.request(&mut world);
    assert_eq!(news(&mut asks), [""; 0], "it has joined");
    world.hook(2).request(&mut world);
    world.hook(0).release(&mut world);

    let mut waits = world.hook(2);
    waits.release(&mut world);
    assert_eq!(news(&mut waits), ["app/2#1 is 2nd in line"]);
    let mut quiet = world.hook(2);
    assert!(matches!(quiet.start(&mut world), Start::Waiting(_)));
    quiet.release(&mut world);
    assert_eq!(news(&mut quiet), [""; 0]);

    let mut turn = world.hook(1);
    turn.start(&mut world);
    assert_eq!(news(&mut turn), ["turn begun, app/1#1, attempt 1"]);
    turn.ask(&mut world, |engine| {
        engine.finish(&lock(), Err("exit code 1"), None)
    });
    assert_eq!(
        news(&mut turn),
        ["attempt 1 of app/1#1 did not succeed; the unit keeps its turn: exit code 1"]
    );
    // This one is cut off.
    let mut again = world.hook(1);
    again.start(&mut world);
    assert_eq!(news(&mut again), ["turn begun, app/1#1, attempt 2"]);
    let mut last = world.hook(1);
    last.start(&mut world);
    last.finish(&mut world);
    last.release(&mut world);
    let interrupted = "turn begun, app/1#1, attempt 3; the previous attempt was interrupted";
    assert_eq!(news(&mut last), [interrupted, "done, app/1#1, attempt 3"]);
    let mut withdraws = world.hook(2);
    withdraws.ask(&mut world, |engine| {
        engine.withdraw(&lock(), Some("no longer needed"))
    });
    assert_eq!(
        news(&mut withdraws),
        ["app/2#1 withdrawn: no longer needed"]
    );
}

#[test]
fn what_an_operator_cancels_is_told_by_the_unit_whose_request_it_was() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut leader = world.hook(0);
    let ticket = leader.ask(&mut world, |engine| engine.ticket_of(&lock(), &name(1)));
    let order = crate::Order::Cancel(lock(), ticket.unwrap());
    leader.ask(&mut world, |engine| {
        engine.carry_out(std::slice::from_ref(&order))
    });
    let mut unit = world.hook(1);
    unit.release(&mut world);
    let told = news(&mut unit);
    assert_eq!(told.last().unwrap(), "app/1#1 cancelled by an operator");
}

#[test]
fn what_a_waiting_unit_waits_for_is_known_without_another_call() {
    let mut world = World::new(4);
    world.line_up([1, 2, 3]);
    // The first look reads the unit's own databag; from then on its journal is confirmed.
    world.hook(3).release(&mut world);
    let mut visit = world.hook(3);
    visit.start(&mut world);
    let needs = visit.needs.len();
    let said = summary(&mut world, &mut visit);
    assert_eq!(said.unwrap(), "restart: 3rd in line, behind app/1, app/2");
    assert_eq!(visit.needs.len(), needs, "{:?}", words(&visit.needs));
}

#[test]
fn of_an_operation_that_this_hook_runs_its_status_says_nothing() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut visit = world.hook(1);
    assert_eq!(
        summary(&mut world, &mut visit).unwrap(),
        "restart: its next hook begins"
    );
    visit.start(&mut world);
    assert_eq!(summary(&mut world, &mut visit), None);
    visit.ask(&mut world, |engine| {
        engine.finish(&lock(), Err("no port"), None)
    });
    assert_eq!(
        summary(&mut world, &mut visit).unwrap(),
        "restart: attempt 1 failed: no port; its next hook tries again"
    );
}

#[test]
fn times_are_published_with_what_is_published_anyway_and_counted() {
    let mut world = World::new(2);
    world.wall = Some(1000);
    world.hook(1).request(&mut world);
    world.wall = Some(1010);
    world.hook(0).release(&mut world);
    assert!(world.line.as_ref().unwrap().contains(r#""at":1010"#));
    world.wall = Some(1040);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    world.wall = Some(1047);
    visit.finish(&mut world);
    visit.release(&mut world);
    let record = decode_record(world.bags.get(&name(1)).map(String::as_str));
    let state = &record.good().unwrap().locks[&lock()];
    let at = |time: Option<crate::Wall>| time.map(|time| time.0);
    assert_eq!(
        (at(state.requested_at), at(state.ended_at)),
        (Some(1000), Some(1047))
    );
    let text = visit.ask(&mut world, Engine::metrics);
    for (series, value) in [
        ("wait_seconds_sum", 40),
        ("wait_seconds_count", 1),
        ("operation_seconds_sum", 7),
        ("operation_seconds_count", 1),
    ] {
        let line = format!("ops_coordinator_{series}{{unit=\"app/1\",lock=\"restart\"}} {value}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[test]
fn each_attempt_that_was_cut_off_is_counted() {
    let mut world = World::new(2);
    world.wall = Some(1000);
    world.line_up([1]);
    for _ in 0..3 {
        world.hook(1).start(&mut world);
    }
    let mut visit = world.hook(1);
    let text = visit.ask(&mut world, Engine::metrics);
    let line = "ops_coordinator_interruptions_total{unit=\"app/1\",lock=\"restart\"} 2\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn without_a_wall_clock_nothing_has_a_time_and_nothing_is_counted() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    visit.finish(&mut world);
    visit.release(&mut world);
    for published in world.bags.values().chain(&world.line) {
        let has_time = [r#""at":"#, r#""end":"#].map(|time| published.contains(time));
        assert_eq!(has_time, [false; 2], "{published}");
    }
    let journal = world.disks[&name(1)].journal.clone().unwrap();
    assert!(!serde_json::to_string(&journal).unwrap().contains("tally"));
}

#[test]
fn no_clock_of_any_unit_changes_what_is_done() {
    /// A roll of three units, the first attempt of which fails; what each hook read and did.
    fn roll(wall: impl Fn(u64) -> Option<u64>) -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
        let mut world = World::new(3);
        let mut hooks = Vec::new();
        for round in 0..6 {
            for unit in 0..3 {
                world.wall = wall(round * 3 + u64::from(unit));
                let mut visit = world.hook(unit);
                let mut did = Vec::new();
                if round == 0 {
                    visit.request(&mut world);
                    did.extend(visit.did());
                }
                if matches!(visit.start(&mut world), Start::Begun(..)) {
                    did.extend(visit.did());
                    let result = if round == 1 { Err("no port") } else { Ok(()) };
                    visit.ask(&mut world, |engine| engine.finish(&lock(), result, None));
                    did.extend(visit.did());
                }
                visit.release(&mut world);
                did.extend(visit.did());
                hooks.push((words(&visit.needs), did));
            }
        }
        assert_eq!(world.line(), ["app/1#1", "app/2#1"]);
        hooks
    }
    let without = roll(|_| None);
    assert_eq!(roll(Some), without);
    assert_eq!(roll(|hook| Some(1000 - hook)), without, "backwards");
    assert_eq!(roll(|hook| Some(hook * 7919 % 100)), without, "at random");
    assert_eq!(
        roll(|hook| (hook % 2 == 0).then_some(hook)),
        without,
        "at times"
    );
}
