//! Wrong calls, and what is said about them.

use std::fs;
use std::process::Command;

use crate::fixture::{COMMAND, Fixture};

#[track_caller]
fn refused(args: &[&str], wanted: &str) {
    let output = Command::new(COMMAND).args(args).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.trim_end()), (Some(2), wanted));
}

#[test]
fn a_run_needs_a_charm() {
    refused(
        &["lab", "run"],
        "ops-coordinator: no charm to run\nhint: give --charm DIR, or set `charm` in the scenario",
    );
    refused(
        &["lab", "run", "--charm", "/nowhere"],
        "ops-coordinator: /nowhere is not a directory\nhint: give the directory of a charm",
    );
}

#[test]
fn a_charm_that_is_not_packed_is_refused_before_anything_runs() {
    let fixture = Fixture::new("true");
    let charm = fixture.charm();
    fs::remove_file(charm.join("dispatch")).unwrap();
    fs::create_dir(charm.join("src")).unwrap();
    fs::write(charm.join("src/charm.py"), "import ops\n").unwrap();
    let run = fixture.run(&[]).exits(2);
    assert!(run.text.contains(" is not packed: "), "{}", run.text);
    assert!(run.text.contains("`charmcraft pack`"), "{}", run.text);
    assert!(!fixture.directory().exists());
}

#[test]
fn a_charm_file_is_refused_with_a_word_about_unzip() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.charm");
    fs::write(&file, b"PK\x03\x04 and so on").unwrap();
    let file = file.to_str().unwrap();
    let wanted = format!(
        "ops-coordinator: {file} is a packed charm, not a directory\n\
         hint: `unzip` it into a new directory, and give that directory"
    );
    refused(&["lab", "run", "--charm", file], &wanted);
}

#[test]
fn a_mistake_in_a_scenario_is_shown_with_its_line() {
    let fixture = Fixture::new("true");
    let file = fixture.charm().join("roll.toml");
    fs::write(&file, "units = 2\n[[step]]\nkil = 'holder'\n").unwrap();
    let file = file.to_str().unwrap();
    let wanted =
        format!("ops-coordinator: {file}:3: a step has no key `kil`\nhint: did you mean `kill`?");
    refused(&["lab", "run", "--scenario", file], &wanted);
}

#[test]
fn a_config_option_that_the_charm_does_not_have_is_refused_before_anything_runs() {
    let fixture = Fixture::new("true");
    let charm = fixture.charm();
    refused(
        &[
            "lab",
            "run",
            "--charm",
            charm.to_str().unwrap(),
            "--config",
            "massage=x",
        ],
        "ops-coordinator: app has no config option `massage`; known: message",
    );
}

#[test]
fn a_directory_that_is_in_use_is_left_alone() {
    let fixture = Fixture::new("true");
    fs::create_dir(fixture.directory()).unwrap();
    fs::write(fixture.directory().join("precious"), "").unwrap();
    let run = fixture.run(&[]).exits(1);
    assert!(
        run.text
            .contains("is not empty\nhint: give a new or an empty directory"),
        "{}",
        run.text
    );
}

#[test]
fn a_tool_called_outside_a_hook_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("is-leader");
    std::os::unix::fs::symlink(COMMAND, &tool).unwrap();
    let call = |context: Option<&str>| {
        let mut command = Command::new(&tool);
        command
            .env_clear()
            .env("JUJU_AGENT_SOCKET_ADDRESS", "@nobody-listens-here");
        let output = command
            .envs(context.map(|id| ("JUJU_CONTEXT_ID", id)))
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    assert_eq!(
        call(None),
        (Some(1), "ERROR JUJU_CONTEXT_ID not set\n".to_owned())
    );
    let (code, text) = call(Some("app/0-start-00"));
    assert_eq!(code, Some(1));
    assert!(
        text.starts_with("ERROR dial unix @nobody-listens-here: connect: "),
        "{text}"
    );
}
