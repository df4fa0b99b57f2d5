//! Real processes to which things go wrong. That good charms get through it is for `./dev test`, with the examples.

use std::process::Command;

use crate::fixture::{COMMAND, Fixture};

/// `lab faults` of this charm with more arguments: its exit code and what it printed.
fn faults(fixture: &Fixture, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(COMMAND);
    command
        .args(["lab", "faults", "--charm"])
        .arg(fixture.charm());
    let output = command.args(args).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_charm_that_does_not_wait_for_its_turn_is_caught() {
    let fixture = Fixture::new(
        r#"if [ $hook = config-changed ]; then
             lab-mark enter restart; lab-mark leave restart
             status-set active "$(config-get message)"
           fi"#,
    );
    let args = ["--option", "message", "--units", "2", "--seeds", "1"];
    let (code, text) = faults(&fixture, &args);
    assert_eq!(code, Some(1), "{text}");
    for wanted in [
        "FAILED: starts-only-in-turn: app/",
        "-- config message=\"roll-1\"",
        "last lines of the log of app/1:",
        "fact: 0 of 1 runs upheld all guarantees",
        "to repeat the same faults: --seeds 1 --seed 0 --at before-process",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
    }
}

#[test]
fn a_charm_that_forgets_its_units_is_caught() {
    let fixture = Fixture::new("[ $hook != start ] || status-set active hello");
    let args = [
        "--option",
        "message",
        "--units",
        "2",
        "--seeds",
        "1",
        "--timeout",
        "9s",
    ];
    let (code, text) = faults(&fixture, &args);
    assert_eq!(code, Some(1), "{text}");
    let wanted = "should show \"roll-2\", but is active with \"hello\"";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn a_wrong_call_says_what_there_is() {
    let fixture = Fixture::new("true");
    let (code, text) = faults(&fixture, &["--option", "colour"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("colour") && text.contains("message"),
        "{text}"
    );
    let (code, text) = faults(&fixture, &["--option", "message", "--at", "noon"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("expected one of before-process, mid-process,"),
        "{text}"
    );
}

#[test]
fn a_hook_that_is_to_fail_does_all_its_work_and_runs_again() {
    let scenario = "
        retry-after = '200ms'
        [[step]]
        fail = 'app/0'
        [[step]]
        after = '10ms'
        config = { message = 'x' }
        [[step]]
        expect = { failed-hooks = 1 }
        ";
    let script = "[ $hook != config-changed ] || config-get message >>messages";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "messages"), "hello\nx\nx\n");
}
