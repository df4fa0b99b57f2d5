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
mod tests;
