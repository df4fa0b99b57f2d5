//! Who would go when, and what stands in the way.

use super::*;
use crate::fixture::{lock, record};
use crate::policy::{Limit, Rotation, Rules};
use crate::{CheckStanding, Entry, Incarnation, LockLine, Retry};

fn name(unit: u32) -> UnitName {
    format!("app/{unit}").parse().unwrap()
}

fn ticket(unit: u32) -> Ticket {
    Ticket {
        unit: name(unit),
        incarnation: Incarnation::from_random(unit),
        seq: 1,
    }
}

/// A line of units with their limits and waves.
fn line(entries: &[(u32, u32, u32)], change: impl FnOnce(&mut LockLine)) -> Reading<Line> {
    let entry = |&(unit, limit, wave): &(u32, u32, u32)| Entry {
        ticket: ticket(unit),
        limit,
        wave,
        at: None,
        unknown: BTreeMap::new(),
    };
    let mut locked = LockLine {
        entries: entries.iter().map(entry).collect(),
        ..LockLine::default()
    };
    change(&mut locked);
    Reading::Good(Line {
        term: 1,
        version: 1,
        leader: name(0),
        opening: None,
        locks: BTreeMap::from([(lock(), locked)]),
        unknown: BTreeMap::new(),
    })
}

fn records(units: &[(u32, u64)]) -> BTreeMap<UnitName, Reading<UnitRecord>> {
    let record = |&(unit, done)| (name(unit), Reading::Good(record(unit, 1, done)));
    units.iter().map(record).collect()
}

fn plan(
    line: &Reading<Line>,
    records: &BTreeMap<UnitName, Reading<UnitRecord>>,
    limit: u32,
) -> RollPlan {
    let here = records.keys().cloned().collect();
    let policy = Rotation {
        limit,
        lookahead: 2,
    };
    RollPlan::of(&lock(), line, records, &here, &policy)
}

fn units(plan: &RollPlan) -> Vec<Vec<u32>> {
    let step = |step: &Vec<Planned>| step.iter().map(|planned| planned.unit.number()).collect();
    plan.steps.iter().map(step).collect()
}

#[test]
fn who_is_in_line_goes_first_and_then_who_would_join_it() {
    let records = records(&[(1, 0), (2, 1), (3, 0), (4, 0), (5, 0)]);
    let line = line(&[(2, 1, 0), (4, 1, 0)], |_| ());
    let plan = plan(&line, &records, 2);
    assert_eq!(units(&plan), [vec![4, 5], vec![1, 3]]);
    assert!(plan.steps[0][0].in_line && !plan.steps[1][0].in_line);
    assert_eq!(plan.obstacles, []);
}

#[test]
fn a_wave_waits_for_the_one_before_and_a_limit_for_its_own_entries() {
    let all = records(&[(1, 0), (2, 0), (3, 0), (4, 0)]);
    let waves = line(&[(1, 9, 0), (2, 9, 0), (3, 9, 1), (4, 9, 1)], |_| ());
    assert_eq!(units(&plan(&waves, &all, 1)), [vec![1, 2], vec![3, 4]]);
    let limits = line(&[(1, 1, 0), (2, 1, 0), (3, 3, 0), (4, 1, 0)], |_| ());
    let expected = [vec![1, 3], vec![2], vec![4]];
    assert_eq!(units(&plan(&limits, &all, 1)), expected);
}

/// Three at once, among them those that are unavailable.
fn three_at_once() -> Rules {
    Rules {
        limit: Limit::new(3).unwrap(),
        max_unavailable: Limit::new(3),
        ..Rules::default()
    }
}

#[test]
fn a_plan_takes_units_that_are_unavailable_into_account() {
    let mut records = records(&[(1, 0), (2, 0), (3, 0), (4, 1)]);
    if let Some(Reading::Good(record)) = records.get_mut(&name(4)) {
        record.unavailable = Some("the disk is full".to_owned());
    }
    let here = records.keys().cloned().collect();
    let policy = three_at_once();
    let plan = RollPlan::of(&lock(), &Reading::Absent, &records, &here, &policy);
    assert_eq!(units(&plan), [vec![1, 2], vec![3]]);
    let obstacle = &plan.obstacles[0];
    assert_eq!(obstacle.kind, ObstacleKind::Unavailable);
    assert_eq!(
        (obstacle.unit.as_ref(), obstacle.why.as_str()),
        (Some(&name(4)), "the disk is full")
    );
}

/// Whoever is in the line counts there, however it is.
#[test]
fn a_unit_in_the_line_that_is_unavailable_uses_its_place_once() {
    let mut records = records(&[(1, 0), (2, 0), (3, 0)]);
    if let Some(Reading::Good(record)) = records.get_mut(&name(1)) {
        record.unavailable = Some("the disk is full".to_owned());
    }
    let here = records.keys().cloned().collect();
    let policy = three_at_once();
    let line = line(&[(1, 3, 0)], |_| ());
    let plan = RollPlan::of(&lock(), &line, &records, &here, &policy);
    assert_eq!(units(&plan), [vec![1, 2, 3]]);
    assert_eq!(plan.obstacles, []);
}

/// Lets in as many as wait.
struct AllThatWait;

impl Policy for AllThatWait {
    fn limit(&self, _: &LockName, situation: &Situation<'_>) -> u32 {
        u32::try_from(situation.requests).unwrap()
    }

    fn lookahead(&self, _: &LockName) -> u32 {
        9
    }

    fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {}
}

#[test]
fn a_policy_is_told_how_many_wait_in_the_line_and_for_a_place_in_it() {
    let records = records(&[(1, 0), (2, 0), (3, 0)]);
    let here = records.keys().cloned().collect();
    let line = line(&[(1, 9, 0)], |_| ());
    let plan = RollPlan::of(&lock(), &line, &records, &here, &AllThatWait);
    assert_eq!(units(&plan), [vec![1, 2, 3]]);
    let plan = RollPlan::of(&lock(), &Reading::Absent, &records, &here, &AllThatWait);
    assert_eq!(units(&plan), [vec![1, 2, 3]]);
}

#[test]
fn each_kind_of_obstacle_has_its_words() {
    let kinds = [
        (ObstacleKind::Frozen, "frozen"),
        (ObstacleKind::NotOpen, "not open"),
        (ObstacleKind::Moved, "moved"),
        (ObstacleKind::Paused, "paused"),
        (ObstacleKind::Stopped, "stopped"),
        (ObstacleKind::CheckFails, "check fails"),
        (ObstacleKind::Unreadable, "unreadable"),
        (ObstacleKind::Unavailable, "unavailable"),
        (ObstacleKind::Leaving, "leaving"),
    ];
    for (kind, words) in kinds {
        assert_eq!(kind.as_str(), words);
    }
}

#[test]
fn without_a_line_the_plan_is_what_the_first_one_would_be() {
    let plan = plan(&Reading::Absent, &records(&[(2, 0), (1, 0)]), 1);
    assert_eq!((units(&plan), plan.leader), (vec![vec![1], vec![2]], None));
}

#[test]
fn a_check_that_fails_is_in_the_way_and_a_soak_is_not() {
    let kinds = |ok| {
        let mut records = records(&[(1, 0), (2, 0)]);
        if let Some(Reading::Good(record)) = records.get_mut(&name(1)) {
            let state = record.locks.get_mut(&lock()).unwrap();
            state.reason = Some("no answer".to_owned());
            state.check = Some(CheckStanding {
                ok,
                since: None,
                until: None,
            });
        }
        let plan = plan(&line(&[(1, 1, 0)], |_| ()), &records, 1);
        let found = plan.obstacles.into_iter();
        found.map(|found| found.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(false), [ObstacleKind::CheckFails]);
    assert_eq!(kinds(true), []);
}

#[test]
fn what_stands_in_the_way_is_named() {
    let mut records = records(&[(1, 0), (2, 0)]);
    if let Some(Reading::Good(record)) = records.get_mut(&name(1)) {
        let state = record.locks.get_mut(&lock()).unwrap();
        (state.stopped, state.attempt) = (true, 1);
        state.reason = Some("exit code 1".to_owned());
    }
    records.insert(name(3), Reading::Unreadable("torn".to_owned()));
    let kinds = |line: &Reading<Line>| {
        let plan = plan(line, &records, 1);
        let found = plan.obstacles.into_iter();
        found.map(|found| found.kind).collect::<Vec<_>>()
    };
    let entries = [(1, 1, 0), (9, 1, 0)];
    let stopped = line(&entries, |_| ());
    let usual = [
        ObstacleKind::Stopped,
        ObstacleKind::Unreadable,
        ObstacleKind::Leaving,
    ];
    assert_eq!(kinds(&stopped), usual);
    let permitted = line(&entries, |line| {
        line.paused = Some("night".to_owned());
        line.moved = Some("peers".to_owned());
        line.retries.push(Retry {
            ticket: ticket(1),
            attempt: 2,
            unknown: BTreeMap::new(),
        });
    });
    let expected = [ObstacleKind::Moved, ObstacleKind::Paused];
    assert_eq!(kinds(&permitted), [&expected[..], &usual[1..]].concat());
    let torn = Reading::Unreadable("torn".to_owned());
    assert_eq!(kinds(&torn)[0], ObstacleKind::Frozen);
    let mut closed = line(&[], |_| ());
    if let Reading::Good(line) = &mut closed {
        line.opening = Some(3);
    }
    assert_eq!(kinds(&closed)[0], ObstacleKind::NotOpen);
}
