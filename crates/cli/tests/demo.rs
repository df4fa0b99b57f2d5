//! The demo, as somebody without a terminal sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
    says(&text, "-- kill -9 of the hook of app/");
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

/// A demo that has stopped at a unit, and what it has printed so far.
fn stopped(
    args: &[&str],
    temporary: &Path,
) -> (Child, BufReader<std::process::ChildStdout>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ops-coordinator"));
    command.arg("demo").args(args).env("TMPDIR", temporary);
    let mut demo = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(demo.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("demo resume") {
        let read = reader.read_line(&mut text).unwrap();
        assert!(read > 0, "it ended before it had stopped:\n{text}");
    }
    (demo, reader, text)
}

/// Calls the command in another process, as in another terminal.
fn elsewhere(args: &[&str], temporary: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ops-coordinator"));
    let output = command
        .args(args)
        .env("TMPDIR", temporary)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_roll_in_waves_that_stops_goes_on_when_somebody_resumes_it() {
    let place = tempfile::tempdir().unwrap();
    let args = [
        "--units", "6", "--limit", "50%", "--zones", "2", "--fail", "app/3",
    ];
    let (mut demo, mut reader, mut text) = stopped(&args, place.path());
    says(&text, "-- wave 1, zone az1: app/0 app/2 app/4");
    says(&text, "app/3 is blocked: ");
    says(&text, "-- the roll has stopped: app/3 failed, exit code 1");
    let (code, status) = elsewhere(&["lab", "action", "app/0", "status"], place.path());
    assert_eq!(code, Some(0), "{status}");
    says(&status, "waits for an operator's retry or skip");
    let (code, resumed) = elsewhere(&["demo", "resume"], place.path());
    assert_eq!(code, Some(0), "{resumed}");
    says(
        &resumed,
        "$ ops-coordinator lab action app/leader retry unit=app/3\n",
    );
    says(&resumed, "may try again");
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{text}");
    says(&text, "failed and run again");
    let told = text.matches("the roll has stopped").count();
    assert_eq!(told, 1, "looking is no news:\n{text}");
    says(&text, "restarted  6 of 6 units");
    says(&text, "(limit 50% = 3)");
    assert!(!text.contains("wave 3"), "two zones are two waves:\n{text}");
    assert!(!text.contains('\u{1b}'), "no terminal, no escapes:\n{text}");
    let (code, none) = elsewhere(&["demo", "resume"], place.path());
    assert_eq!(code, Some(1));
    says(&none, "no lab is running");
}

#[test]
fn a_roll_that_stops_goes_on_without_the_unit_that_somebody_skips() {
    let place = tempfile::tempdir().unwrap();
    let (mut demo, mut reader, mut text) =
        stopped(&["--units", "3", "--fail", "app/1"], place.path());
    let skip = ["lab", "action", "app/leader", "skip", "unit=app/1"];
    let (code, said) = elsewhere(&skip, place.path());
    assert_eq!(code, Some(0), "{said}");
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(0), "{text}");
    says(
        &text,
        "restarted  2 of 3 units, without app/1, which was skipped",
    );
}

#[test]
fn a_roll_that_stops_fails_when_nobody_comes() {
    let (code, text) = demo(&["--units", "2", "--fail", "app/1", "--wait", "1s"]);
    assert_eq!(code, Some(1), "{text}");
    says(
        &text,
        "problem: app/1 is blocked: its restart has failed: retry or skip it",
    );
}

#[test]
fn a_unit_that_the_demo_does_not_have_cannot_fail() {
    let (code, text) = demo(&["--units", "4", "--fail", "app/4"]);
    assert_eq!(code, Some(2), "{text}");
    says(
        &text,
        "the demo has no unit app/4\nhint: its units are app/0 to app/3",
    );
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
