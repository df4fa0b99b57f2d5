//! The demo, as somebody without a terminal sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

/// Runs the demo; its exit code and what it printed come back.
fn demo(args: &[&str]) -> (Option<i32>, String) {
    let command = env!("CARGO_BIN_EXE_ops-coordinator");
    let output = Command::new(command)
        .arg("demo")
        .args(args)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn says(text: &str, wanted: &str) {
    assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
}

#[test]
fn every_unit_restarts_in_its_turn_and_the_others_answer() {
    let (code, text) = demo(&["--units", "3"]);
    assert_eq!(code, Some(0), "{text}");
    says(&text, "restarted  3 of 3 units");
    says(&text, "at once    at most 1 (limit 1)");
    says(&text, "answered   at least 2 of 3 servers throughout");
    assert!(!text.contains('\u{1b}'), "no terminal, no escapes:\n{text}");
}

#[test]
fn a_unit_killed_in_the_middle_of_its_restart_recovers_before_the_next_begins() {
    let (code, text) = demo(&["--units", "3", "--kill", "--seed", "7"]);
    assert_eq!(code, Some(0), "{text}");
    says(&text, "-- kill -9 of the hook of shell/");
    says(&text, "interrupted and run again");
    says(&text, "restarted  3 of 3 units");
    says(&text, "at once    at most 1 (limit 1)");
    says(&text, ", 1 killed");
}

#[test]
fn with_a_limit_of_two_two_restart_together() {
    let (code, text) = demo(&["--units", "4", "--limit", "2"]);
    assert_eq!(code, Some(0), "{text}");
    says(&text, "at once    at most 2 (limit 2)");
}

#[test]
fn a_demo_without_units_is_a_wrong_call() {
    let (code, text) = demo(&["--units", "0"]);
    assert_eq!(code, Some(2), "{text}");
    says(&text, "0 is not in 1..=30");
}

#[test]
fn a_reader_that_goes_away_disturbs_nothing() {
    let command = env!("CARGO_BIN_EXE_ops-coordinator");
    let script = format!("{command} demo --units 1 | head -1; exit ${{PIPESTATUS[0]}}");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
}
