use super::*;

fn slow(units: u32, seed: u64) -> Cost {
    let pace = Pace::Slow;
    let way = Way::Asking;
    measure(Scene {
        way,
        units,
        pace,
        seed,
    })
    .unwrap()
}

fn hooks_by(cause: Cause, cost: &Cost) -> u64 {
    cost.causes.get(&cause).map_or(0, |hooks| hooks.hooks)
}

/// The leader asks and writes the line in its `config-changed`. Juju tells it of that write, and in that hook it takes
/// its turn. Its own record wakes nobody.
#[test]
fn a_unit_alone_needs_one_more_hook() {
    let cost = slow(1, 0);
    assert_eq!(cost.restarts, 1);
    assert_eq!(cost.line_writes, 1);
    let turn = Hooks {
        hooks: 1,
        quiet: 0,
        // is-leader, the line, its own record, relation-ids, the finish; its roster has the other units.
        calls: 5,
    };
    assert_eq!(cost.causes, BTreeMap::from([(Cause::Line, turn)]));
    // is-leader, the line, its own record, the request; relation-list, relation-ids, the line again.
    assert_eq!((cost.asking.hooks, cost.asking.calls), (1, 7));
}

/// With slow operations each write is told of before the next finish, so each wakes each other unit once, and the line
/// wakes the leader, too.
#[test]
fn each_write_wakes_each_other_unit() {
    for units in [2, 3] {
        for seed in 0..10 {
            let cost = slow(units, seed);
            let n = u64::from(units);
            assert_eq!(cost.restarts, n);
            assert_eq!(cost.asking.hooks, n);
            assert_eq!(hooks_by(Cause::Finish, &cost), n * (n - 1), "{cost:?}");
            assert!(hooks_by(Cause::Request, &cost) <= n * (n - 1), "{cost:?}");
            assert!(
                hooks_by(Cause::Line, &cost) <= cost.line_writes * n,
                "{cost:?}"
            );
            let named = [Cause::Finish, Cause::Request, Cause::Line];
            let named: u64 = named.iter().map(|&cause| hooks_by(cause, &cost)).sum();
            assert_eq!(cost.hooks().hooks, named);
        }
    }
}

/// Two units, no coalescing: the line is written for each request (2 + 2), each request and each finish wakes the other
/// unit (2 + 2).
#[test]
fn two_units_need_eight_hooks() {
    let cost = slow(2, 0);
    assert_eq!(cost.line_writes, 2);
    assert_eq!(hooks_by(Cause::Line, &cost), 4);
    assert_eq!(hooks_by(Cause::Request, &cost), 2);
    assert_eq!(hooks_by(Cause::Finish, &cost), 2);
    assert_eq!(cost.hooks().hooks, 8);
    // All but the leader's, who hears of the other's request, and the two turns.
    assert_eq!(cost.hooks().quiet, 5);
    assert_eq!(cost.quiet_follower.hooks + cost.quiet_leader.hooks, 5);
}

#[test]
fn a_scene_costs_the_same_each_time() {
    assert_eq!(slow(4, 3), slow(4, 3));
}

#[test]
fn the_tables_say_whether_a_goal_is_reached() {
    let cheap = Cost {
        restarts: 5,
        causes: BTreeMap::from([(
            Cause::Finish,
            Hooks {
                hooks: 47,
                quiet: 47,
                calls: 225,
            },
        )]),
        ..Cost::default()
    };
    let mut dear = cheap.clone();
    dear.add(&Cost {
        line_writes: 1,
        causes: BTreeMap::from([(
            Cause::Line,
            Hooks {
                hooks: 1,
                quiet: 0,
                calls: 5,
            },
        )]),
        ..Cost::default()
    });
    let told = |cost: &Cost| table(Way::Asking, &[(5, Pace::Slow, cost.clone())]);
    assert!(told(&cheap).ends_with("9.5 hooks, 45 calls: reached\n"));
    assert!(told(&dear).ends_with("9.5 hooks, 45 calls: missed\n"));
    let causes = causes(&[(5, Pace::Slow, dear)]);
    assert!(causes.contains("9.4 (9.4)") && causes.contains("0.2 (0.0)"));
}

/// Each finish wakes each other unit, and one line all of them: nobody publishes a request.
#[test]
fn a_campaign_needs_one_line_and_no_request() {
    for units in [2, 5] {
        let cost = measure(Scene {
            way: Way::Campaign,
            units,
            pace: Pace::Slow,
            seed: 0,
        });
        let cost = cost.unwrap();
        let n = u64::from(units);
        assert_eq!((cost.restarts, cost.line_writes), (n, 1));
        assert_eq!(hooks_by(Cause::Finish, &cost), n * (n - 1), "{cost:?}");
        assert_eq!(hooks_by(Cause::Line, &cost), n, "{cost:?}");
        assert_eq!(cost.hooks().hooks, n * n, "{cost:?}");
    }
}
