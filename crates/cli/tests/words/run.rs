//! What is said about a whole run. Times differ from run to run: `0.0` stands for each.

use std::fs;
use std::process::Command;

use crate::fixture::Fixture;
use crate::{command, same};

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    said.lines().map(|line| timeless(line) + "\n").collect()
}

/// The line with every time in it replaced, and without the blanks that align it.
fn timeless(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let is_time = word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if is_time { "0.0" } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    match line.trim_start() {
        told if told.starts_with("0.0 ") => format!("  {told}"),
        _ => line,
    }
}

#[test]
fn a_demo() {
    let said = said(&mut command(&["demo", "--units", "3"]));
    same("demo", &said.lines().map(nameless).collect::<String>());
}

/// A line of the demo without what else differs: which unit it is, and how long things take.
fn nameless(line: &str) -> String {
    let row = match line.split_whitespace().next() {
        Some(unit) if unit.starts_with("app/") => " app/N  ████████  0 ms",
        Some("hand-off") => " hand-off   median 0 ms, at most 0 ms; ...",
        Some("answered") => " answered   ...",
        Some("hooks") => " hooks run  0",
        _ => line,
    };
    let units = ["app/0", "app/1", "app/2"];
    let named = |line: String, unit: &&str| line.replace(*unit, "app/N");
    units.iter().fold(row.to_owned(), named) + "\n"
}

fn run(script: &str, scenario: &str) -> String {
    let fixture = Fixture::new(script);
    let file = fixture.charm().with_file_name("scenario.toml");
    fs::write(&file, scenario).unwrap();
    let mut run = command(&["lab", "run", "--charm"]);
    said(run.arg(fixture.charm()).arg("--scenario").arg(file))
}

#[test]
fn a_run_in_which_all_is_well() {
    let script = "[ $hook != start ] || status-set active ready";
    let scenario = "
        [[step]]
        exec = { unit = 'app/0', command = 'lab-mark enter backup; lab-mark leave backup' }
        ";
    same("lab-passed", &run(script, scenario));
}

#[test]
fn a_run_in_which_a_unit_ends_in_error() {
    let script = "[ $hook != start ] || { echo no port is free >&2; exit 3; }";
    same("lab-failed", &run(script, "retry-after = '0s'\n"));
}
