//! Zones as waves.

use super::*;

/// Gives the units zones, by number.
fn in_zones(mut case: Case, zones: &[&str]) -> Case {
    for (unit, zone) in (0..).zip(zones) {
        if let Some(Reading::Good(record)) = case.units.get_mut(&unit) {
            record.zone = Some((*zone).to_owned());
        }
    }
    case
}

#[test]
fn a_zone_is_a_wave_and_its_late_units_still_join_it() {
    let rules = Rules {
        waves: Waves::Zone,
        ..Rules::default()
    };
    let zones = ["", "b", "a", "b", "a"];
    let case = in_zones(
        Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)], &[]),
        &zones,
    );
    let joins = |case: &Case| {
        let Plan::Write { line, .. } = case.lead_by(&rules) else {
            panic!()
        };
        let entries = line.locks[&lock()].entries.clone();
        let place = |entry: &Entry| (entry.ticket.unit.number(), entry.wave);
        (line, entries.iter().map(place).collect::<Vec<_>>())
    };
    let (line, places) = joins(&case);
    assert_eq!(places, [(2, 0), (4, 0), (1, 1), (3, 1)]);
    // The first wave is over, one of the second as well; another unit of that zone asks, and one of the first.
    let mut later = in_zones(
        Case::new(
            &[(0, 0), (1, 1), (1, 1), (1, 0), (1, 1), (1, 0), (1, 0)],
            &[],
        ),
        &["", "b", "a", "b", "a", "a", "b"],
    );
    later.line = Reading::Good(line);
    assert_eq!(joins(&later).1, [(3, 1), (6, 1), (5, 2)]);
}
