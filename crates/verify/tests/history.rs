//! A history that was written to a file says the same as the run that it came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use ops_coordinator_lab::history::Event;
use ops_coordinator_verify::history::check;
use ops_coordinator_verify::simulation::{Fault, Recipe, simulate};

/// The histories of some simulated seeds, with the limits of their locks. One that stopped at the edge of the failure model did
/// not come to rest.
fn histories() -> impl Iterator<Item = (u64, Vec<Event>, BTreeMap<String, usize>)> {
    let faults: BTreeSet<Fault> = Fault::usual();
    (0..40).filter_map(move |seed| {
        let recipe = Recipe::new(seed, &faults);
        let limit = ["restart", "backup"].map(|lock| (lock.to_owned(), recipe.limit as usize));
        let course = simulate(&recipe, None);
        (!course.beyond).then(|| (seed, course.history, limit.into()))
    })
}

#[test]
fn what_was_simulated_is_judged_from_its_lines_alone() {
    for (seed, events, limits) in histories() {
        let lines: Vec<String> = events.iter().map(Event::to_line).collect();
        let read = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let tally = check(&read.collect::<Vec<Event>>(), limits).unwrap();
        assert!(tally.hooks > 0, "seed {seed}");
    }
}

#[test]
fn a_history_that_lacks_something_is_broken() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history.jsonl");
    let judge = |lines: &[String], limit: usize| {
        fs::write(&file, lines.join("\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_ops-coordinator-verify"))
            .arg("judge")
            .arg(&file)
            .args(["--limit", &format!("restart={limit}")])
            .args(["--limit", &format!("backup={limit}")])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let (_, events, limits) = histories().next().unwrap();
    let mut lines: Vec<String> = events.iter().map(Event::to_line).collect();
    let (code, text) = judge(&lines, limits["restart"]);
    assert_eq!(
        (code, text.ends_with("all guarantees hold\n")),
        (Some(0), true),
        "{text}"
    );
    // Nobody left the lock for the first time.
    let left = lines
        .iter()
        .position(|line| line.contains(r#""event":"leave""#));
    lines.remove(left.unwrap());
    let (code, text) = judge(&lines, limits["restart"]);
    assert_eq!(
        (code, text.starts_with("violated: ")),
        (Some(1), true),
        "{text}"
    );
}
