//! How the leader maintains the line: it appends requests and removes entries that are over, nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::opening::{Census, census};
use crate::policy::{Policy, Request};
use crate::{
    Entry, Line, LockLine, LockName, Reading, Ticket, Turn, Unit, UnitName, View, invariant,
};

/// How long after reading the line a leader may still write it, in milliseconds. Juju promises that
/// nobody else leads within 30 s of a positive answer; the remaining time is for the hook to end and commit.
pub(crate) const WRITE_WITHIN: u64 = 25_000;

/// How far the line may shrink below its full length before the leader refills it. Two entries behind the
/// running ones keep the turn moving until the leader's hook runs.
const RESERVE: u32 = 2;

/// A point in time on the unit's own monotonic clock, in milliseconds; only differences count.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Tick(pub u64);

/// What a leader's hook has read by the time it maintains the line.
pub(crate) struct Lead<'a> {
    /// The leader itself, including this hook's changes.
    pub(crate) unit: &'a Unit,
    /// The other units' records; those of all members must have been read.
    pub(crate) view: &'a View,
    /// The other units that the relation lists.
    pub(crate) members: &'a BTreeSet<UnitName>,
    /// The unit that the hook says is departing; nothing is appended for it.
    pub(crate) departing: Option<&'a UnitName>,
    /// The units that the controller still knows, if `goal-state` was called.
    pub(crate) alive: Option<&'a BTreeSet<UnitName>>,
    /// Taken before the unit asked whether it leads, which was before it read the line.
    pub(crate) read_at: Tick,
    /// The current time.
    pub(crate) now: Tick,
    /// Whether the unit finished an operation in this hook.
    pub(crate) finished_operation: bool,
    /// Operators' orders.
    pub(crate) orders: &'a [Order],
    /// Locks that nothing may join yet, and the endpoint on which each still is.
    pub(crate) held: &'a BTreeMap<LockName, String>,
    /// The number of the relation that the unit followed before, if it no longer sees it.
    pub(crate) lost: Option<u64>,
}

/// A change to the line that an operator, or a change of the charm, orders.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Cancel a ticket: its unit finishes it, and then it leaves the line.
    Cancel(LockName, Ticket),
    /// Cancel a ticket whose unit can no longer respond. Its entry leaves the line at once; if its operation is
    /// still running, the next one starts beside it.
    Force(LockName, Ticket),
    /// Append nothing more for this lock: its requests go to the line of another endpoint.
    Move(LockName, String),
    /// Resume a lock that has come back from another endpoint.
    TakeUp(LockName),
}

/// What the leader must do about the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing: the line is up to date. `wake` means that it needs another look, although there may be no
    /// event for it.
    Keep {
        /// Whether to schedule another hook.
        wake: bool,
    },
    /// Ask the controller which units exist, and plan again: these are in the line, unfinished, and not in the
    /// relation.
    AskGoalState(Vec<UnitName>),
    /// Write this line at the very end of the hook.
    Write {
        /// The line to write.
        line: Line,
        /// Whether to schedule another hook, in case the agent sends none for our own write.
        wake: bool,
    },
    /// The line needs a change, but not now. Schedule another hook.
    Postpone(Postponed),
    /// The line cannot be maintained; the text says why and what to do.
    Frozen(String),
}

/// Why a change to the line is postponed to a later hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Postponed {
    /// The line was read too long ago: another unit may have led and written since then. A later visit may write
    /// this line if it finds exactly the value from which this hook computed it.
    LeaseBound(Line),
    /// This hook finished an operation, which must not be lost if the line is refused. The unit named here will
    /// wake us anyway.
    FinishFirst(UnitName),
}

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
    invariant::hold(|| invariant::line_step_is_sound(input, &line));
    if is_in_time(input) {
        Plan::Write { line, wake }
    } else {
        Plan::Postpone(Postponed::LeaseBound(line))
    }
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
        crate::KEY
    ))
}

fn requested_locks(input: &Lead<'_>) -> impl Iterator<Item = LockName> {
    let records = input.view.records().values().filter_map(Reading::good);
    let records = records.chain([input.unit.record()]);
    records.flat_map(crate::UnitRecord::asked).cloned()
}

fn ordered_locks(input: &Lead<'_>) -> impl Iterator<Item = LockName> {
    input.orders.iter().filter_map(|order| match order {
        Order::Move(lock, _) => Some(lock.clone()),
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
        input.unit.outstanding(lock).is_some_and(|ticket| {
            let finished = |other: &Ticket| input.unit.finished(lock, other, input.view);
            matches!(line.turn(&ticket, finished), Turn::Start(_))
        })
    })
}

/// Maintains the line of one lock.
struct Keeper<'a> {
    input: &'a Lead<'a>,
    lock: &'a LockName,
}

/// The result of maintaining a lock's line.
struct Kept {
    appended: bool,
    /// Something other than an append: an entry that is gone, a cancellation.
    removed: bool,
    missing: Vec<UnitName>,
}

impl Kept {
    fn changed(&self) -> bool {
        self.appended || self.removed
    }
}

impl Keeper<'_> {
    fn keep(&self, line: &mut LockLine, policy: &dyn Policy) -> Kept {
        let removed = self.keep_cancellations(line) | self.keep_place(line);
        let mut kept = Kept {
            missing: self.missing(line),
            removed,
            appended: false,
        };
        let remaining: Vec<Entry> = line
            .entries
            .iter()
            .filter(|entry| !self.is_over(&entry.ticket) && !self.is_forced(&entry.ticket))
            .cloned()
            .collect();
        // No event tells other units what a departed unit finishes, so the line has to tell them.
        let untold = |ticket: &Ticket| {
            self.is_forced(ticket) || !self.is_here(&ticket.unit) && self.is_over(ticket)
        };
        let gone = line.entries.iter().any(|entry| untold(&entry.ticket));
        let joining = self.joining(line, &remaining, policy);
        kept.removed |= gone;
        kept.appended = !joining.is_empty();
        // Any other finished entry does no harm; it goes when there is another reason to write.
        if gone || kept.appended {
            line.entries = remaining;
            line.entries.extend(joining);
        }
        kept
    }

    /// The entries to append: none unless the line has become too short.
    fn joining(&self, line: &LockLine, remaining: &[Entry], policy: &dyn Policy) -> Vec<Entry> {
        if line.moved.is_some() || self.input.held.contains_key(self.lock) {
            return Vec::new();
        }
        let mut requests = self.requests(line, remaining);
        let lookahead = policy.lookahead(self.lock);
        let limit = policy.limit(self.lock, remaining.len() + requests.len());
        if remaining.len() >= limit.saturating_add(lookahead.min(RESERVE)) as usize {
            return Vec::new();
        }
        let last = line.entries.last().map(|entry| &entry.ticket.unit);
        policy.order(self.lock, &mut requests, last);
        requests.sort_by_key(|request| !self.has_begun(request));
        let room = (limit.saturating_add(lookahead) as usize).saturating_sub(remaining.len());
        // Waves only ever rise along a line, whatever the policy says.
        let mut wave = remaining.last().map_or(0, |entry| entry.wave);
        let enter = |request: Request| {
            wave = wave.max(request.wave);
            Entry {
                ticket: request.ticket,
                limit,
                wave,
                unknown: BTreeMap::new(),
            }
        };
        requests.into_iter().take(room).map(enter).collect()
    }

    /// Whether the request's operation began by a line of another relation. Then its unit is inside already.
    fn has_begun(&self, request: &Request) -> bool {
        let unit = &request.ticket.unit;
        let own = Some(self.input.unit.record()).filter(|_| unit == self.input.unit.name());
        let other = || self.input.view.records().get(unit).and_then(Reading::good);
        let state = own
            .or_else(other)
            .and_then(|record| record.locks.get(self.lock));
        state.is_some_and(|state| state.begun)
    }

    fn requests(&self, line: &LockLine, remaining: &[Entry]) -> Vec<Request> {
        let Lead {
            unit,
            view,
            members,
            departing,
            ..
        } = self.input;
        let others = view
            .records()
            .iter()
            .filter_map(|(name, record)| Some((name, record.good()?)));
        let others = others.filter(|(name, _)| members.contains(name));
        // A leader that cannot speak for itself would stand in the way of all others.
        let own = (!unit.is_foreign()).then(|| (unit.name(), unit.record()));
        // A line that was removed by hand begins anew; what was asked before that is old, not young.
        let newest = self.input.unit.line().good().map_or(0, |line| line.version);
        let asked = move |version: u64| if version > newest { 0 } else { version };
        others
            .chain(own)
            .filter(|(name, _)| Some(*name) != *departing)
            .filter_map(|(name, record)| Request::of(name, self.lock, record))
            .map(|request| Request {
                asked: asked(request.asked),
                ..request
            })
            .filter(|request| !line.cancelled.contains(&request.ticket))
            .filter(|request| {
                remaining
                    .iter()
                    .all(|entry| entry.ticket.unit != request.ticket.unit)
            })
            .collect()
    }

    fn keep_cancellations(&self, line: &mut LockLine) -> bool {
        let before = line.cancelled.clone();
        for order in self.input.orders {
            if let Order::Cancel(lock, ticket) | Order::Force(lock, ticket) = order
                && lock == self.lock
                && !line.cancelled.contains(ticket)
            {
                line.cancelled.push(ticket.clone());
            }
        }
        line.cancelled.retain(|ticket| !self.is_over(ticket));
        line.cancelled != before
    }

    /// Ensures that the lock is where it belongs: here, or at another endpoint.
    fn keep_place(&self, line: &mut LockLine) -> bool {
        let before = line.moved.clone();
        for order in self.input.orders {
            match order {
                Order::Move(lock, endpoint) if lock == self.lock => {
                    line.moved = Some(endpoint.clone());
                }
                Order::TakeUp(lock) if lock == self.lock => line.moved = None,
                _ => {}
            }
        }
        // What must be said of a lock that is elsewhere does not open it here.
        if let Some(endpoint) = self.input.held.get(self.lock)
            && line.moved.is_none()
            && *line != LockLine::default()
        {
            line.moved = Some(endpoint.clone());
        }
        line.moved != before
    }

    fn is_forced(&self, ticket: &Ticket) -> bool {
        let named = |order: &Order| matches!(order, Order::Force(lock, forced) if lock == self.lock && forced == ticket);
        self.input.orders.iter().any(named)
    }

    fn missing(&self, line: &LockLine) -> Vec<UnitName> {
        let entries = line.entries.iter().map(|entry| &entry.ticket);
        entries
            .chain(&line.cancelled)
            .filter(|ticket| !self.is_here(&ticket.unit) && !self.is_over(ticket))
            .map(|ticket| ticket.unit.clone())
            .collect()
    }

    fn is_here(&self, unit: &UnitName) -> bool {
        unit == self.input.unit.name() || self.input.members.contains(unit)
    }

    fn is_over(&self, ticket: &Ticket) -> bool {
        self.input.unit.finished(self.lock, ticket, self.input.view) || self.is_gone(ticket)
    }

    /// Gone by positive evidence. Absence from the relation's list is not evidence: the unit may not have been
    /// met yet, or may be leaving with its operation still running.
    fn is_gone(&self, ticket: &Ticket) -> bool {
        let forgotten = self
            .input
            .alive
            .is_some_and(|alive| !alive.contains(&ticket.unit));
        forgotten && !self.is_here(&ticket.unit)
    }
}

#[cfg(test)]
#[path = "leader_tests.rs"]
mod tests;
