//! Limits that depend on the number of units, or change.

use super::*;

#[test]
fn a_limit_may_depend_on_how_many_take_part() {
    /// Half of those who are in the line or ask for it.
    struct Half;
    impl Policy for Half {
        fn limit(&self, _: &LockName, situation: &Situation<'_>) -> u32 {
            u32::try_from(situation.requests / 2).unwrap_or(u32::MAX)
        }
        fn lookahead(&self, _: &LockName) -> u32 {
            2
        }
        fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {}
    }
    let Plan::Write { line, .. } = Case::new(&[(1, 0); 6], &[0, 1]).lead_by(&Half) else {
        panic!()
    };
    let limits: Vec<u32> = line.locks[&lock()]
        .entries
        .iter()
        .map(|e| e.limit)
        .collect();
    assert_eq!(limits[2..], [3; 3], "six take part");
}

/// The limits in the line that was read, set to `limit`.
fn with_limits(mut case: Case, limit: u32) -> Case {
    if let Reading::Good(line) = &mut case.line {
        let entries = &mut line.locks.get_mut(&lock()).unwrap().entries;
        for entry in entries {
            entry.limit = limit;
        }
    }
    case
}

fn limits_under(case: &Case, rules: &Rules) -> Option<Vec<u32>> {
    match case.lead_by(rules) {
        Plan::Write { line, .. } => {
            let entries = &line.locks[&lock()].entries;
            Some(entries.iter().map(|entry| entry.limit).collect())
        }
        _ => None,
    }
}

fn limited(limit: &str) -> Rules {
    Rules {
        limit: limit.parse().unwrap(),
        ..Rules::default()
    }
}

#[test]
fn a_lower_limit_holds_at_once_for_entries_that_are_in_the_line() {
    let case = with_limits(Case::new(&[(1, 0); 4], &[0, 1, 2, 3]), 3);
    // The first would start either way.
    assert_eq!(limits_under(&case, &limited("1")), Some(vec![3, 1, 1, 1]));
    assert_eq!(limits_under(&case, &limited("2")), Some(vec![3, 3, 2, 2]));
    assert_eq!(limits_under(&case, &limited("3")), None, "nothing changes");
    assert_eq!(limits_under(&case, &limited("4")), None, "never raised");
    let Plan::Write { line, .. } = case.lead_by(&limited("1")) else {
        panic!()
    };
    let nobody_finished = |_: &Ticket| false;
    for (unit, starts) in [(0, true), (1, false), (2, false)] {
        let turn = line.locks[&lock()].turn(&ticket(unit, 1), nobody_finished);
        assert_eq!(matches!(turn, Turn::Start(_)), starts, "app/{unit}");
    }
}

#[test]
fn a_lower_limit_is_not_put_off_for_a_finish() {
    let case = with_limits(Case::new(&[(1, 1), (1, 0), (1, 0), (1, 0)], &[1, 2, 3]), 3);
    let case = case.edit(|case| case.finished_operation = true);
    assert_eq!(limits_under(&case, &limited("1")), Some(vec![3, 1, 1]));
}

#[test]
fn orders_alone_lower_no_limit() {
    struct Nobody;
    impl Policy for Nobody {
        fn limit(&self, _: &LockName, _: &Situation<'_>) -> u32 {
            0
        }
        fn lookahead(&self, _: &LockName) -> u32 {
            0
        }
        fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {}
    }
    let case = with_limits(Case::new(&[(1, 0); 3], &[0, 1, 2]), 3);
    assert_eq!(case.lead_by(&Nobody), Plan::Keep { wake: false });
}

#[test]
fn a_percentage_follows_the_number_of_units() {
    let four = Case::new(&[(1, 0); 4], &[]);
    assert_eq!(limits_under(&four, &limited("50%")), Some(vec![2; 4]));
    // Two of them leave: half of those that are left is one.
    let two = with_limits(Case::new(&[(1, 0); 4], &[0, 1, 2, 3]), 2).edit(|case| {
        case.members.retain(|unit| unit.number() < 2);
        case.alive = Some((0..4).map(name).collect());
    });
    assert_eq!(limits_under(&two, &limited("50%")), Some(vec![2, 1, 1, 1]));
}
