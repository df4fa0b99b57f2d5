//! How the leader maintains the line: it appends requests, removes entries that are over, and does nothing else.

use std::collections::{BTreeMap, BTreeSet};

mod keeper;
mod opening;
mod plan;

pub(crate) use plan::{Lead, Plan, Postponed};

use crate::policy::Policy;
use crate::{Line, LockLine, LockName, Order, Reading, Turn, UnitName, invariant};
use keeper::Keeper;
use opening::{Census, census};

/// How long after reading the line a leader may still write it, in milliseconds. Juju promises that
/// nobody else leads within 30 s of a positive answer; the remaining time is for the hook to end and commit.
pub(crate) const WRITE_WITHIN: u64 = 25_000;

/// Decides what to do about the line, from what the hook has read.
pub(crate) fn lead(input: &Lead<'_>, policy: &dyn Policy) -> Plan {
    if let Some(why) = frozen(input) {
        return Plan::Frozen(why);
    }
    let census = census(input);
    match census {
        Census::NotNeeded | Census::Complete => {}
        Census::Announce(relation) => {
            let mut line = next_line(input, BTreeMap::new());
            line.opening = Some(relation);
            return write(input, line, true);
        }
        Census::AskController => return Plan::AskGoalState(Vec::new()),
        Census::Wait { wake } => return Plan::Keep { wake },
    }
    let base = input.unit.line().good();
    let mut locks = base.map(|line| line.locks.clone()).unwrap_or_default();
    for lock in requested_locks(input).chain(ordered_locks(input)) {
        locks.entry(lock).or_default();
    }
    let mut missing = BTreeSet::new();
    let opens = census == Census::Complete;
    let (mut changed, mut only_appended) = (opens, !opens);
    for (lock, line) in &mut locks {
        let kept = Keeper { input, lock }.keep(line, policy);
        changed |= kept.changed();
        only_appended &= !kept.removed;
        missing.extend(kept.missing);
    }
    // A lock is open here once it has a line, so none is made for one that got nothing.
    locks.retain(|lock, line| {
        let known = base.is_some_and(|base| base.locks.contains_key(lock));
        known || *line != LockLine::default()
    });
    if !missing.is_empty() && input.alive.is_none() {
        return Plan::AskGoalState(missing.into_iter().collect());
    }
    // A unit that left but lives: its entry can go as soon as the controller has forgotten it, and
    // nothing tells us when that is.
    let waits_for_leaver = !missing.is_empty();
    if !changed {
        return Plan::Keep {
            wake: waits_for_leaver,
        };
    }
    let line = next_line(input, locks);
    let others = who_wakes_us(input).filter(|_| only_appended && input.finished_operation);
    match others {
        Some(other) if is_in_time(input) => Plan::Postpone(Postponed::FinishFirst(other)),
        _ => {
            let wake = waits_for_leaver || may_start_on(input, &line);
            write(input, line, wake)
        }
    }
}

fn write(input: &Lead<'_>, line: Line, wake: bool) -> Plan {
    invariant::hold(|| invariant::line_is_sound(&line));
    invariant::hold(|| may_follow(input, &line));
    if is_in_time(input) {
        Plan::Write { line, wake }
    } else {
        Plan::Postpone(Postponed::LeaseBound(line))
    }
}

/// Whether the line may follow the one that was read, by what the leader knows.
fn may_follow(input: &Lead<'_>, after: &Line) -> Result<(), invariant::Violation> {
    let Some(before) = input.unit.line().good() else {
        return Ok(());
    };
    invariant::line_may_follow(before, after, |lock, ticket| {
        let forced = Order::Force(lock.clone(), ticket.clone());
        let is_gone = |alive: &BTreeSet<UnitName>| !alive.contains(&ticket.unit);
        input.unit.finished(lock, ticket, input.view)
            || input.alive.is_some_and(is_gone)
            || input.orders.contains(&forced)
    })
}

fn is_in_time(input: &Lead<'_>) -> bool {
    input.now.0.saturating_sub(input.read_at.0) < WRITE_WITHIN
}

/// Only an unintelligible line freezes everything. A *record* of an unknown version holds up the entries behind
/// its own, which nobody can see finished, and nothing is appended for it. All other units continue, because no
/// unit acts without an entry.
fn frozen(input: &Lead<'_>) -> Option<String> {
    let line = input.unit.line();
    let (Reading::Unreadable(_) | Reading::Foreign(_)) = line else {
        return None;
    };
    let fault = line.fault()?;
    Some(format!(
        "leaving the line in the application databag unchanged: {fault}; \
         once no unit is inside an operation, remove the key '{}' from it",
        crate::wire::KEY
    ))
}

fn requested_locks(input: &Lead<'_>) -> impl Iterator<Item = LockName> {
    let records = input.view.records().values().filter_map(Reading::good);
    let records = records.chain([input.unit.record()]);
    records.flat_map(crate::UnitRecord::asked).cloned()
}

fn ordered_locks(input: &Lead<'_>) -> impl Iterator<Item = LockName> {
    input.orders.iter().filter_map(|order| match order {
        Order::Move(lock, _) | Order::Pause(lock, _) | Order::Roll(lock, _) => Some(lock.clone()),
        _ => None,
    })
}

/// A living unit whose unfinished entry in the line *as read* will cause another hook here. An entry that we
/// have only just computed wakes nobody: counting it would be a deadlock.
fn who_wakes_us(input: &Lead<'_>) -> Option<UnitName> {
    let line = input.unit.line().good()?;
    line.locks
        .iter()
        .filter(|(_, line)| line.paused.is_none())
        .flat_map(|(lock, line)| line.entries.iter().map(move |entry| (lock, &entry.ticket)))
        .find(|(lock, ticket)| {
            input.members.contains(&ticket.unit) && !input.view.finished(lock, ticket)
        })
        .map(|(_, ticket)| ticket.unit.clone())
}

fn next_line(input: &Lead<'_>, locks: BTreeMap<LockName, LockLine>) -> Line {
    let me = input.unit.name();
    let (term, version, unknown) = match input.unit.line().good() {
        Some(line) => (
            line.term + u64::from(&line.leader != me),
            line.version + 1,
            line.unknown.clone(),
        ),
        None => (1, 1, BTreeMap::new()),
    };
    Line {
        term,
        version,
        leader: me.clone(),
        opening: None,
        locks,
        unknown,
    }
}

/// Whether our own turn would come with the line that we are about to write.
fn may_start_on(input: &Lead<'_>, line: &Line) -> bool {
    line.locks.iter().any(|(lock, line)| {
        let own = input.unit.record();
        let next = own.next(input.unit.name(), lock, Some(line));
        next.is_some_and(|ticket| {
            let turn = input.unit.turn_in(lock, line, &ticket, input.view);
            matches!(turn, Turn::Start(_))
        })
    })
}

#[cfg(test)]
mod tests;
