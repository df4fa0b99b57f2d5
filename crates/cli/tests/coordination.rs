//! The shell charm on the lab: every scenario beside it ends well, and the history shows what it cost.

#![expect(
    clippy::unwrap_used,
    reason = "what is not there fails the test that asked for it"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn charm() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charms/shell")
}

fn lab(scenario: &Path, history: &Path) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_ops-coordinator"))
        .args(["lab", "run", "--scenario"])
        .arg(scenario)
        .arg("--history")
        .arg(history)
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{}: {}\n{said}{complained}",
        scenario.display(),
        output.status
    ))
}

/// One test a scenario file, so that a failure names it.
macro_rules! scenarios {
    ($($test:ident: $file:literal,)*) => {$(
        #[test]
        fn $test() {
            let directory = tempfile::tempdir().unwrap();
            let scenario = charm().join("scenarios").join(concat!($file, ".toml"));
            if let Err(failure) = lab(&scenario, &directory.path().join("history.jsonl")) {
                panic!("{failure}");
            }
        }
    )*

    #[test]
    fn every_scenario_file_is_a_test() {
        let listed = [$($file),*];
        for entry in std::fs::read_dir(charm().join("scenarios")).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(listed.contains(&name.as_str()), "{name} is not run by any test");
        }
    }
    };
}

scenarios! {
    a_new_configuration_rolls_through_all_units: "roll",
    two_units_restart_at_once_where_the_operator_allows_it: "two-at-once",
    leadership_moves_in_the_middle_of_the_roll: "leader-moves",
    the_leader_is_removed_in_the_middle_of_the_roll: "leader-removed",
    a_waiting_unit_is_removed: "waiting-unit-removed",
    a_unit_is_removed_in_the_middle_of_its_restart: "holder-removed",
    units_join_while_others_restart: "units-join",
    a_restart_is_killed_twice: "holder-killed",
    garbage_in_a_databag_fails_no_hook: "corrupt-databag",
    an_agent_dies_before_the_hooks_process: "crash-before-process",
    an_agent_dies_in_the_middle_of_the_restart: "crash-mid-process",
    an_agent_dies_between_process_and_commit: "crash-after-process",
    an_agent_dies_between_commit_and_its_own_note_of_it: "crash-after-flush",
    an_agent_dies_before_it_goes_on: "crash-after-done",
    a_roll_stops_at_a_failure_and_goes_on_after_a_retry: "stop-and-retry",
    a_roll_stops_at_a_failure_and_goes_on_without_it: "stop-and-skip",
    a_roll_goes_on_after_a_failure: "continue",
    a_turn_lasts_until_its_check_has_held: "check-and-soak",
    a_roll_stops_at_a_check_that_never_holds: "check-stops",
    a_roll_is_paused_and_resumed: "pause-and-resume",
    a_campaign_rolls_all_units_and_nobody_asks: "campaign",
    an_aborted_campaign_lets_go_of_those_who_have_not_begun: "campaign-aborted",
    hooks_that_bring_nothing_new_come_all_along: "quiet",
}

/// A hook, as its history tells it.
struct Hook {
    unit: String,
    name: String,
    begin: u64,
    coordination_calls: Vec<String>,
    entered: Option<u64>,
}

impl Hook {
    /// Whether it neither wrote anything, nor learned that its request is in the line, nor had its turn.
    fn is_quiet(&self) -> bool {
        let mut calls = self.coordination_calls.iter();
        let has_news = calls.any(|call| call == "relation-set" || call == "juju-log");
        !has_news && self.entered.is_none()
    }
}

struct History {
    events: Vec<Value>,
    leader: String,
    hooks: Vec<Hook>,
}

impl History {
    fn of(scenario: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("history.jsonl");
        lab(&charm().join("scenarios").join(scenario), &file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let events: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let elected = events
            .iter()
            .find(|event| event["event"] == "leader")
            .unwrap();
        let leader = elected["unit"].as_str().unwrap().to_owned();
        let hooks = hooks(&events);
        Self {
            events,
            leader,
            hooks,
        }
    }
}

fn hooks(events: &[Value]) -> Vec<Hook> {
    let coordination = ["is-leader", "goal-state", "juju-log"];
    let mut running: BTreeMap<String, Hook> = BTreeMap::new();
    let mut ended = Vec::new();
    for event in events {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let (unit, command) = (text("unit"), text("command"));
        let n = event["n"].as_u64().unwrap();
        match text("event").as_str() {
            "hook-begin" => {
                let (name, coordination_calls) = (text("hook"), Vec::new());
                let hook = Hook {
                    unit: unit.clone(),
                    name,
                    begin: n,
                    coordination_calls,
                    entered: None,
                };
                running.insert(unit, hook);
            }
            "tool"
                if command.starts_with("relation-") || coordination.contains(&command.as_str()) =>
            {
                running
                    .get_mut(&unit)
                    .unwrap()
                    .coordination_calls
                    .push(command);
            }
            "enter" => running.get_mut(&unit).unwrap().entered = Some(n),
            "hook-end" => ended.extend(running.remove(&unit)),
            _ => {}
        }
    }
    ended
}

#[test]
fn a_quiet_hook_of_a_unit_that_waits_or_idles_needs_three_tool_calls() {
    let history = History::of("quiet.toml");
    let others = history
        .hooks
        .iter()
        .filter(|hook| hook.unit != history.leader && hook.is_quiet());
    let quiet: Vec<&Hook> = others.filter(|hook| hook.name == "update-status").collect();
    assert!(quiet.len() >= 20, "only {} quiet hooks", quiet.len());
    for hook in quiet {
        assert!(
            hook.coordination_calls.len() <= 3,
            "{}: {:?}",
            hook.unit,
            hook.coordination_calls
        );
    }
}

#[test]
fn a_hand_off_takes_one_hook() {
    let history = History::of("roll.toml");
    // The next unit enters in the first hook that begins after the commit, unless a hook with other news was
    // due already: Juju shows a changed databag only to the hook that is about it.
    let entries: Vec<&Hook> = history
        .hooks
        .iter()
        .filter(|hook| hook.entered.is_some())
        .collect();
    assert_eq!(entries.len(), 5);
    let mut straight = 0;
    for pair in entries.windows(2) {
        let is_commit = |event: &&Value| {
            event["event"] == "commit"
                && event["unit"] == pair[0].unit.as_str()
                && event["n"].as_u64() > pair[0].entered
        };
        let commit = history.events.iter().find(is_commit).unwrap()["n"]
            .as_u64()
            .unwrap();
        let on_the_way = |hook: &&Hook| {
            hook.unit == pair[1].unit && hook.begin > commit && hook.begin <= pair[1].begin
        };
        let took = history.hooks.iter().filter(on_the_way).count();
        assert!(
            (1..=2).contains(&took),
            "{} took {took} hooks",
            pair[1].unit
        );
        straight += usize::from(took == 1);
    }
    assert!(
        straight >= 2,
        "only {straight} of 4 hand-offs took one hook"
    );
}
