//! What an operator does while the units run.

use crate::fixture::Fixture;

#[test]
fn config_scale_leadership_actions_and_commands_reach_the_units() {
    let script = "case $hook in
           config-changed) config-get message >>messages ;;
           go) action-set answer=\"$(action-get question)!\" ;;
         esac";
    let scenario = "
        units = 2
        [config]
        message = 'from the file'
        [[step]]
        config = { message = 'changed' }
        [[step]]
        add-units = 1
        [[step]]
        leader = 'app/2'
        [[step]]
        action = { unit = 'app/1', name = 'go', params = { question = 'why' } }
        [[step]]
        exec = { unit = 'leader', command = 'echo $JUJU_UNIT_NAME >commanded; exit 4', code = 4 }
        [[step]]
        remove-unit = 'app/0'
        [[step]]
        expect = { units = 2, leader = 'app/2', failed-hooks = 0 }
        ";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(run.file(1, "messages"), "from the file\nchanged\n");
    assert_eq!(run.file(2, "messages"), "changed\n");
    assert_eq!(run.file(2, "commanded"), "app/2\n");
    assert!(run.hooks(2).contains(&"leader-elected".to_owned()));
    assert!(
        run.hooks(1)
            .contains(&"cluster-relation-departed".to_owned())
    );
    assert_eq!(run.hooks(0).last().unwrap(), "remove");
}

#[test]
fn an_action_that_fails_fails_the_run_unless_that_was_meant() {
    let fixture = || Fixture::new("[ $hook != go ] || action-fail 'not today'");
    let step = "[[step]]\naction = { unit = 'app/0', name = 'go'";
    let run = fixture().play(&format!("{step} }}\n"), &[]).exits(1);
    assert!(
        run.text
            .contains("action go was expected to succeed, but failed: not today"),
        "{}",
        run.text
    );
    fixture()
        .play(&format!("{step}, fails = true }}\n"), &[])
        .exits(0);
}

#[test]
fn a_new_charm_takes_the_place_of_the_old_one() {
    let newer = Fixture::new("echo $hook >newer");
    let path = newer.charm();
    let scenario = format!("[[step]]\nupgrade-charm = '{}'\n", path.display());
    let run = Fixture::new("true").play(&scenario, &[]).exits(0);
    assert!(run.hooks(0).contains(&"upgrade-charm".to_owned()));
    assert_eq!(run.file(0, "newer"), "config-changed\n");
}

#[test]
fn a_crashed_agent_comes_back_and_runs_its_hook_again() {
    let scenario = "
        retry-after = '200ms'
        [[step]]
        crash = 'app/0'
        at = 'after-flush'
        [[step]]
        after = '10ms'
        config = { message = 'x' }
        ";
    let run = Fixture::new("echo $hook >>hooks")
        .play(scenario, &[])
        .exits(0);
    let text = run.file(0, "hooks");
    assert!(text.ends_with("config-changed\nconfig-changed\n"), "{text}");
}

#[test]
fn an_agent_dies_at_the_end_of_the_hook_that_runs() {
    let scenario = "
        retry-after = '200ms'
        [[step]]
        config = { message = 'x' }
        [[step]]
        after = { hook = 'config-changed', delay = '200ms' }
        crash = 'app/0'
        at = 'after-process'
        ";
    let script = "echo $hook >>hooks\n[ $hook != config-changed ] || sleep 1";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    let text = run.file(0, "hooks");
    let all = "config-changed\nstart\nconfig-changed\nconfig-changed\n";
    assert!(text.ends_with(all), "{text}");
}

#[test]
fn what_waits_for_a_hook_of_a_unit_that_is_not_there_is_refused() {
    for deed in ["fail = 'app/9'", "crash = 'app/9'\nat = 'after-done'"] {
        let scenario = format!("[[step]]\n{deed}\n");
        let run = Fixture::new("true").play(&scenario, &[]).exits(1);
        let problem = "step 1: unit app/9 does not exist";
        assert!(run.text.contains(problem), "{}", run.text);
    }
}

#[test]
fn a_hook_that_never_succeeds_ends_with_the_timeout_and_the_end_of_its_log() {
    let fixture = Fixture::new("[ $hook != start ] || { echo 'no such disk' >&2; exit 1; }");
    let run = fixture.run(&["--timeout", "2s"]).exits(1);
    let problem = "problem: app/0 is in error: start failed once";
    assert!(run.text.contains(problem), "{}", run.text);
    assert!(
        run.text.contains("problem: not idle after 2.0 s"),
        "{}",
        run.text
    );
    assert!(
        run.text.contains("last lines of the log of app/0:"),
        "{}",
        run.text
    );
    assert!(
        run.text.contains("WARNING start: no such disk"),
        "{}",
        run.text
    );
}

#[test]
fn a_lost_machine_takes_its_processes_along_and_stays_listed() {
    let scenario = "
        units = 2
        force-wait = '500ms'
        [[step]]
        lose-machine = 'app/1'
        [[step]]
        exec = { unit = 'app/0', command = 'relation-list -r $(relation-ids cluster) >listed' }
        [[step]]
        exec = { unit = 'app/0', command = 'pgrep -fc \"^sleep 4242.5\" >left', code = 1 }
        [[step]]
        remove-unit = 'app/1'
        force = true
        ";
    let script = "[ $hook != start ] || setsid sleep 4242.5 </dev/null >/dev/null 2>&1 &";
    let script = format!("if [ $JUJU_UNIT_NAME = app/1 ]; then {script}\nfi");
    let run = Fixture::new(&script).play(scenario, &[]).exits(0);
    assert_eq!(
        (run.file(0, "listed").as_str(), run.file(0, "left").as_str()),
        ("app/1\n", "0\n")
    );
    assert!(
        run.hooks(0)
            .contains(&"cluster-relation-departed".to_owned())
    );
}

#[test]
fn a_suspended_machine_goes_on_where_it_stood() {
    let scenario = "
        [[step]]
        after = { hook = 'config-changed' }
        suspend = 'app/0'
        [[step]]
        after = '600ms'
        wake = 'app/0'
        [[step]]
        expect = { failed-hooks = 0 }
        ";
    let script =
        "[ $hook != config-changed ] || for n in 1 2 3; do sleep 0.1; date +%s%N; done >ticks";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "ticks").lines().count(), 3);
    let stood = |event: &serde_json::Value| event["took"].as_u64() > Some(600);
    assert!(run.events("hook-end").iter().any(stood), "{}", run.text);
}

#[test]
fn a_hook_that_runs_long_is_reported_while_it_runs() {
    let script = "[ $hook != start ] || sleep 0.6";
    let run = Fixture::new(script)
        .run(&["--hook-limit", "200ms"])
        .exits(0);
    assert!(
        run.text
            .contains("-- app/0 start has been running for 0.2 s"),
        "{}",
        run.text
    );
}

#[test]
fn units_are_spread_over_the_zones() {
    let script = "[ $hook != start ] || echo $JUJU_AVAILABILITY_ZONE >zone";
    let fixture = Fixture::new(script);
    let run = fixture.play("units = 3\nzones = 2\n", &[]).exits(0);
    let zones = [0, 1, 2].map(|unit| run.file(unit, "zone"));
    assert_eq!(zones, ["az1\n", "az2\n", "az1\n"]);
}
