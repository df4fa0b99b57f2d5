//! What counts as a charm, and what is said of anything else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Charm;

/// A charm directory with these files; `dispatch` is executable.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let dispatch = folder.path().join("dispatch");
    fs::write(&dispatch, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&dispatch, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[track_caller]
fn refused(files: &[(&str, &str)], wanted: &str) {
    let folder = directory(files);
    let error = Charm::read(folder.path()).unwrap_err().to_string();
    assert_eq!(
        error.replace(folder.path().to_str().unwrap(), "CHARM"),
        wanted
    );
}

#[test]
fn the_older_three_files_and_the_newer_single_one_say_the_same() {
    let older = directory(&[
        (
            "metadata.yaml",
            "name: app\npeers:\n  cluster:\n    interface: peers\n",
        ),
        (
            "config.yaml",
            "options:\n  n: {type: int, default: 3}\n  text: {type: string}\n",
        ),
        ("actions.yaml", "go: {}\nadditionalProperties: false\n"),
    ]);
    let newer = directory(&[(
        "charmcraft.yaml",
        "name: app\npeers: {cluster: {interface: peers}}\nactions: {go: {description: x}}\n\
         config: {options: {n: {type: int, default: 3}, text: {type: string}}}\n",
    )]);
    let older = Charm::read(older.path()).unwrap();
    let newer = Charm::read(newer.path()).unwrap();
    assert_eq!(older.application(), newer.application());
    assert_eq!(
        (older.name.as_str(), older.peers, older.actions),
        ("app", vec!["cluster".to_owned()], vec!["go".to_owned()])
    );
    assert_eq!(
        (&older.config["n"], &older.config["text"]),
        (&3.into(), &serde_json::Value::Null)
    );
}

#[test]
fn what_is_no_charm_is_refused_with_the_file_and_the_reason() {
    refused(
        &[],
        "CHARM is not a charm: it has neither metadata.yaml nor charmcraft.yaml",
    );
    refused(
        &[("metadata.yaml", "summary: x\n")],
        "CHARM/metadata.yaml: it has no `name`",
    );
    let error = Charm::read(Path::new("/nowhere")).unwrap_err().to_string();
    assert_eq!(error, "/nowhere is not a directory");
    let folder = directory(&[("metadata.yaml", "name: app\n")]);
    fs::remove_file(folder.path().join("dispatch")).unwrap();
    let error = Charm::read(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("neither an executable `dispatch` nor a `hooks` directory"),
        "{error}"
    );
}

#[test]
fn malformed_yaml_is_named_with_its_file() {
    let folder = directory(&[("metadata.yaml", "name: [app\n")]);
    let error = Charm::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("/metadata.yaml: "), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_config_text_becomes_a_value_of_the_declared_type() {
    let options = "options: {n: {type: int}, on: {type: boolean}, x: {type: float}, s: {}}\n";
    let folder = directory(&[("metadata.yaml", "name: app\n"), ("config.yaml", options)]);
    let charm = Charm::read(folder.path()).unwrap();
    assert_eq!(charm.config_value("n", "3"), Ok(3.into()));
    assert_eq!(charm.config_value("on", "True"), Ok(true.into()));
    assert_eq!(charm.config_value("x", "0.5"), Ok(0.5.into()));
    assert_eq!(charm.config_value("s", "3"), Ok("3".into()));
    assert_eq!(
        charm.config_value("n", "three"),
        Err("config option `n` is of type int, not \"three\"".to_owned())
    );
    assert_eq!(
        charm.config_value("m", "1"),
        Err("app has no config option `m`; known: n, on, s, x".to_owned())
    );
}
