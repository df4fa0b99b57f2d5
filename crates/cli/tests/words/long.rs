//! Values of any length: a message quotes their beginning.

use std::fs;
use std::path::Path;

use crate::command;
use crate::fixture::Fixture;

/// The longest message: it lists the kinds of faults.
const MOST: usize = 1_000;

#[track_caller]
fn is_refused_briefly(args: &[&str], directory: &Path) {
    let output = command(args).current_dir(directory).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let begin: String = said.chars().take(2 * MOST).collect();
    assert!(!output.status.success(), "{begin}");
    assert!(said.len() <= MOST, "{} bytes: {begin}", said.len());
    assert!(said.contains(" characters)"), "{begin}");
}

#[test]
fn an_argument() {
    let long = "x".repeat(100_000);
    let (flag, pair) = (format!("--{long}"), format!("{long}=0"));
    let fixture = Fixture::new("true");
    let place = fixture.charm().parent().unwrap().to_owned();
    let calls: &[&[&str]] = &[
        &[&long],
        &["request", &long],
        &["request", "restart", &long],
        &["request", "restart", &flag],
        &["request", "restart", "--ctx", &long],
        &["request", "restart", "--service", &long],
        &["run", &long],
        &["withdraw", &long],
        &["cancel", &long, "app/0"],
        &["cancel", "restart", &long],
        &["release", "--limit", &long],
        &["release", "--limit", &pair],
        &["release", "--lookahead", &long],
        &["release", "--order", &long],
        &["release", "--waves", &long],
        &["run", "restart", "--on-failure", &long],
        &["pause", &long],
        &["resume", &long],
        &["retry", &long, "app/0"],
        &["retry", "restart", &long],
        &["skip", "restart", &long],
        &["plan", &long],
        &["plan", "restart", "--limit", &pair],
        &["status", "--format", &long],
        &["lab", &long],
        &["lab", "run", "--charm", &long],
        &["lab", "run", "--units", &long],
        &["lab", "run", "--scenario", &long],
        &["lab", "run", "--juju-version", &long],
        &["lab", "run", "--seed", &long],
        &["lab", "run", "--timeout", &long],
        &["lab", "run", "--hook-limit", &long],
        &["lab", "run", "--limit", &pair],
        &["lab", "run", "--config", &long],
        &["lab", "run", "--charm", "charm", "--config", &pair],
        &["lab", "run", "--charm", "charm", "--dir", &long],
        &["lab", "run", "--charm", "charm", "--history", &long],
        &["lab", "faults", "--charm", &long, "--option", "message"],
        &["lab", "faults", "--charm", "charm", "--option", &long],
        &[
            "lab", "faults", "--charm", "charm", "--option", "message", "--at", &long,
        ],
        &[
            "lab", "faults", "--charm", "charm", "--option", "message", "--jobs", &long,
        ],
        &["demo", "--units", &long],
        &["demo", "--limit", &long],
        &["demo", "--seed", &long],
        &["demo", "--dir", &long],
        &["simulate", "--seeds", &long],
        &["simulate", "--seed", &long],
        &["simulate", "--faults", &long],
        &["simulate", "--bug", &long],
        &["simulate", "--calm", &long],
    ];
    for args in calls {
        is_refused_briefly(args, &place);
    }
}

#[test]
fn a_field_of_a_scenario() {
    let long = "x".repeat(100_000);
    let fixture = Fixture::new("true");
    let place = fixture.charm().parent().unwrap().to_owned();
    for text in [
        format!("{long} = 1"),
        format!("juju = '{long}'"),
        format!("units = '{long}'"),
        format!("timeout = '{long}'"),
        format!("config = {{ {long} = 'x' }}"),
        format!("clock = {{ {long} = '+3h' }}"),
        format!("limit = {{ {long} = 'x' }}"),
        format!("[[step]]\nkill = '{long}'"),
        format!("[[step]]\nafter = '{long}'"),
        format!("[[step]]\ncrash = 'app/0'\nat = '{long}'"),
        format!("[[step]]\nconfig = {{ {long} = 'x' }}"),
        format!("[[step]]\nconfig = {{ message = ['{long}'] }}"),
        format!("[[step]]\naction = {{ unit = 'app/0', name = '{long}' }}"),
        format!("[[step]]\nexpect = {{ leader = '{long}' }}"),
        format!("[[step]]\nexpect = {{ turns = {{ {long} = 1 }} }}"),
        format!("[[step]]\nexpect = {{ status = {{ 'app/0' = '{long}' }} }}"),
    ] {
        fs::write(place.join("long.toml"), text).unwrap();
        is_refused_briefly(
            &["lab", "run", "--charm", "charm", "--scenario", "long.toml"],
            &place,
        );
    }
}
