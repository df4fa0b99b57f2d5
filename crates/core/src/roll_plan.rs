//! What would happen if nothing else did: who goes when, and what stands in the way.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::policy::{Policy, Request, Situation, Tail};
use crate::{Line, LockLine, LockName, Reading, Ticket, UnitName, UnitRecord};

/// A dry run of one lock's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RollPlan {
    /// The lock.
    pub lock: LockName,
    /// The unit that wrote the line, if there is one.
    pub leader: Option<UnitName>,
    /// What stands in the way. The steps are as if it did not.
    pub obstacles: Vec<Obstacle>,
    /// Who goes when: the units of a step run together, and the next step comes when all of them have finished.
    pub steps: Vec<Vec<Planned>>,
}

/// A unit's turn in a [`RollPlan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Planned {
    /// Whose turn it is.
    pub unit: UnitName,
    /// The number of its request.
    pub seq: u64,
    /// Whether it is in the line already; if not, a change of the policy or an older request may still change its place.
    pub in_line: bool,
    /// Its wave.
    pub wave: u32,
    #[serde(skip)]
    limit: u32,
}

/// Something that keeps a roll from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Obstacle {
    /// What it is.
    pub kind: ObstacleKind,
    /// The unit that it is about, if it is about one.
    pub unit: Option<UnitName>,
    /// More about it, in words; empty if there is no more to say.
    pub why: String,
}

/// The kinds of obstacles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ObstacleKind {
    /// The line cannot be used.
    Frozen,
    /// The line is not open yet.
    NotOpen,
    /// The lock has moved to another endpoint.
    Moved,
    /// An operator has paused the lock.
    Paused,
    /// The unit's operation has failed and waits for an operator.
    Stopped,
    /// The unit's operation has succeeded, and its check fails.
    CheckFails,
    /// The unit's databag cannot be read, so nobody can see whether it has finished.
    Unreadable,
    /// The unit is unavailable, and the policy limits how many may be.
    Unavailable,
    /// The unit has left the relation, and keeps its place until Juju forgets it.
    Leaving,
}

impl ObstacleKind {
    /// The kind in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::NotOpen => "not open",
            Self::Moved => "moved",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::CheckFails => "check fails",
            Self::Unreadable => "unreadable",
            Self::Unavailable => "unavailable",
            Self::Leaving => "leaving",
        }
    }
}

impl RollPlan {
    /// The plan, given the line, the records of all units that the relation lists and of this one, and the policy by
    /// which the leader fills the line.
    pub(crate) fn of(
        lock: &LockName,
        line: &Reading<Line>,
        records: &BTreeMap<UnitName, Reading<UnitRecord>>,
        here: &BTreeSet<UnitName>,
        policy: &dyn Policy,
    ) -> Self {
        let mut queue = waiting(lock, line, records);
        let mut obstacles = obstacles(lock, line, records, here, &queue);
        let locked = line.good().and_then(|line| line.locks.get(lock));
        let requests = requests(lock, records, here, locked, &queue);
        let leader = line.good().map(|line| &line.leader);
        if let Some(leader) = leader.or_else(|| here.first()) {
            let tail = queue.last().map(|last| {
                let record = records.get(&last.unit).and_then(Reading::good);
                Tail::new(last.wave, record.and_then(|record| record.zone.as_deref()))
            });
            let last = locked.and_then(|line| line.entries.last());
            let mut situation = Situation::new(leader);
            situation.units = here.len();
            situation.requests = queue.len() + requests.len();
            situation.last = last.map(|last| &last.ticket.unit);
            situation.tail = tail;
            let mut limit = policy.limit(lock, &situation);
            if let Some(most) = policy.max_unavailable(lock, &situation) {
                let unavailable = unavailable(records, here, &queue);
                // The unavailable units go first, and whatever is left goes one after the other.
                let spare = (most as usize).saturating_sub(unavailable.len()).max(1);
                limit = limit.min(u32::try_from(spare).unwrap_or(u32::MAX));
                obstacles.extend(unavailable);
            }
            let joining = joining(lock, &queue, requests, policy, &situation, limit);
            queue.extend(joining);
        }
        Self {
            lock: lock.clone(),
            leader: line.good().map(|line| line.leader.clone()),
            obstacles,
            steps: steps(queue),
        }
    }
}

/// The unfinished entries of the line.
fn waiting(
    lock: &LockName,
    line: &Reading<Line>,
    records: &BTreeMap<UnitName, Reading<UnitRecord>>,
) -> Vec<Planned> {
    let finished = |ticket: &Ticket| {
        let record = records.get(&ticket.unit).and_then(Reading::good);
        record.is_some_and(|record| record.finished(lock, ticket))
    };
    let line = line.good().and_then(|line| line.locks.get(lock));
    let entries = line.into_iter().flat_map(|line| &line.entries);
    let entries = entries.filter(|entry| !finished(&entry.ticket));
    let planned = entries.map(|entry| Planned {
        unit: entry.ticket.unit.clone(),
        seq: entry.ticket.seq,
        in_line: true,
        wave: entry.wave,
        limit: entry.limit,
    });
    planned.collect()
}

/// What the leader could append.
fn requests(
    lock: &LockName,
    records: &BTreeMap<UnitName, Reading<UnitRecord>>,
    here: &BTreeSet<UnitName>,
    line: Option<&LockLine>,
    queue: &[Planned],
) -> Vec<Request> {
    let in_line = |unit: &UnitName| queue.iter().any(|planned| planned.unit == *unit);
    let asking = records.iter();
    let asking = asking.filter(|(unit, _)| here.contains(*unit) && !in_line(unit));
    let requests = asking.filter_map(|(unit, record)| {
        let record = record.good()?;
        let invited = || Request::invite(unit, lock, record, line?);
        Request::of(unit, lock, record).or_else(invited)
    });
    requests.collect()
}

/// The units that are unavailable and not in the line.
fn unavailable(
    records: &BTreeMap<UnitName, Reading<UnitRecord>>,
    here: &BTreeSet<UnitName>,
    queue: &[Planned],
) -> Vec<Obstacle> {
    let in_line = |unit: &UnitName| queue.iter().any(|planned| planned.unit == *unit);
    let others = records.iter();
    let others = others.filter(|(unit, _)| here.contains(*unit) && !in_line(unit));
    let unavailable = others.filter_map(|(unit, record)| {
        Some(Obstacle {
            kind: ObstacleKind::Unavailable,
            unit: Some(unit.clone()),
            why: record.good()?.unavailable.clone()?,
        })
    });
    unavailable.collect()
}

/// The requests in the order in which they would join the line.
fn joining(
    lock: &LockName,
    queue: &[Planned],
    mut requests: Vec<Request>,
    policy: &dyn Policy,
    situation: &Situation<'_>,
    limit: u32,
) -> Vec<Planned> {
    policy.order(lock, &mut requests, situation);
    let mut wave = queue.last().map_or(0, |last| last.wave);
    let planned = requests.into_iter().map(|request| {
        wave = wave.max(request.wave);
        Planned {
            unit: request.ticket.unit,
            seq: request.ticket.seq,
            in_line: false,
            wave,
            limit,
        }
    });
    planned.collect()
}

/// Who runs together, by the entry rule.
fn steps(mut queue: Vec<Planned>) -> Vec<Vec<Planned>> {
    let mut steps = Vec::new();
    while !queue.is_empty() {
        let may_start = |place: usize| {
            let (ahead, own) = (&queue[..place], &queue[place]);
            // The first one goes even if its limit is unusable.
            place == 0
                || ahead.len() < own.limit as usize
                    && ahead.iter().all(|other| other.wave == own.wave)
        };
        let now: Vec<bool> = (0..queue.len()).map(may_start).collect();
        let mut step = Vec::new();
        let mut later = Vec::new();
        for (planned, now) in queue.into_iter().zip(now) {
            if now { &mut step } else { &mut later }.push(planned);
        }
        steps.push(step);
        queue = later;
    }
    steps
}

fn obstacles(
    lock: &LockName,
    line: &Reading<Line>,
    records: &BTreeMap<UnitName, Reading<UnitRecord>>,
    here: &BTreeSet<UnitName>,
    queue: &[Planned],
) -> Vec<Obstacle> {
    let of_all = |kind, why: String| Obstacle {
        kind,
        unit: None,
        why,
    };
    let mut found = Vec::new();
    found.extend(line.fault().map(|why| of_all(ObstacleKind::Frozen, why)));
    let opening = line.good().and_then(|line| line.opening);
    found.extend(opening.map(|lost| {
        let why = format!("units may still follow relation {lost}");
        of_all(ObstacleKind::NotOpen, why)
    }));
    let locked = line.good().and_then(|line| line.locks.get(lock));
    if let Some(locked) = locked {
        let moved = locked.moved.clone();
        found.extend(moved.map(|to| of_all(ObstacleKind::Moved, format!("to the endpoint {to}"))));
        let paused = locked.paused.clone();
        found.extend(paused.map(|why| of_all(ObstacleKind::Paused, why)));
    }
    let about = |kind, unit: &UnitName, why: String| Obstacle {
        kind,
        unit: Some(unit.clone()),
        why,
    };
    for (unit, record) in records {
        let Reading::Good(record) = record else {
            let fault = record.fault().into_iter();
            found.extend(fault.map(|why| about(ObstacleKind::Unreadable, unit, why)));
            continue;
        };
        let Some(ticket) = record.outstanding(unit, lock) else {
            continue;
        };
        let Some(state) = record.locks.get(lock) else {
            continue;
        };
        let why = state.reason.clone().unwrap_or_default();
        if state.check.is_some_and(|check| !check.ok) && state.reason.is_some() {
            found.push(about(ObstacleKind::CheckFails, unit, why));
        } else if state.stopped && !locked.is_some_and(|line| line.permits(&ticket, state.attempt))
        {
            found.push(about(ObstacleKind::Stopped, unit, why));
        }
    }
    let left = queue.iter().filter(|planned| !here.contains(&planned.unit));
    found.extend(left.map(|left| {
        let why = "it keeps its place until Juju forgets it".to_owned();
        about(ObstacleKind::Leaving, &left.unit, why)
    }));
    found
}

#[cfg(test)]
mod tests {
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
}
