//! How the turn passed from one unit to the next.

use ops_coordinator_lab::history::{Event, Happening};
use ops_coordinator_lab::report::{LockReport, Turn};

/// The step from one unit's commit of its finished turn to the next unit's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handover {
    /// How long it took, in milliseconds.
    pub(super) took: u64,
    /// How many hooks the next unit had to run to find itself inside.
    pub(super) hooks: usize,
}

/// Every hand-off of a lock: with a limit of two, the third turn waits for the first. A turn that
/// began before the one that it would have waited for was over has none.
pub(super) fn all(lock: &LockReport, events: &[Event]) -> Vec<Handover> {
    let waits_for = |(earlier, later)| between(earlier, later, events);
    lock.turns
        .iter()
        .zip(lock.turns.iter().skip(lock.limit))
        .filter_map(waits_for)
        .collect()
}

fn between(earlier: &Turn, later: &Turn, events: &[Event]) -> Option<Handover> {
    let (from, to) = (&earlier.unit, &later.unit);
    let left = earlier.spells.last()?.n;
    let entered = later.spells.first()?;
    let commit = events.iter().find(|event| {
        event.n > left
            && matches!(&event.happening, Happening::Commit { unit, unit_writes, .. }
                if unit == from && !unit_writes.is_empty())
    })?;
    let took = entered.from.checked_sub(commit.at)?;
    let hooks = events.iter().filter(|event| {
        (commit.n..entered.n).contains(&event.n)
            && matches!(&event.happening, Happening::HookBegin { unit, .. } if unit == to)
    });
    // Not in a new hook: it was already inside a hook, and did not wait for this unit.
    Some(hooks.count())
        .filter(|hooks| *hooks > 0)
        .map(|hooks| Handover { took, hooks })
}

/// The hand-offs in one line.
pub(super) fn describe(handovers: &[Handover]) -> String {
    let mut times: Vec<u64> = handovers.iter().map(|handover| handover.took).collect();
    times.sort_unstable();
    let (Some(worst), Some(median)) = (times.last(), times.get(times.len() / 2)) else {
        return "none to measure".to_owned();
    };
    let direct = handovers
        .iter()
        .filter(|handover| handover.hooks == 1)
        .count();
    let hooks = match handovers.len() {
        all if all == direct => "one hook each".to_owned(),
        all => format!("{direct} of {all} took one hook"),
    };
    format!("median {median} ms, at most {worst} ms; {hooks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_the_worst_and_the_number_of_hooks_are_told() {
        let handover = |took, hooks| Handover { took, hooks };
        let all = [handover(90, 1), handover(40, 1), handover(50, 1)];
        assert_eq!(describe(&all), "median 50 ms, at most 90 ms; one hook each");
        assert_eq!(
            describe(&[handover(1, 2), handover(2, 1)]),
            "median 2 ms, at most 2 ms; 1 of 2 took one hook"
        );
        assert_eq!(describe(&[]), "none to measure");
    }
}
