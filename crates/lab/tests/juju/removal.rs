//! Units that leave, are lost, or lead no longer.

use crate::support::{Lab, calm, juju, unit};
use ops_coordinator_lab::{Departure, Exit, Leases, Settings, Step};

#[test]
fn a_leaver_says_goodbye_to_each_peer_then_stops_and_is_removed() {
    let mut lab = Lab::settled(calm(), 3);
    lab.world.remove_unit(&unit(2), false, lab.now).unwrap();
    let mut departures = Vec::new();
    lab.settle_with(|hook| {
        if hook.dispatch.name.ends_with("departed") {
            let env = &hook.dispatch.env;
            assert_eq!(env["JUJU_DEPARTING_UNIT"], "app/2");
            departures.push(format!(
                "{} {}",
                hook.dispatch.unit, env["JUJU_REMOTE_UNIT"]
            ));
        }
        Exit::Code(0)
    });
    departures.sort();
    assert_eq!(
        departures,
        ["app/0 app/2", "app/1 app/2", "app/2 app/0", "app/2 app/1"]
    );
    assert_eq!(
        lab.runs(2),
        [
            "peer-relation-departed",
            "peer-relation-departed",
            "stop",
            "remove"
        ]
    );
    assert_eq!(lab.world.step(&unit(2), lab.now), Step::Gone);
    assert!(lab.world.is_idle());
}

#[test]
fn survivors_hear_of_a_leaver_at_once_or_after_it_or_never() {
    for (departure, before, after) in [
        (Departure::AtOnce, 1, 1),
        (Departure::AfterLeaver, 0, 1),
        (Departure::Never, 0, 0),
    ] {
        let mut lab = Lab::settled(
            Settings {
                departure,
                ..calm()
            },
            2,
        );
        lab.world.remove_unit(&unit(1), false, lab.now).unwrap();
        while let Step::Run(dispatch) = lab.world.step(&unit(0), lab.now) {
            lab.end(&dispatch, Exit::Code(0));
        }
        assert_eq!(lab.runs(0).len(), before, "{departure:?}");
        lab.settle();
        assert_eq!(lab.runs(0).len(), after, "{departure:?}");
    }
}

#[test]
fn a_unit_number_is_never_used_twice() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.remove_unit(&unit(1), false, lab.now).unwrap();
    lab.settle();
    assert_eq!(lab.world.add_units("app", 1, lab.now).unwrap(), [unit(2)]);
}

#[test]
fn a_unit_that_was_never_installed_goes_without_a_word() {
    let mut lab = Lab::new(calm(), 1);
    lab.world.remove_unit(&unit(0), false, 0).unwrap();
    assert_eq!(lab.world.step(&unit(0), 0), Step::Gone);
}

#[test]
fn a_leaver_in_error_stays_until_it_is_resolved_or_forced() {
    let mut lab = Lab::settled(calm(), 1);
    lab.world.upgrade_charm("app", false, lab.now).unwrap();
    let hook = lab.begin(0);
    lab.end(&hook, Exit::Code(1));
    lab.world.remove_unit(&unit(0), false, lab.now).unwrap();
    assert!(matches!(
        lab.world.step(&unit(0), lab.now),
        Step::Wait { .. }
    ));
    lab.world.remove_unit(&unit(0), true, lab.now).unwrap();
    lab.settle_with(|_| Exit::Code(1));
    assert!(lab.world.units().is_empty());
    assert!(lab.now >= 60_000);
}

#[test]
fn leadership_goes_on_when_the_leader_is_removed() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.remove_unit(&unit(0), false, lab.now).unwrap();
    let hook = lab.begin(0);
    assert_eq!(
        lab.call(&hook, "is-leader"),
        "True\n",
        "it leads to the end of its last hook"
    );
    lab.end(&hook, Exit::Code(0));
    lab.settle();
    assert_eq!(lab.world.leader("app"), Some(unit(1)));
    assert!(lab.runs(1).contains(&"leader-elected".to_owned()));
}

#[test]
fn a_dead_leaders_lease_lapses_within_its_time() {
    let mut lab = Lab::settled(calm(), 3);
    lab.world.lose_unit(&unit(0), lab.now).unwrap();
    let begin = lab.now;
    assert!(!lab.world.is_idle());
    lab.settle();
    assert!(
        (30_000..=65_000).contains(&(lab.now - begin)),
        "{}",
        lab.now - begin
    );
    assert_ne!(lab.world.leader("app"), Some(unit(0)));
    for number in [1, 2] {
        assert!(
            !lab.runs(number)
                .contains(&"peer-relation-departed".to_owned())
        );
    }
    let hook = lab.open(1);
    assert!(
        lab.call(&hook, "relation-list -r 0").contains("app/0"),
        "the lost unit is still listed"
    );
}

#[test]
fn an_agent_that_returns_in_time_keeps_its_lease() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.set_agent_up(&unit(0), false, lab.now).unwrap();
    lab.now += 20_000;
    lab.world.set_agent_up(&unit(0), true, lab.now).unwrap();
    lab.settle();
    lab.now += 100_000;
    lab.settle();
    assert_eq!(lab.world.leader("app"), Some(unit(0)));
}

#[test]
fn a_leader_in_error_stays_leader() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.upgrade_charm("app", false, lab.now).unwrap();
    let hook = lab.begin(0);
    lab.end(&hook, Exit::Code(1));
    lab.now += 1_000_000;
    lab.settle();
    assert_eq!(lab.world.leader("app"), Some(unit(0)));
}

#[test]
fn two_units_can_believe_in_their_leadership_but_only_one_commits() {
    let leases = Leases {
        revocation_lag: 1_000_000,
        ..Leases::default()
    };
    let mut lab = Lab::settled(Settings { leases, ..calm() }, 2);
    lab.world.set_leader(&unit(1), lab.now).unwrap();
    let (old, new) = (lab.open(0), lab.open(1));
    assert_eq!(lab.call(&old, "is-leader"), "True\n");
    assert_eq!(lab.call(&new, "is-leader"), "True\n");
    assert_eq!(lab.call(&old, "relation-set -r 0 --app who=old"), "");
    assert_eq!(lab.call(&new, "relation-set -r 0 --app who=new"), "");
    lab.end(&new, Exit::Code(0));
    lab.end(&old, Exit::Code(0));
    assert_eq!(
        lab.world.databag("app", "peer", None).unwrap()["who"],
        "new"
    );
}

#[test]
fn a_machine_that_stood_still_believes_in_its_leadership_for_a_while() {
    let mut lab = Lab::settled(calm(), 2);
    let hook = lab.open(0);
    lab.world.set_suspended(&unit(0), true, lab.now).unwrap();
    lab.now += 70_000;
    lab.run_due(|_| Exit::Code(0));
    assert_eq!(lab.world.leader("app"), Some(unit(1)));
    lab.world.set_suspended(&unit(0), false, lab.now).unwrap();
    assert_eq!(lab.call(&hook, "is-leader"), "True\n");
    lab.now += 30_001;
    assert_eq!(lab.call(&hook, "is-leader"), "False\n");
}

#[test]
fn a_lapsed_lease_goes_to_another() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.expire_lease("app", lab.now).unwrap();
    assert_eq!(lab.world.leader("app"), Some(unit(1)));
    lab.settle();
    lab.world.set_leader(&unit(0), lab.now).unwrap();
    lab.forget();
    lab.settle();
    assert!(
        lab.runs(0).contains(&"leader-elected".to_owned()),
        "it is elected anew"
    );
}

#[test]
fn a_unit_that_goes_untold_stays_listed_but_is_no_goal() {
    for version in ["2.9.50", "3.6.9", "4.0.0"] {
        let mut lab = Lab::settled(juju(version), 3);
        lab.write(1, "relation-set -r 0 n=1");
        lab.settle();
        lab.forget();
        lab.world.lose_unit(&unit(1), lab.now).unwrap();
        lab.world
            .remove_unit_untold(&unit(1), true, lab.now)
            .unwrap();
        // The other one leaves as ever.
        lab.world.remove_unit(&unit(2), false, lab.now).unwrap();
        lab.settle();
        assert_eq!(lab.runs(0), ["peer-relation-departed"], "{version}");
        assert_eq!(lab.world.units().len(), 1);
        let hook = lab.open(0);
        assert_eq!(lab.call(&hook, "relation-list -r 0"), "app/1\n");
        assert_eq!(lab.call(&hook, "relation-get -r 0 n app/1"), "1\n");
        let goal = lab.call(&hook, "goal-state --format=json");
        assert!(!goal.contains("app/1"), "{goal}");
        lab.end(&hook, Exit::Code(0));
    }
}
