//! What operators want, on the leader.

use super::super::Need;
use super::fixture::{Visit, World, lock, name};
use crate::{
    Instructed, Instruction, OnFailure, Reading, Start, Ticket, Wait, decode_line, decode_record,
};

fn pause(reason: &str) -> Instruction {
    Instruction::Pause {
        reason: reason.to_owned(),
    }
}

fn instruct(world: &mut World, instruction: &Instruction) -> Instructed {
    let mut visit = world.action(0);
    visit.ask(world, |engine| engine.instruct(&lock(), instruction))
}

fn paused(world: &World) -> Option<String> {
    let line = decode_line(world.line.as_deref());
    line.good()?.locks.get(&lock())?.paused.clone()
}

/// Units 1 and 2 are in line, and unit 1 has failed and stopped.
fn after_a_failure() -> World {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    fails(&mut world);
    world
}

fn fails(world: &mut World) -> Visit {
    let mut visit = world.hook(1);
    assert!(visit.start(world).begun().is_some());
    visit.ask(world, |engine| {
        engine.fail(&lock(), "exit code 1", OnFailure::Stop)
    });
    visit.release(world);
    visit
}

fn waits(world: &mut World, unit: u32) -> Wait {
    match world.hook(unit).start(world) {
        Start::Waiting(wait) => wait,
        other => panic!("{other:?}"),
    }
}

fn ticket(world: &World, unit: u32) -> Ticket {
    let record = world.bags.get(&name(unit)).map(String::as_str);
    let record = decode_record(record);
    let record = record.good().unwrap();
    record.outstanding(&name(unit), &lock()).unwrap()
}

#[test]
fn a_pause_holds_all_and_repeating_it_writes_nothing() {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    assert_eq!(
        instruct(&mut world, &pause("night")),
        Instructed::Done(None)
    );
    assert_eq!(waits(&mut world, 1), Wait::Paused("night".to_owned()));
    assert_eq!(
        instruct(&mut world, &pause("night")),
        Instructed::AlreadySo(None)
    );
    assert_eq!(instruct(&mut world, &pause("dawn")), Instructed::Done(None));
    assert_eq!(paused(&world).as_deref(), Some("dawn"));
    assert_eq!(
        instruct(&mut world, &Instruction::Resume),
        Instructed::Done(None)
    );
    assert_eq!(
        instruct(&mut world, &Instruction::Resume),
        Instructed::AlreadySo(None)
    );
    assert!(world.hook(1).start(&mut world).begun().is_some());
}

#[test]
fn what_runs_when_the_lock_is_paused_ends_and_the_next_waits() {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    instruct(&mut world, &pause("night"));
    visit.finish(&mut world);
    visit.release(&mut world);
    assert_eq!(waits(&mut world, 2), Wait::Paused("night".to_owned()));
}

#[test]
fn a_stopped_unit_holds_up_the_line_until_it_may_try_again() {
    let mut world = after_a_failure();
    assert_eq!(
        waits(&mut world, 1),
        Wait::Stopped("exit code 1".to_owned())
    );
    assert!(matches!(waits(&mut world, 2), Wait::Behind(_)));
    let retry = Instruction::Retry(name(1));
    let ticket = ticket(&world, 1);
    let done = Instructed::Done(Some(ticket.clone()));
    assert_eq!(instruct(&mut world, &retry), done);
    let already = Instructed::AlreadySo(Some(ticket));
    assert_eq!(instruct(&mut world, &retry), already);
    fails(&mut world);
    assert_eq!(
        waits(&mut world, 1),
        Wait::Stopped("exit code 1".to_owned())
    );
    assert_eq!(instruct(&mut world, &retry), done, "once more");
    let mut visit = world.hook(1);
    let (attempt, _) = visit.start(&mut world).begun().unwrap();
    assert_eq!(attempt.number, 3);
    visit.finish(&mut world);
    assert!(world.hook(2).start(&mut world).begun().is_some());
}

#[test]
fn only_what_has_stopped_can_be_retried_and_only_what_was_asked_for_skipped() {
    let mut world = after_a_failure();
    let waiting = ticket(&world, 2);
    assert_eq!(
        instruct(&mut world, &Instruction::Retry(name(2))),
        Instructed::NotStopped(waiting)
    );
    for instruction in [Instruction::Retry(name(0)), Instruction::Skip(name(0))] {
        assert_eq!(
            instruct(&mut world, &instruction),
            Instructed::NothingAsked(name(0))
        );
    }
}

#[test]
fn a_leader_permits_itself_a_retry_and_reads_it_only_in_another_hook() {
    let mut world = World::new(2);
    world.line_up([0]);
    let mut visit = world.hook(0);
    visit.start(&mut world);
    visit.ask(&mut world, |engine| {
        engine.fail(&lock(), "exit code 1", OnFailure::Stop)
    });
    let done = Instructed::Done(Some(ticket(&world, 0)));
    let mut action = world.action(0);
    let retry = Instruction::Retry(name(0));
    let answer = action.ask(&mut world, |engine| engine.instruct(&lock(), &retry));
    assert_eq!(answer, done);
    assert!(action.did().contains(&"wake"), "{:?}", action.did());
    assert!(action.start(&mut world).begun().is_none());
    assert!(world.hook(0).start(&mut world).begun().is_some());
}

#[test]
fn a_skipped_unit_ends_its_request_itself_and_the_next_starts() {
    let mut world = after_a_failure();
    let skip = Instruction::Skip(name(1));
    let done = Instructed::Done(Some(ticket(&world, 1)));
    assert_eq!(instruct(&mut world, &skip), done);
    assert!(matches!(waits(&mut world, 2), Wait::Behind(_)));
    world.hook(1).release(&mut world);
    let record = decode_record(world.bags.get(&name(1)).map(String::as_str));
    let Reading::Good(record) = record else {
        panic!()
    };
    let state = &record.locks[&lock()];
    let outcome = state.outcome.as_ref().map(crate::wire::Outcome::as_str);
    assert_eq!((outcome, state.stopped), (Some("skipped"), false));
    assert!(world.hook(2).start(&mut world).begun().is_some());
}

#[test]
fn a_stopped_unit_costs_one_more_read_than_one_that_waits() {
    let mut world = after_a_failure();
    world.hook(1).release(&mut world);
    let mut visit = world.hook(1);
    visit.start(&mut world);
    let tools = |need: &&Need| !matches!(need, Need::Stored(_));
    assert_eq!(visit.needs.iter().filter(tools).count(), 2);
}

#[test]
fn another_hook_follows_an_order_because_nobody_looked_who_could_join_the_line() {
    let mut world = World::new(2);
    world.line_up([1]);
    let mut visit = world.action(0);
    visit.ask(&mut world, |engine| {
        engine.instruct(&lock(), &pause("night"))
    });
    assert!(visit.did().contains(&"wake"));
    let mut quiet = world.action(0);
    quiet.release(&mut world);
    assert!(!quiet.did().contains(&"wake"));
}

#[test]
fn what_is_cancelled_by_force_leaves_the_line_at_once() {
    let mut world = World::new(3);
    world.line_up([1, 2]);
    let forced = Instruction::Force(name(1));
    let told = instruct(&mut world, &forced);
    assert!(matches!(told, Instructed::Done(Some(_))), "{told:?}");
    assert_eq!(world.line(), ["app/2#1"]);
}
