//! Which hooks run, and in which order.

use crate::support::{Lab, calm, juju, unit};
use ops_coordinator_lab::{Application, Exit, Settings, World};

/// What a hook of the endpoint `peer` is about.
fn story(hook: &crate::support::Hook<'_>) -> String {
    let remote = hook
        .dispatch
        .env
        .get("JUJU_REMOTE_UNIT")
        .cloned()
        .unwrap_or_default();
    format!("{} {} {remote}", hook.dispatch.unit, hook.dispatch.name)
        .trim_end()
        .to_owned()
}

fn stories(lab: &mut Lab) -> Vec<String> {
    let mut all = Vec::new();
    lab.settle_with(|hook| {
        all.push(story(hook));
        Exit::Code(0)
    });
    all
}

#[test]
fn a_single_unit_is_deployed_in_jujus_order_and_never_joins_anything() {
    let mut lab = Lab::new(calm(), 1);
    lab.settle();
    assert_eq!(
        lab.runs(0),
        [
            "install",
            "peer-relation-created",
            "leader-elected",
            "config-changed",
            "start"
        ]
    );
}

#[test]
fn a_unit_that_does_not_lead_hears_of_the_leaders_settings_until_juju_4() {
    for (version, expected) in [("3.6.9", true), ("4.0.0", false)] {
        let mut lab = Lab::new(juju(version), 2);
        lab.world.set_leader(&unit(0), 0).unwrap();
        lab.settle();
        let runs = lab.runs(1);
        assert!(!runs.contains(&"leader-elected".to_owned()));
        assert_eq!(
            runs.contains(&"leader-settings-changed".to_owned()),
            expected,
            "{version}"
        );
    }
}

#[test]
fn each_unit_that_joins_is_followed_by_its_changed() {
    let mut lab = Lab::new(calm(), 3);
    lab.settle();
    let peers: Vec<_> = lab
        .runs(2)
        .into_iter()
        .filter(|r| r.contains("joined") || r.contains("changed"))
        .collect();
    assert_eq!(
        peers
            .iter()
            .filter(|run| run.starts_with("peer-"))
            .collect::<Vec<_>>(),
        [
            "peer-relation-joined",
            "peer-relation-changed",
            "peer-relation-joined",
            "peer-relation-changed"
        ]
    );
}

#[test]
fn many_commits_while_a_unit_is_busy_are_one_changed() {
    let mut lab = Lab::settled(calm(), 2);
    for number in 0..5 {
        lab.write(1, &format!("relation-set -r 0 n={number}"));
    }
    assert_eq!(stories(&mut lab), ["app/0 peer-relation-changed app/1"]);
}

#[test]
fn the_applications_bag_is_heard_of_by_all_and_by_the_leader_that_wrote_it() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(0, "relation-set -r 0 --app n=1");
    assert_eq!(
        stories(&mut lab),
        ["app/0 peer-relation-changed", "app/1 peer-relation-changed"]
    );
}

#[test]
fn the_leader_can_be_spared_its_own_write() {
    let settings = Settings {
        leader_hears_own_write: false,
        ..calm()
    };
    let mut lab = Lab::settled(settings, 2);
    lab.write(0, "relation-set -r 0 --app n=1");
    assert_eq!(stories(&mut lab), ["app/1 peer-relation-changed"]);
}

#[test]
fn a_lone_leader_hears_of_its_own_write_too() {
    let mut lab = Lab::settled(calm(), 1);
    lab.write(0, "relation-set -r 0 --app n=1");
    assert_eq!(stories(&mut lab), ["app/0 peer-relation-changed"]);
}

#[test]
fn writing_what_is_there_already_wakes_nobody() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(0, "relation-set -r 0 --app n=1");
    lab.settle();
    lab.write(0, "relation-set -r 0 --app n=1");
    assert!(stories(&mut lab).is_empty());
}

#[test]
fn there_and_back_is_an_event_until_juju_4() {
    for (version, hooks) in [("3.6.9", 1), ("4.0.0", 0)] {
        let mut lab = Lab::settled(juju(version), 2);
        lab.write(1, "relation-set -r 0 n=1");
        lab.settle();
        lab.write(1, "relation-set -r 0 n=2");
        lab.write(1, "relation-set -r 0 n=1");
        assert_eq!(stories(&mut lab).len(), hooks, "{version}");
    }
}

#[test]
fn a_unit_that_comes_late_hears_of_the_applications_bag_before_any_peer() {
    let mut lab = Lab::settled(calm(), 1);
    lab.write(0, "relation-set -r 0 --app n=1");
    lab.settle();
    lab.world.add_units("app", 1, lab.now).unwrap();
    let late: Vec<_> = stories(&mut lab)
        .into_iter()
        .filter(|s| s.starts_with("app/1"))
        .collect();
    assert_eq!(
        late[late.len() - 3..],
        [
            "app/1 peer-relation-changed",
            "app/1 peer-relation-joined app/0",
            "app/1 peer-relation-changed app/0"
        ]
    );
}

#[test]
fn configuration_that_comes_back_to_what_it_was_is_no_news() {
    let mut lab = Lab::settled(calm(), 1);
    let set = |lab: &mut Lab, text: &str| {
        let values = [("message".to_owned(), text.into())].into();
        lab.world.set_config("app", values, lab.now).unwrap();
    };
    set(&mut lab, "other");
    assert_eq!(stories(&mut lab), ["app/0 config-changed"]);
    set(&mut lab, "again");
    set(&mut lab, "other");
    assert!(stories(&mut lab).is_empty());
}

#[test]
fn an_upgrade_is_followed_by_config_changed() {
    let mut lab = Lab::settled(calm(), 1);
    lab.world.upgrade_charm("app", false, lab.now).unwrap();
    assert_eq!(
        stories(&mut lab),
        ["app/0 upgrade-charm", "app/0 config-changed"]
    );
}

#[test]
fn update_status_comes_when_nothing_else_does_and_does_not_keep_the_world_busy() {
    let mut lab = Lab::settled(
        Settings {
            update_status_interval: 1_000,
            ..calm()
        },
        1,
    );
    assert!(lab.world.is_idle());
    lab.now += 1_300;
    assert_eq!(stories(&mut lab), ["app/0 update-status"]);
    lab.run_due(|_| panic!("it came twice"));
}

#[test]
fn a_leader_that_lost_its_lease_before_leader_elected_ran_is_passed_over() {
    let mut lab = Lab::new(calm(), 2);
    lab.world.set_leader(&unit(0), 0).unwrap();
    let install = lab.begin(0);
    lab.end(&install, Exit::Code(0));
    let created = lab.begin(0);
    lab.end(&created, Exit::Code(0));
    lab.world.set_leader(&unit(1), 0).unwrap();
    lab.settle();
    assert!(!lab.runs(0).contains(&"leader-elected".to_owned()));
    assert!(lab.runs(1).contains(&"leader-elected".to_owned()));
}

#[test]
fn relation_hooks_name_their_relation_and_only_departures_a_leaver() {
    let mut lab = Lab::new(calm(), 2);
    lab.settle_with(|hook| {
        let env = &hook.dispatch.env;
        let expected = env.get("JUJU_RELATION_ID").map(String::as_str);
        let relation = hook.dispatch.name.contains("-relation-");
        assert_eq!(expected, relation.then_some("peer:0"));
        assert!(!env.contains_key("JUJU_DEPARTING_UNIT"));
        assert_eq!(
            env["JUJU_DISPATCH_PATH"],
            format!("hooks/{}", hook.dispatch.name)
        );
        if hook.dispatch.name == "peer-relation-created" {
            assert_eq!(
                (
                    env["JUJU_REMOTE_UNIT"].as_str(),
                    env["JUJU_REMOTE_APP"].as_str()
                ),
                ("", "app")
            );
        }
        Exit::Code(0)
    });
}

#[test]
fn commands_and_actions_have_no_hook_name() {
    let mut lab = Lab::settled(calm(), 1);
    let exec = lab.open(0);
    assert_eq!(exec.env["JUJU_HOOK_NAME"], "");
    assert!(!exec.env.contains_key("JUJU_DISPATCH_PATH"));
    assert!(exec.context.0.starts_with("app/0-run-commands-"));
    lab.end(&exec, Exit::Code(0));
    lab.world
        .run_action(&unit(0), "show", [].into(), lab.now)
        .unwrap();
    let action = lab.begin(0);
    assert_eq!(action.env["JUJU_HOOK_NAME"], "");
    assert_eq!(action.env["JUJU_DISPATCH_PATH"], "actions/show");
    assert_eq!(action.env["JUJU_ACTION_NAME"], "show");
}

#[test]
fn each_of_several_endpoints_has_a_relation_of_its_own() {
    let application = Application::with_peers("app", &["one", "two"]);
    let mut world = World::new(calm());
    world.deploy(application, 2, 0).unwrap();
    let mut lab = Lab { world, now: 0 };
    lab.settle();
    let runs = lab.runs(1);
    for endpoint in ["one", "two"] {
        for kind in ["created", "joined", "changed"] {
            let name = format!("{endpoint}-relation-{kind}");
            assert_eq!(runs.iter().filter(|run| **run == name).count(), 1, "{name}");
        }
    }
    lab.write(0, "relation-set -r two:1 n=1");
    lab.forget();
    lab.settle();
    assert_eq!(lab.runs(1), ["two-relation-changed"]);
    assert!(
        !lab.world
            .databag("app", "one", Some(0))
            .unwrap()
            .contains_key("n")
    );
}
