//! What must always hold. Each invariant is written down once: debug builds assert it after every step, and simulation
//! and model checking judge histories with the same functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Line, LockLine, LockName, LockRecord, Tick, Ticket, UnitRecord};

/// The highest request number; it fits every JSON reader's numbers.
const SEQ_MAX: u64 = (1 << 53) - 1;

/// A violated invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name, the same in code, command line and docs.
    pub invariant: &'static str,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}

impl std::error::Error for Violation {}

type Check = Result<(), Violation>;

fn require(invariant: &'static str, holds: bool, found: impl FnOnce() -> String) -> Check {
    if holds {
        Ok(())
    } else {
        Err(Violation {
            invariant,
            found: found(),
        })
    }
}

/// Asserts an invariant in debug builds; free in release builds.
pub(crate) fn hold(check: impl FnOnce() -> Check) {
    if cfg!(debug_assertions)
        && let Err(violation) = check()
    {
        debug_assert!(false, "invariant broken: {violation}");
    }
}

/// `done-never-passes-seq`: only requested operations are finished.
///
/// # Errors
/// The first lock of the record for which it does not hold.
pub fn record_is_sound(record: &UnitRecord) -> Check {
    record.locks.iter().try_for_each(|(lock, state)| {
        require(
            "done-never-passes-seq",
            state.done <= state.seq && state.seq <= SEQ_MAX,
            || format!("lock {lock} has done {} and seq {}", state.done, state.seq),
        )
    })
}

/// `counters-only-grow`: within one life of a unit, no request is forgotten and nothing finished becomes
/// unfinished.
///
/// # Errors
/// The first lock of the record for which it does not hold.
pub fn counters_only_grow(before: &UnitRecord, after: &UnitRecord) -> Check {
    if before.incarnation != after.incarnation {
        return Ok(());
    }
    before.locks.iter().try_for_each(|(lock, old)| {
        let new = after.locks.get(lock).cloned().unwrap_or_default();
        require(
            "counters-only-grow",
            new.seq >= old.seq && new.done >= old.done,
            || {
                format!(
                    "lock {lock} went from {}/{} to {}/{}",
                    old.done, old.seq, new.done, new.seq
                )
            },
        )
    })
}

/// `one-entry-a-unit` and `waves-rise`: the form of every published line.
///
/// # Errors
/// The first entry for which it does not hold.
pub fn line_is_sound(line: &Line) -> Check {
    for (lock, line) in &line.locks {
        let mut tickets = BTreeSet::new();
        for entry in &line.entries {
            let ticket = &entry.ticket;
            let single = tickets.insert((ticket.unit.clone(), ticket.incarnation.clone()));
            require("one-entry-a-unit", single, || {
                format!("lock {lock} has {} twice", ticket.unit)
            })?;
            require("limit-is-positive", entry.limit > 0, || {
                format!("lock {lock}, {ticket}")
            })?;
        }
        let rising = line
            .entries
            .windows(2)
            .all(|pair| pair[0].wave <= pair[1].wave);
        require("waves-rise", rising, || {
            format!("the waves of lock {lock} fall")
        })?;
    }
    Ok(())
}

/// `budget-is-kept`: available units join the line only while fewer units than the policy allows are in it or unavailable.
/// `occupied`: how many that are before they join.
///
/// # Errors
/// More join than the budget has room for.
pub fn budget_is_kept(most: u32, occupied: usize, joining: usize) -> Check {
    require(
        "budget-is-kept",
        joining == 0 || occupied + joining <= most as usize,
        || format!("{joining} join, {occupied} are in the line or unavailable, {most} may be"),
    )
}

/// `version-grows`, `line-keeps-order`, `limits-only-fall` and `only-what-is-over-leaves`: a new line is the old one
/// without entries that are over, with limits that are the same or lower, and with new entries behind it. `over` says whether an entry of the old line is over: as far as the
/// leader knows, or for a judge from outside, in truth.
///
/// # Errors
/// What is wrong with the new line.
pub fn line_may_follow(
    before: &Line,
    after: &Line,
    over: impl Fn(&LockName, &Ticket) -> bool,
) -> Check {
    require(
        "version-grows",
        after.version > before.version && after.term >= before.term,
        || {
            format!(
                "from {}.{} to {}.{}",
                before.term, before.version, after.term, after.version
            )
        },
    )?;
    for (lock, old) in &before.locks {
        let new = after.locks.get(lock).map(|line| line.entries.as_slice());
        let new: Vec<&Ticket> = new.into_iter().flatten().map(|e| &e.ticket).collect();
        let old = old.entries.iter().map(|entry| &entry.ticket);
        let (stayed, left): (Vec<&Ticket>, Vec<&Ticket>) =
            old.partition(|ticket| new.contains(ticket));
        let in_front = new.iter().take(stayed.len()).eq(&stayed);
        require("line-keeps-order", in_front, || {
            format!("lock {lock} was reordered")
        })?;
        limits_only_fall(lock, &before.locks, &after.locks)?;
        for ticket in left {
            require("only-what-is-over-leaves", over(lock, ticket), || {
                format!("lock {lock} lost {ticket}")
            })?;
        }
    }
    Ok(())
}

/// `nothing-starts-while-paused` and `stopped-waits-for-permission`: what an operator has said of a lock, as far as the
/// starting unit has read it. `state` is the unit's own state for the lock before it starts.
///
/// # Errors
/// What forbids the start.
pub fn may_start(line: &LockLine, ticket: &Ticket, state: &LockRecord) -> Check {
    require("nothing-starts-while-paused", line.paused.is_none(), || {
        format!("{ticket} starts")
    })?;
    require(
        "stopped-waits-for-permission",
        !state.stopped || line.permits(ticket, state.attempt),
        || format!("{ticket} starts after attempt {} failed", state.attempt),
    )
}

/// `nothing-begins-on-trial`: an operation that has succeeded does not begin again while its check has yet to hold.
///
/// # Errors
/// Which ticket starts.
pub fn nothing_begins_on_trial(ticket: &Ticket, on_trial: bool) -> Check {
    require("nothing-begins-on-trial", !on_trial, || {
        format!("{ticket} starts")
    })
}

/// `turn-lasts-until-its-check-has-held`: a turn whose operation has a check ends well only after every look at the check,
/// over at least `soak` milliseconds, has found that it holds. `looks` are the times of all looks at it since the
/// operation has ended, with what they found, the oldest first.
///
/// # Errors
/// For how long the check had held.
pub fn check_has_held(
    ticket: &Ticket,
    soak: u64,
    looks: impl IntoIterator<Item = (Tick, bool)>,
) -> Check {
    let (mut since, mut last) = (None, None);
    for (at, holds) in looks {
        since = holds.then(|| since.unwrap_or(at));
        last = Some(at);
    }
    let held = since
        .zip(last)
        .and_then(|(since, last)| last.0.checked_sub(since.0));
    require(
        "turn-lasts-until-its-check-has-held",
        held.is_some_and(|held| held >= soak),
        || match held {
            Some(held) => format!("{ticket} ended after {held} ms of {soak}"),
            None => format!("{ticket} ended although its check did not hold"),
        },
    )
}

/// `limits-only-fall`: a unit that has read an older line counts on the limits in it, so they are never raised.
fn limits_only_fall(
    lock: &LockName,
    before: &BTreeMap<LockName, LockLine>,
    after: &BTreeMap<LockName, LockLine>,
) -> Check {
    let entries = |lines: &'_ BTreeMap<LockName, LockLine>| {
        let entries = lines.get(lock).map(|line| line.entries.iter());
        let limits = entries.into_iter().flatten();
        let limits = limits.map(|entry| (entry.ticket.clone(), entry.limit));
        limits.collect::<BTreeMap<Ticket, u32>>()
    };
    let before = entries(before);
    entries(after).iter().try_for_each(|(ticket, limit)| {
        let raised = before.get(ticket).filter(|old| *old < limit);
        require("limits-only-fall", raised.is_none(), || {
            format!("lock {lock}, {ticket} was raised to {limit}")
        })
    })
}

/// `at-most-limit-inside`: no more operations run at once than the lock's limit allows.
///
/// # Errors
/// The lock, its limit, and who is inside.
pub fn at_most_limit_inside(inside: &BTreeMap<LockName, BTreeSet<Ticket>>, limit: u32) -> Check {
    inside.iter().try_for_each(|(lock, tickets)| {
        require(
            "at-most-limit-inside",
            tickets.len() <= limit as usize,
            || {
                let units: Vec<String> = tickets.iter().map(ToString::to_string).collect();
                format!(
                    "lock {lock} allows {limit}, inside are {}",
                    units.join(", ")
                )
            },
        )
    })
}

#[cfg(test)]
#[path = "invariant_tests.rs"]
mod tests;
