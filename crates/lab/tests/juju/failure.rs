//! Hooks that fail, are killed, or lose their agent.

use crate::support::{Lab, calm, unit};
use ops_coordinator_lab::history::{Happening, Outcome};
use ops_coordinator_lab::world::AgentStatus;
use ops_coordinator_lab::{CrashPoint, Exit, Retry, Settings, Step};

fn configure(lab: &mut Lab, text: &str) {
    let values = [("message".to_owned(), text.into())].into();
    lab.world.set_config("app", values, lab.now).unwrap();
}

#[test]
fn a_failed_hook_runs_again_after_longer_and_longer_waits() {
    let mut lab = Lab::settled(calm(), 1);
    configure(&mut lab, "new");
    let begin = lab.now;
    let mut times = Vec::new();
    lab.settle_with(|hook| {
        times.push(hook.now - begin);
        Exit::Code(i32::from(times.len() < 10))
    });
    assert_eq!(times[..5], [0, 5_000, 15_000, 35_000, 75_000]);
    assert_eq!(times[9] - times[8], 300_000);
}

#[test]
fn while_a_failed_hook_waits_only_actions_and_commands_run() {
    let mut lab = Lab::settled(calm(), 2);
    configure(&mut lab, "new");
    let hook = lab.begin(0);
    lab.end(&hook, Exit::Code(1));
    lab.write(1, "relation-set -r 0 n=1");
    assert!(matches!(
        lab.world.step(&unit(0), lab.now),
        Step::Wait { until: Some(_) }
    ));
    let status = lab.world.unit(&unit(0)).unwrap();
    assert!(matches!(
        status.agent,
        AgentStatus::Error { attempt: 1, .. }
    ));
    let id = lab
        .world
        .run_action(&unit(0), "show", [].into(), lab.now)
        .unwrap();
    let action = lab.begin(0);
    assert_eq!(lab.call(&action, "action-set result=5"), "");
    lab.end(&action, Exit::Code(0));
    assert_eq!(lab.world.action(id).unwrap().results["result"], "5");
    let exec = lab.open(0);
    lab.end(&exec, Exit::Code(0));
    assert!(matches!(
        lab.world.step(&unit(0), lab.now),
        Step::Wait { until: Some(_) }
    ));
}

#[test]
fn without_automatic_retries_a_failed_hook_waits_for_the_operator() {
    let retry = Retry {
        automatic: false,
        ..Retry::default()
    };
    let mut lab = Lab::settled(Settings { retry, ..calm() }, 1);
    configure(&mut lab, "new");
    lab.settle_with(|_| Exit::Code(1));
    assert!(lab.world.is_idle());
    lab.world.resolve(&unit(0), true, lab.now).unwrap();
    lab.settle();
    assert_eq!(lab.runs(0), ["config-changed", "config-changed"]);
    assert!(lab.world.resolve(&unit(0), true, lab.now).is_err());
}

#[test]
fn resolving_without_a_retry_delivers_the_event_and_loses_the_writes() {
    let mut lab = Lab::settled(calm(), 2);
    lab.write(1, "relation-set -r 0 n=1");
    let changed = lab.begin(0);
    lab.call(&changed, "relation-set seen=1");
    lab.end(&changed, Exit::Code(1));
    lab.world.resolve(&unit(0), false, lab.now).unwrap();
    lab.forget();
    lab.settle();
    assert!(lab.runs(0).is_empty());
    assert!(
        !lab.world
            .databag("app", "peer", Some(0))
            .unwrap()
            .contains_key("seen")
    );
}

#[test]
fn a_failed_hook_publishes_nothing() {
    let mut lab = Lab::settled(calm(), 2);
    configure(&mut lab, "new");
    lab.run_due(|hook| {
        hook.call("relation-set -r 0 n=1");
        hook.call("state-set a=b");
        hook.call("status-set active done");
        Exit::Code(1)
    });
    assert!(
        !lab.world
            .databag("app", "peer", Some(0))
            .unwrap()
            .contains_key("n")
    );
    // What is written at once stays.
    assert_eq!(lab.world.unit(&unit(0)).unwrap().message, "done");
}

#[test]
fn a_killed_hook_runs_again_at_once_and_publishes_nothing() {
    let mut lab = Lab::settled(calm(), 1);
    configure(&mut lab, "new");
    let hook = lab.begin(0);
    lab.call(&hook, "relation-set -r 0 n=1");
    lab.end(&hook, Exit::Killed);
    let again = lab.begin(0);
    assert_eq!(again.name, "config-changed");
    assert_ne!(again.context, hook.context);
    assert!(
        !lab.world
            .databag("app", "peer", Some(0))
            .unwrap()
            .contains_key("n")
    );
}

#[test]
fn where_an_agent_dies_decides_whether_the_hook_runs_again_and_what_is_public() {
    for (point, runs, public) in [
        (CrashPoint::BeforeProcess, 2, false),
        (CrashPoint::MidProcess, 2, false),
        (CrashPoint::AfterProcess, 2, false),
        (CrashPoint::AfterFlush, 2, true),
        (CrashPoint::AfterDone, 1, true),
    ] {
        let mut lab = Lab::settled(calm(), 1);
        configure(&mut lab, "new");
        let hook = lab.begin(0);
        lab.call(&hook, "relation-set -r 0 n=1");
        lab.end(&hook, Exit::Crash(point));
        let bag = lab.world.databag("app", "peer", Some(0)).unwrap();
        assert_eq!(bag.contains_key("n"), public, "{point:?}");
        assert!(!lab.world.is_idle());
        lab.settle();
        assert_eq!(lab.runs(0).len(), runs, "{point:?}");
    }
}

#[test]
fn an_agent_that_stops_in_mid_hook_takes_its_context_along() {
    let mut lab = Lab::settled(calm(), 1);
    configure(&mut lab, "new");
    let hook = lab.begin(0);
    lab.world.set_agent_up(&unit(0), false, lab.now).unwrap();
    assert!(
        lab.call(&hook, "is-leader")
            .starts_with("1: ERROR dial unix @/var/lib/juju/agents/unit-app-0")
    );
    lab.end(&hook, Exit::Code(0));
    assert!(matches!(
        lab.world.step(&unit(0), lab.now),
        Step::Wait { .. }
    ));
    lab.world.set_agent_up(&unit(0), true, lab.now).unwrap();
    lab.settle();
    assert_eq!(lab.runs(0), ["config-changed", "config-changed"]);
}

#[test]
fn a_unit_that_cannot_reach_the_controller_fails_to_commit_and_tries_again_later() {
    let mut lab = Lab::settled(calm(), 1);
    configure(&mut lab, "new");
    let hook = lab.begin(0);
    lab.call(&hook, "relation-set -r 0 n=1");
    lab.world
        .set_controller_reachable(&unit(0), false, lab.now)
        .unwrap();
    assert_eq!(lab.call(&hook, "is-leader"), "False\n");
    assert_eq!(
        lab.call(&hook, "config-get"),
        "1: ERROR connection is shut down\n"
    );
    lab.end(&hook, Exit::Code(0));
    lab.run_due(|_| panic!("it runs without a controller"));
    lab.world
        .set_controller_reachable(&unit(0), true, lab.now)
        .unwrap();
    lab.settle();
    let refused =
        |e: &ops_coordinator_lab::history::Event| matches!(e.happening, Happening::Refused { .. });
    assert!(lab.world.history().events().iter().any(refused));
    assert_eq!(lab.runs(0).len(), 2);
}

#[test]
fn a_forced_upgrade_of_a_unit_in_error_replaces_its_code_and_runs_no_upgrade_hook() {
    for (force, upgraded) in [(true, false), (false, true)] {
        let mut lab = Lab::settled(calm(), 1);
        configure(&mut lab, "new");
        let hook = lab.begin(0);
        lab.end(&hook, Exit::Code(1));
        lab.world.upgrade_charm("app", force, lab.now).unwrap();
        lab.settle();
        assert_eq!(lab.runs(0).contains(&"upgrade-charm".to_owned()), upgraded);
    }
}

#[test]
fn a_commands_writes_are_public_whatever_its_exit_code() {
    let mut lab = Lab::settled(calm(), 1);
    let id = lab.world.exec(&unit(0), "false".into(), lab.now).unwrap();
    let exec = lab.begin(0);
    lab.call(&exec, "relation-set -r 0 n=1");
    lab.world
        .set_output(&exec.context, b"out".to_vec(), b"err".to_vec());
    lab.end(&exec, Exit::Code(3));
    let record = lab.world.exec_record(id).unwrap();
    assert_eq!(
        (record.code, record.stdout.as_slice()),
        (3, b"out".as_slice())
    );
    assert_eq!(lab.world.databag("app", "peer", Some(0)).unwrap()["n"], "1");
}

#[test]
fn commands_are_lost_with_their_agent_but_actions_are_not() {
    let mut lab = Lab::settled(calm(), 1);
    let exec = lab.world.exec(&unit(0), "true".into(), lab.now).unwrap();
    let action = lab
        .world
        .run_action(&unit(0), "show", [].into(), lab.now)
        .unwrap();
    lab.world.set_agent_up(&unit(0), false, lab.now).unwrap();
    lab.world.set_agent_up(&unit(0), true, lab.now).unwrap();
    lab.settle();
    assert_eq!(lab.world.exec_record(exec).unwrap().code, 1);
    assert_eq!(lab.world.action(action).unwrap().code, Some(0));
    assert!(lab.world.requests_are_done());
}

#[test]
fn the_history_tells_how_each_run_ended() {
    let mut lab = Lab::settled(calm(), 1);
    configure(&mut lab, "new");
    let mut exits = [
        Exit::Code(1),
        Exit::Killed,
        Exit::Crash(CrashPoint::MidProcess),
        Exit::Code(0),
    ]
    .into_iter();
    lab.settle_with(|_| exits.next().unwrap());
    let ends = lab
        .world
        .history()
        .events()
        .iter()
        .filter_map(|event| match event.happening {
            Happening::HookEnd { outcome, .. } => Some(outcome),
            _ => None,
        });
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            Outcome::Failed,
            Outcome::Killed,
            Outcome::Crashed,
            Outcome::Done
        ]
    );
}

#[test]
fn a_hook_whose_commit_was_never_confirmed_runs_again_though_all_can_see_its_writes() {
    let mut lab = Lab::settled(calm(), 1);
    configure(&mut lab, "new");
    let hook = lab.begin(0);
    lab.call(&hook, "relation-set -r 0 n=1");
    lab.end(&hook, Exit::ReplyLost);
    assert_eq!(lab.world.databag("app", "peer", Some(0)).unwrap()["n"], "1");
    assert_eq!(lab.world.unit(&unit(0)).unwrap().failures, 1);
    lab.settle();
    assert_eq!(lab.runs(0), ["config-changed", "config-changed"]);
}
