//! The charm in Rust on the lab: its executable in the hooks of five units, as real processes.

#![expect(
    clippy::unwrap_used,
    reason = "what is not there fails the test that asked for it"
)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

#[path = "rust_charm/built.rs"]
mod built;

use built::{COMMAND, built, charms};

/// Plays a scenario of the charm's; it must end well. What each unit showed last: its status and the message.
#[track_caller]
fn play(scenario: &str) -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let history = directory.path().join("history.jsonl");
    let output = Command::new(COMMAND)
        .args(["lab", "run", "--scenario"])
        .arg(charms().join("rust/scenarios").join(scenario))
        .arg("--path")
        .arg(charms().join("python-seed/tests/stand-in"))
        .arg("--path")
        .arg(built())
        .arg("--history")
        .arg(&history)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let events = std::fs::read_to_string(&history).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let shown = events.filter(|event: &Value| event["event"] == "status");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    shown
        .map(|event| {
            let status = text(&event["status"]) + ": " + &text(&event["message"]);
            (text(&event["unit"]), status)
        })
        .collect()
}

/// Asserts that the last that each of these units showed is that it serves this message.
#[track_caller]
fn assert_serve(shown: &BTreeMap<String, String>, units: &[u32], message: &str) {
    for unit in units {
        let shown = &shown[&format!("rust/{unit}")];
        assert_eq!(*shown, format!("active: serves {message:?}"), "rust/{unit}");
    }
}

#[test]
fn a_charm_in_rust_rolls_a_new_message_through_five_units() {
    assert_serve(&play("roll.toml"), &[0, 1, 2, 3, 4], "good morning");
}

#[test]
fn a_restart_that_fails_in_a_charm_in_rust_stops_the_roll_until_it_is_mended() {
    assert_serve(
        &play("failed-restart.toml"),
        &[0, 1, 2, 3, 4],
        "good morning",
    );
}

#[test]
fn the_executable_of_a_charm_in_rust_is_its_own_waker() {
    assert_serve(&play("holder-removed.toml"), &[0, 2], "good morning");
}
