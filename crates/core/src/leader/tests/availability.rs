//! How many units may be unavailable at once.

use proptest::prelude::*;

use super::*;
use crate::policy::Limit;

/// Rules by which this many units may go at once, and this many may be unavailable.
fn rules(limit: u32, most: u32) -> Rules {
    Rules {
        limit: Limit::new(limit).unwrap(),
        max_unavailable: Limit::new(most),
        ..Rules::default()
    }
}

/// These units say that they are unavailable.
fn unavailable(case: Case, units: &[u32]) -> Case {
    case.edit(|case| {
        for unit in units {
            if let Some(Reading::Good(record)) = case.units.get_mut(unit) {
                record.unavailable = Some("the disk is full".to_owned());
            }
        }
    })
}

/// Whose entries are in the line after this hook.
fn in_line(case: &Case, rules: &Rules) -> Vec<u32> {
    let read = case.line.good().cloned();
    let line = match case.lead_by(rules) {
        Plan::Write { line, .. } => Some(line),
        _ => read,
    };
    let entries = line.and_then(|mut line| line.locks.remove(&lock()));
    let entries = entries.map(|line| line.entries).unwrap_or_default();
    entries.iter().map(|e| e.ticket.unit.number()).collect()
}

#[test]
fn nobody_is_kept_in_the_line_who_may_not_begin() {
    let case = Case::new(&[(1, 0); 5], &[]);
    assert_eq!(in_line(&case, &rules(2, 3)), [0, 1]);
    assert_eq!(in_line(&case, &rules(3, 2)), [0, 1]);
}

#[test]
fn units_that_are_unavailable_for_another_reason_count() {
    let case = || Case::new(&[(1, 0), (1, 0), (1, 0), (0, 0), (0, 0)], &[]);
    assert_eq!(in_line(&unavailable(case(), &[3]), &rules(3, 3)), [0, 1]);
    assert_eq!(in_line(&unavailable(case(), &[3, 4]), &rules(3, 3)), [0]);
    assert_eq!(
        in_line(&unavailable(case(), &[3, 4]), &rules(3, 2)),
        [0_u32; 0]
    );
    assert_eq!(
        in_line(&unavailable(case(), &[3]), &rules(1, 1)),
        [0_u32; 0]
    );
}

#[test]
fn only_the_broken_units_go_while_too_many_are_unavailable() {
    let case = unavailable(Case::new(&[(1, 0); 5], &[]), &[2, 4]);
    assert_eq!(in_line(&case, &rules(1, 1)), [2]);
    assert_eq!(in_line(&case, &rules(3, 2)), [2, 4]);
    assert_eq!(in_line(&case, &rules(3, 3)), [0, 2, 4]);
}

#[test]
fn a_unit_in_the_line_is_not_counted_twice() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0)], &[1]);
    assert_eq!(in_line(&unavailable(case, &[1]), &rules(2, 2)), [1, 2]);
}

#[test]
fn the_leader_counts_itself_and_nobody_who_leaves() {
    let case = || Case::new(&[(0, 0), (1, 0), (0, 0)], &[]);
    assert_eq!(
        in_line(&unavailable(case(), &[0]), &rules(1, 1)),
        [0_u32; 0]
    );
    let leaving = unavailable(case(), &[2]).edit(|case| case.departing = Some(name(2)));
    assert_eq!(in_line(&leaving, &rules(1, 1)), [1]);
}

#[test]
fn an_entry_that_is_in_the_line_already_stays() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]);
    assert_eq!(in_line(&unavailable(case, &[2]), &rules(1, 1)), [1]);
}

proptest! {
    #[test]
    fn an_available_unit_never_joins_beyond_what_may_be_unavailable(
        asks in proptest::collection::vec((any::<bool>(), any::<bool>()), 2..9),
        queued in proptest::sample::subsequence(vec![0_u32, 1], 0..=2),
        (limit, most) in (1_u32..5, 1_u32..5),
    ) {
        let counters: Vec<(u64, u64)> = (0_u32..)
            .zip(&asks)
            .map(|(unit, (asks, _))| ((*asks || queued.contains(&unit)).into(), 0))
            .collect();
        let broken: Vec<u32> = (0..).zip(&asks).filter(|(_, (_, broken))| *broken).map(|(unit, _)| unit).collect();
        let case = unavailable(Case::new(&counters, &queued), &broken);
        let after = in_line(&case, &rules(limit, most));
        let joined: Vec<u32> = after.iter().copied().filter(|unit| !queued.contains(unit)).collect();

        let mut out: BTreeSet<u32> = after.iter().chain(&broken).copied().collect();
        let healthy = joined.iter().any(|unit| !broken.contains(unit));
        prop_assert!(!healthy || out.len() <= most as usize, "{after:?}, unavailable {broken:?}");
        prop_assert!(joined.is_empty() || after.len() <= limit as usize);

        // And nobody waits who could go.
        out.extend(&queued);
        let waits = |unit: &u32| counters[*unit as usize].0 == 1 && !after.contains(unit);
        let mut waiting = (0..u32::try_from(asks.len()).unwrap()).filter(waits);
        let has_room = after.len() < limit as usize;
        let may_go = |unit: u32| broken.contains(&unit) || out.len() < most as usize;
        prop_assert!(!has_room || !waiting.any(may_go), "{after:?}, unavailable {broken:?}");
    }
}
