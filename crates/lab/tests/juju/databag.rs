//! What tools read and write, and when others see it.

use crate::support::{Lab, application, call_of, calm, juju, unit};
use ops_coordinator_lab::{Exit, UnitName};

#[test]
fn own_writes_are_seen_by_the_hook_and_by_others_only_after_it() {
    let mut lab = Lab::settled(calm(), 2);
    let own = lab.open(0);
    lab.call(&own, "relation-set -r 0 n=1");
    assert_eq!(lab.call(&own, "relation-get -r peer:0 n app/0"), "1\n");
    let other = lab.open(1);
    assert_eq!(lab.call(&other, "relation-get -r 0 n app/0"), "");
    lab.end(&other, Exit::Code(0));
    lab.end(&own, Exit::Code(0));
    assert_eq!(lab.world.databag("app", "peer", Some(0)).unwrap()["n"], "1");
}

#[test]
fn a_peers_bag_stays_as_first_read_until_that_peers_own_hook() {
    let mut lab = Lab::settled(calm(), 3);
    let read = |lab: &mut Lab| {
        let exec = lab.open(0);
        let value = lab.call(&exec, "relation-get -r 0 n app/1");
        lab.end(&exec, Exit::Code(0));
        value
    };
    assert_eq!(read(&mut lab), "");
    lab.write(1, "relation-set -r 0 n=1");
    assert_eq!(read(&mut lab), "", "the old bag is cached across hooks");
    lab.settle();
    assert_eq!(read(&mut lab), "1\n");
}

#[test]
fn the_applications_bag_is_fresh_in_each_hook_and_fixed_within_one() {
    let mut lab = Lab::settled(calm(), 2);
    let reader = lab.open(1);
    assert_eq!(lab.call(&reader, "relation-get -r 0 --app n app"), "");
    lab.write(0, "relation-set -r 0 --app n=1");
    assert_eq!(lab.call(&reader, "relation-get -r 0 --app n app"), "");
    lab.end(&reader, Exit::Code(0));
    let reader = lab.open(1);
    assert_eq!(lab.call(&reader, "relation-get -r 0 --app n app"), "1\n");
}

#[test]
fn a_leader_that_lost_its_lease_loses_all_that_it_buffered() {
    let mut lab = Lab::settled(calm(), 2);
    let hook = lab.open(0);
    for line in [
        "relation-set -r 0 --app n=1",
        "relation-set -r 0 n=1",
        "state-set n=1",
        "open-port 80",
    ] {
        assert_eq!(lab.call(&hook, line), "");
    }
    lab.world.set_leader(&unit(1), lab.now).unwrap();
    lab.end(&hook, Exit::Code(0));
    assert!(lab.world.databag("app", "peer", None).unwrap().is_empty());
    assert!(
        !lab.world
            .databag("app", "peer", Some(0))
            .unwrap()
            .contains_key("n")
    );
    let hook = lab.open(0);
    assert_eq!(lab.call(&hook, "state-get n"), "");
    assert_eq!(lab.call(&hook, "opened-ports"), "");
}

#[test]
fn a_refused_commit_is_a_failed_hook_although_the_charm_was_content() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(1, "relation-set -r 0 n=1");
    let hook = lab.begin(0);
    lab.call(&hook, "relation-set --app n=1");
    lab.world.set_leader(&unit(1), lab.now).unwrap();
    lab.end(&hook, Exit::Code(0));
    assert_eq!(lab.world.unit(&unit(0)).unwrap().failures, 1);
    lab.forget();
    lab.settle();
    assert_eq!(lab.runs(0)[0], "peer-relation-changed");
}

#[test]
fn leadership_that_came_back_in_the_meantime_passes_and_overwrites_with_old_values() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(0, "relation-set -r 0 --app a=old b=old");
    lab.settle();
    let hook = lab.open(0);
    lab.call(&hook, "relation-set -r 0 --app b=new");
    lab.world.set_leader(&unit(1), lab.now).unwrap();
    lab.write(1, "relation-set -r 0 --app a=newer");
    lab.world.set_leader(&unit(0), lab.now).unwrap();
    lab.end(&hook, Exit::Code(0));
    let bag = lab.world.databag("app", "peer", None).unwrap();
    assert_eq!((bag["a"].as_str(), bag["b"].as_str()), ("old", "new"));
}

#[test]
fn leadership_answered_with_false_stays_false_for_the_hook() {
    let mut lab = Lab::settled(calm(), 2);
    let hook = lab.open(1);
    assert_eq!(lab.call(&hook, "is-leader"), "False\n");
    lab.world.set_leader(&unit(1), lab.now).unwrap();
    assert_eq!(lab.call(&hook, "is-leader --format=json"), "false\n");
    lab.end(&hook, Exit::Code(0));
    let hook = lab.open(1);
    assert_eq!(lab.call(&hook, "is-leader --format json"), "true\n");
}

#[test]
fn leader_set_is_public_at_once_and_heard_of_by_the_others() {
    let mut lab = Lab::settled(calm(), 2);
    let hook = lab.open(0);
    assert_eq!(lab.call(&hook, "leader-set n=1"), "");
    let other = lab.begin(1);
    assert_eq!(other.name, "leader-settings-changed");
    assert_eq!(lab.call(&other, "leader-get n"), "1\n");
    assert_eq!(
        lab.call(&other, "leader-set n=2"),
        "1: ERROR cannot write leadership settings: cannot write settings: not the leader\n"
    );
    lab.end(&other, Exit::Code(0));
    lab.end(&hook, Exit::Code(1));
    let late = lab.open(1);
    assert_eq!(
        lab.call(&late, "leader-get n"),
        "1\n",
        "a failed run takes nothing back"
    );
}

#[test]
fn the_leader_tools_are_gone_in_juju_4() {
    let mut lab = Lab::settled(juju("4.0.0"), 1);
    let hook = lab.open(0);
    assert_eq!(
        lab.call(&hook, "leader-get"),
        "1: ERROR bad request: unknown hook command: leader-get\n"
    );
}

#[test]
fn relation_get_answers_as_juju_does() {
    let mut lab = Lab::settled(calm(), 3);
    lab.write(1, "relation-set -r 0 a=b");
    lab.settle();
    let other = application();
    lab.world
        .deploy(
            ops_coordinator_lab::Application {
                name: "other".into(),
                ..other
            },
            1,
            lab.now,
        )
        .unwrap();
    lab.settle();
    let hook = lab.open(0);
    for (line, expected) in [
        ("relation-get -r 0 a app/1", "b\n"),
        ("relation-get -r 0 --format=json missing app/1", "null\n"),
        ("relation-get -r 0 missing app/1", ""),
        ("relation-get -r 0 --app --format=json - app", "{}\n"),
        ("relation-get -r 0 --app --format=json - app/2", "{}\n"),
        (
            "relation-get a app/1",
            "2: ERROR no relation id specified\n",
        ),
        (
            "relation-get -r 99 a app/1",
            "2: ERROR invalid value \"99\" for option -r: relation not found\n",
        ),
        (
            "relation-get -r x a app/1",
            "2: ERROR invalid value \"x\" for option -r: invalid relation id\n",
        ),
        (
            "relation-get -r 1 a app/1",
            "2: ERROR invalid value \"1\" for option -r: relation not found\n",
        ),
        (
            "relation-get -r 0 a",
            "2: ERROR no unit or application specified\n",
        ),
        (
            "relation-get -r 0 a app",
            "2: ERROR expected unit name, got application name \"app\"\n",
        ),
        (
            "relation-get -r 0 a App!",
            "2: ERROR invalid unit name \"App!\"\n",
        ),
        (
            "relation-get -r 0 a app/9",
            "1: ERROR cannot read settings for unit \"app/9\" in relation \"app:peer\": unit \"app/9\": settings not found\n",
        ),
        (
            "relation-get -r 0 --app a other",
            "1: ERROR permission denied\n",
        ),
        (
            "relation-get -r 0 a app/1 extra",
            "2: ERROR unrecognized args: [\"extra\"]\n",
        ),
        ("relation-list -r 0", "app/1\napp/2\n"),
        (
            "relation-list -r peer:0 --format=json",
            "[\"app/1\",\"app/2\"]\n",
        ),
        ("relation-list -r 0 --app --format=json", "\"app\"\n"),
        ("relation-ids peer", "peer:0\n"),
        ("relation-ids nothing --format=json", "[]\n"),
        ("relation-ids", "2: ERROR no endpoint name specified\n"),
    ] {
        assert_eq!(lab.call(&hook, line), expected, "{line}");
    }
}

#[test]
fn a_relation_hook_needs_no_names() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(1, "relation-set -r 0 a=b");
    let hook = lab.begin(0);
    assert_eq!(lab.call(&hook, "relation-get a"), "b\n");
    assert_eq!(lab.call(&hook, "relation-ids"), "peer:0\n");
    lab.end(&hook, Exit::Code(0));
    lab.write(0, "relation-set -r 0 --app a=c");
    let hook = lab.begin(0);
    assert_eq!(
        lab.call(&hook, "relation-get a"),
        "c\n",
        "no remote unit means the application"
    );
}

#[test]
fn a_unit_that_does_not_lead_may_read_the_applications_bag_but_not_write_it() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(0, "relation-set -r 0 --app a=b");
    let hook = lab.open(1);
    assert_eq!(lab.call(&hook, "relation-get -r 0 --app a app"), "b\n");
    assert_eq!(
        lab.call(&hook, "relation-set -r 0 --app a=c"),
        "1: ERROR cannot write relation settings\n"
    );
}

#[test]
fn every_units_bag_starts_with_its_addresses() {
    let keys = |version: &str| {
        let lab = Lab::settled(juju(version), 1);
        lab.world
            .databag("app", "peer", Some(0))
            .unwrap()
            .into_keys()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys("3.6.9"),
        ["egress-subnets", "ingress-address", "private-address"]
    );
    assert_eq!(keys("4.0.0"), ["egress-subnets", "ingress-address"]);
}

#[test]
fn settings_come_from_stdin_when_asked_for_and_arguments_win() {
    let mut lab = Lab::settled(calm(), 1);
    let hook = lab.open(0);
    let line = "relation-set -r 0 --file - a=3";
    let call = call_of(&hook.context, line, None);
    assert!(lab.world.call(&call, lab.now).needs_stdin);
    let call = call_of(&hook.context, line, Some("{\"a\": \"1\", \"b\": \"2\"}"));
    assert_eq!(lab.world.call(&call, lab.now).code, 0);
    assert_eq!(lab.call(&hook, "relation-get -r 0 a app/0"), "3\n");
    assert_eq!(lab.call(&hook, "relation-get -r 0 b app/0"), "2\n");
    assert_eq!(
        lab.call(&hook, "relation-set -r 0 --file nowhere"),
        "1: ERROR open nowhere: no such file or directory\n"
    );
    assert!(lab.call(&hook, "relation-set --help").contains("--file"));
}

#[test]
fn before_it_is_installed_a_unit_has_no_relations() {
    let mut lab = Lab::new(calm(), 1);
    let install = lab.begin(0);
    assert_eq!(
        lab.call(&install, "relation-ids peer --format=json"),
        "[]\n"
    );
}

#[test]
fn a_hooks_tools_end_with_it_and_are_not_anothers() {
    let mut lab = Lab::settled(calm(), 1);
    let first = lab.open(0);
    lab.end(&first, Exit::Code(0));
    assert!(
        lab.call(&first, "is-leader")
            .starts_with("1: ERROR dial unix")
    );
    let second = lab.open(0);
    let expected = format!(
        "1: ERROR bad request: expected context id {:?}, got {:?}\n",
        second.context.0, first.context.0
    );
    assert_eq!(lab.call(&first, "is-leader"), expected);
    assert!(
        lab.call(&second, "juju-exec true")
            .starts_with("2: ERROR juju-exec cannot be called")
    );
    assert_eq!(
        lab.call(&second, "nonsense"),
        "1: ERROR bad request: unknown hook command: nonsense\n"
    );
    assert_eq!(
        lab.call(&second, "secret-ids"),
        "1: ERROR secret-ids is not supported by the lab\n"
    );
}

#[test]
fn joined_peers_are_listed_and_leavers_are_not() {
    let mut lab = Lab::new(calm(), 2);
    let mut seen = Vec::new();
    lab.settle_with(|hook| {
        if hook.dispatch.unit == unit(0) {
            let list = hook.call("relation-list -r 0 --format=json");
            seen.push((hook.dispatch.name.clone(), list));
        }
        Exit::Code(0)
    });
    let joined = seen
        .iter()
        .position(|(name, _)| name == "peer-relation-joined")
        .unwrap();
    assert_eq!(seen[joined - 1].1, "[]\n");
    assert_eq!(seen[joined].1, "[\"app/1\"]\n");
    lab.world.remove_unit(&unit(1), false, lab.now).unwrap();
    let hook = lab.begin(0);
    assert_eq!(hook.name, "peer-relation-departed");
    assert_eq!(lab.call(&hook, "relation-list --format=json"), "[]\n");
    assert!(
        lab.call(&hook, "relation-get").contains("ingress-address"),
        "its bag is still there"
    );
}

#[test]
fn configuration_is_typed_and_fixed_within_a_hook() {
    let mut lab = Lab::settled(calm(), 1);
    let hook = lab.open(0);
    assert_eq!(
        lab.call(&hook, "config-get --format=json"),
        "{\"message\":\"hello\"}\n"
    );
    let set = |lab: &mut Lab, value| {
        lab.world
            .set_config("app", [("limit".to_owned(), value)].into(), lab.now)
    };
    set(&mut lab, 2.into()).unwrap();
    assert_eq!(
        lab.call(&hook, "config-get --all --format=json"),
        "{\"limit\":null,\"message\":\"hello\"}\n"
    );
    lab.end(&hook, Exit::Code(0));
    let hook = lab.open(0);
    assert_eq!(lab.call(&hook, "config-get limit --format=json"), "2\n");
    assert_eq!(
        lab.call(&hook, "config-get nothing --format=json"),
        "null\n"
    );
    let error = set(&mut lab, "two".into()).unwrap_err().to_string();
    assert_eq!(error, "option \"limit\" takes a whole number, not \"two\"");
    let error = lab
        .world
        .set_config("app", [("x".to_owned(), 1.into())].into(), 0)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "application \"app\" has no option \"x\"; known: limit, message"
    );
}

#[test]
fn status_state_and_actions_have_their_own_shapes() {
    let mut lab = Lab::settled(calm(), 2);
    let hook = lab.open(1);
    for (line, expected) in [
        ("status-set active -- all is --well", ""),
        ("status-get", "active\n"),
        (
            "status-get --include-data --format=json",
            "{\"message\":\"all is --well\",\"status\":\"active\",\"status-data\":{}}\n",
        ),
        (
            "status-set fine",
            "2: ERROR invalid status \"fine\", expected one of [maintenance blocked waiting active]\n",
        ),
        (
            "status-set --application=True active",
            "1: ERROR this unit is not the leader\n",
        ),
        ("state-get", ""),
        ("state-set a=1", ""),
        ("state-get a", "1\n"),
        ("state-delete a", ""),
        ("state-get a --strict", "1: ERROR \"a\" not found\n"),
        ("action-set a=1", "1: ERROR not running an action\n"),
        ("juju-log", "2: ERROR no message specified\n"),
        ("unit-get private-address", "10.1.0.2\n"),
        ("network-get peer --ingress-address", "10.1.0.2\n"),
        (
            "network-get nothing",
            "1: ERROR no network config found for binding \"nothing\"\n",
        ),
        (
            "lab-mark enter",
            "2: ERROR expected lab-mark enter LOCK, or lab-mark leave LOCK\n",
        ),
    ] {
        assert_eq!(lab.call(&hook, line), expected, "{line}");
    }
    lab.end(&hook, Exit::Code(0));
    let params = [("deep".to_owned(), serde_json::json!({"er": 5}))].into();
    let id = lab
        .world
        .run_action(&unit(1), "show", params, lab.now)
        .unwrap();
    let action = lab.begin(1);
    for (line, expected) in [
        ("action-get deep.er", "5\n"),
        ("action-get nothing --format=json", "null\n"),
        ("action-set a.b=c", ""),
        (
            "action-set stdout=x",
            "2: ERROR cannot set reserved action key \"stdout\"\n",
        ),
        ("action-log half-way", ""),
        ("action-fail sorry", ""),
    ] {
        assert_eq!(lab.call(&action, line), expected, "{line}");
    }
    lab.end(&action, Exit::Code(0));
    let record = lab.world.action(id).unwrap();
    assert_eq!(
        (record.message.as_str(), record.results["a.b"].as_str()),
        ("sorry", "c")
    );
    assert_eq!(record.log, ["half-way"]);
}

#[test]
fn a_leavers_goal_state_is_dying_and_peers_are_no_relations_of_it() {
    let mut lab = Lab::settled(calm(), 2);
    lab.world.remove_unit(&unit(1), false, lab.now).unwrap();
    let hook = lab.open(0);
    let state: serde_json::Value =
        serde_json::from_str(&lab.call(&hook, "goal-state --format=json")).unwrap();
    assert_eq!(state["units"]["app/1"]["status"], "dying");
    assert_eq!(state["relations"], serde_json::json!({}));
}

#[test]
fn units_of_another_application_are_strangers() {
    let mut lab = Lab::settled(calm(), 1);
    assert!(
        lab.world
            .exec(&UnitName::new("other", 0), String::new(), 0)
            .is_err()
    );
}
