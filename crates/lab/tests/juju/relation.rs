//! Peer relations that come, and are listed twice.

use crate::support::{Lab, application, calm, unit};
use ops_coordinator_lab::history::Happening;
use ops_coordinator_lab::{Application, Exit, LabError, RelationId, Settings, Step};

/// What `relation-ids` says on a unit.
fn ids(lab: &mut Lab, number: u32, endpoint: &str) -> String {
    let hook = lab.open(number);
    let ids = lab.call(&hook, &format!("relation-ids {endpoint} --format=json"));
    lab.end(&hook, Exit::Code(0));
    ids.trim_end().to_owned()
}

/// The charm with one more peer endpoint.
fn extended() -> Application {
    let mut revision = application();
    revision.peers.push("extra".to_owned());
    revision
}

#[test]
fn an_endpoint_can_have_two_relations_from_the_start() {
    let settings = Settings {
        duplicate_relations: vec!["peer".to_owned()],
        ..calm()
    };
    let mut lab = Lab::new(settings, 2);
    lab.settle();
    assert_eq!(ids(&mut lab, 0, "peer"), r#"["peer:0","peer:1"]"#);
    for kind in ["created", "joined", "changed"] {
        let name = format!("peer-relation-{kind}");
        let count = lab.runs(1).iter().filter(|run| **run == name).count();
        assert_eq!(count, 2, "{name}");
    }
}

#[test]
fn a_relation_that_is_doubled_is_created_and_joined_like_any_other() {
    let mut lab = Lab::settled(calm(), 2);
    let relation = lab
        .world
        .duplicate_relation("app", "peer", lab.now)
        .unwrap();
    assert_eq!(relation, RelationId(1));
    let mut seen = Vec::new();
    lab.settle_with(|hook| {
        assert_eq!(hook.dispatch.env["JUJU_RELATION_ID"], "peer:1");
        if hook.dispatch.unit == unit(1) {
            seen.push(hook.dispatch.name.clone());
        }
        Exit::Code(0)
    });
    assert_eq!(
        seen,
        [
            "peer-relation-created",
            "peer-relation-joined",
            "peer-relation-changed"
        ]
    );
    lab.write(0, "relation-set -r 1 n=1");
    let bag = |id| {
        lab.world
            .databag_of("app", RelationId(id), Some(0))
            .unwrap()
    };
    assert_eq!(bag(1)["n"], "1");
    assert!(!bag(0).contains_key("n"));
}

#[test]
fn only_an_endpoint_that_exists_can_be_doubled() {
    let mut lab = Lab::settled(calm(), 1);
    let refused = lab.world.duplicate_relation("app", "pear", lab.now);
    let text = refused.unwrap_err().to_string();
    assert_eq!(
        text,
        r#"application "app" has no peer endpoint "pear"; known: peer"#
    );
    let settings = Settings {
        duplicate_relations: vec!["pear".to_owned()],
        ..calm()
    };
    let mut world = ops_coordinator_lab::World::new(settings);
    assert!(matches!(
        world.deploy(application(), 1, 0),
        Err(LabError::NoEndpoint { .. })
    ));
    assert!(world.units().is_empty());
}

#[test]
fn one_unit_after_the_other_stops_seeing_the_lowest_relation() {
    let mut lab = Lab::settled(calm(), 3);
    lab.world
        .duplicate_relation("app", "peer", lab.now)
        .unwrap();
    lab.settle();
    lab.forget();
    let hook = lab.open(0);
    lab.world.forget_relation(&unit(0), lab.now).unwrap();
    assert_eq!(lab.call(&hook, "relation-list -r 0"), "app/1\napp/2\n");
    lab.end(&hook, Exit::Code(0));
    lab.settle_with(|_| panic!("no hook tells of it"));

    assert_eq!(ids(&mut lab, 0, "peer"), r#"["peer:1"]"#);
    let hook = lab.open(0);
    assert_eq!(
        lab.call(&hook, "relation-list -r 0"),
        "2: ERROR invalid value \"0\" for option -r: relation not found\n"
    );
    lab.end(&hook, Exit::Code(0));
    assert_eq!(ids(&mut lab, 1, "peer"), r#"["peer:0","peer:1"]"#);
    let hook = lab.open(1);
    assert_eq!(lab.call(&hook, "relation-list -r 0"), "app/0\napp/2\n");
    lab.end(&hook, Exit::Code(0));

    // What others write there does not reach it, and a unit that comes now never sees it.
    lab.write(1, "relation-set -r 0 n=1");
    lab.forget();
    lab.settle();
    assert_eq!(lab.runs(0), Vec::<String>::new());
    assert_eq!(lab.runs(2), ["peer-relation-changed"]);
    lab.world.add_units("app", 1, lab.now).unwrap();
    lab.settle();
    assert_eq!(ids(&mut lab, 3, "peer"), r#"["peer:1"]"#);
    let refused = lab.world.forget_relation(&unit(0), lab.now);
    assert!(
        matches!(refused, Err(LabError::NotNow { .. })),
        "{refused:?}"
    );
}

#[test]
fn of_two_doubled_endpoints_a_unit_first_loses_what_another_has_lost() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world
        .upgrade_charm_to(&extended(), false, lab.now)
        .unwrap();
    lab.settle();
    lab.world
        .duplicate_relation("app", "extra", lab.now)
        .unwrap();
    lab.settle();
    let lost = lab.world.forgets_next(&unit(0)).unwrap();
    lab.world.forget_relation(&unit(0), lab.now).unwrap();
    // Now the lowest that is doubled is another endpoint's.
    lab.world
        .duplicate_relation("app", "peer", lab.now)
        .unwrap();
    lab.settle();
    assert_eq!(lab.world.forgets_next(&unit(1)), Some(lost));
    lab.world.forget_relation(&unit(1), lab.now).unwrap();
    assert!(lab.world.forgets_next(&unit(1)) < Some(lost));
}

#[test]
fn a_hook_of_a_relation_that_has_vanished_is_passed_over() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world
        .duplicate_relation("app", "peer", lab.now)
        .unwrap();
    lab.settle();
    lab.write(1, "relation-set -r 0 n=1");
    let hook = lab.begin(0);
    assert_eq!(hook.name, "peer-relation-changed");
    lab.end(&hook, Exit::Code(1));
    lab.world.forget_relation(&unit(0), lab.now).unwrap();
    lab.settle_with(|_| panic!("it runs again"));
    assert!(matches!(
        lab.world.step(&unit(0), lab.now),
        Step::Wait { until: None }
    ));
}

#[test]
fn an_endpoint_that_an_upgrade_adds_is_entered_by_each_unit_once_it_runs_the_new_charm() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.set_agent_up(&unit(1), false, lab.now).unwrap();
    lab.world
        .upgrade_charm_to(&extended(), false, lab.now)
        .unwrap();
    let added = lab.world.history().events().iter().any(|event| {
        matches!(&event.happening, Happening::RelationAdded { endpoint, .. } if endpoint == "extra")
    });
    assert!(added);
    let mut seen = Vec::new();
    lab.run_due(|hook| {
        let ids = hook.call("relation-ids extra");
        seen.push(format!(
            "{} {} {}",
            hook.dispatch.name,
            hook.dispatch.revision,
            ids.trim_end()
        ));
        Exit::Code(0)
    });
    assert_eq!(
        seen,
        [
            "upgrade-charm 1 ",
            "config-changed 1 ",
            "extra-relation-created 1 extra:1"
        ]
    );
    // The other still runs the old charm, and is no member yet.
    let hook = lab.open(0);
    assert_eq!(lab.call(&hook, "relation-list -r 1"), "");
    lab.end(&hook, Exit::Code(0));
    lab.world.set_agent_up(&unit(1), true, lab.now).unwrap();
    lab.forget();
    lab.settle();
    assert_eq!(
        lab.runs(0),
        ["extra-relation-joined", "extra-relation-changed"]
    );
    assert_eq!(
        lab.runs(1),
        [
            "upgrade-charm",
            "config-changed",
            "extra-relation-created",
            "extra-relation-joined",
            "extra-relation-changed"
        ]
    );
}

#[test]
fn a_unit_in_error_runs_the_old_charm_until_it_recovers_and_does_not_see_the_new_endpoint() {
    let mut lab = Lab::settled(calm(), 1);
    let values = [("message".to_owned(), "new".into())].into();
    lab.world.set_config("app", values, lab.now).unwrap();
    let hook = lab.begin(0);
    lab.end(&hook, Exit::Code(1));
    lab.world
        .upgrade_charm_to(&extended(), false, lab.now)
        .unwrap();
    let hook = lab.open(0);
    assert_eq!(
        (hook.revision, lab.call(&hook, "relation-ids extra")),
        (0, String::new())
    );
    lab.end(&hook, Exit::Code(0));
    lab.settle();
    assert!(
        lab.runs(0)
            .ends_with(&["extra-relation-created".to_owned()])
    );
}

#[test]
fn an_upgrade_that_drops_an_endpoint_is_refused() {
    let mut lab = Lab::settled(calm(), 1);
    let mut revision = application();
    revision.peers = vec!["extra".to_owned()];
    let refused = lab.world.upgrade_charm_to(&revision, true, lab.now);
    assert_eq!(
        refused.unwrap_err().to_string(),
        r#"cannot upgrade application "app": would break relation "app:peer""#
    );
    lab.settle_with(|_| panic!("it was refused"));
}
