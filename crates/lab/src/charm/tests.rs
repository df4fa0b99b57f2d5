//! What counts as a charm, and the errors for anything else.

use std::collections::BTreeMap;
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
        (
            "actions.yaml",
            "go: {params: {n: {type: integer, default: 3}, m: {type: string}}}\nadditionalProperties: false\n",
        ),
    ]);
    let newer = directory(&[(
        "charmcraft.yaml",
        "name: app\npeers: {cluster: {interface: peers}}\nactions: {go: {params: {n: {default: 3}}}}\n\
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
        older.action_defaults["go"],
        BTreeMap::from([("n".to_owned(), 3.into())])
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
    refused(
        &[("metadata.yaml", "name: App\n")],
        "CHARM/metadata.yaml: `name` is \"App\": use lower-case letters, digits and single dashes, starting with a letter",
    );
    let error = Charm::read(Path::new("/nowhere")).unwrap_err().to_string();
    assert_eq!(error, "/nowhere is not a directory");
}

#[test]
fn a_charm_that_is_not_packed_is_refused_with_what_to_do() {
    let folder = directory(&[("charmcraft.yaml", "name: app\n")]);
    fs::remove_file(folder.path().join("dispatch")).unwrap();
    let hooks = folder.path().join("hooks");
    fs::create_dir(&hooks).unwrap();
    fs::write(hooks.join("install"), "#!/bin/sh\n").unwrap();
    let error = Charm::read(folder.path()).unwrap_err();
    assert!(
        error.to_string().ends_with(
            " is not packed: it has neither an executable `dispatch` nor an executable hook in `hooks`"
        ),
        "{error}"
    );
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("charmcraft pack") && hint.contains("unzip"),
        "{hint}"
    );
    fs::set_permissions(hooks.join("install"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(Charm::read(folder.path()).unwrap().name, "app");
}

#[test]
fn a_packed_file_is_named_as_such_and_any_other_file_is_no_directory() {
    let folder = directory(&[("app.charm", "PK\u{3}\u{4}..."), ("notes", "text\n")]);
    let refused = |name: &str| Charm::read(&folder.path().join(name)).unwrap_err();
    let zipped = refused("app.charm");
    assert!(
        zipped
            .to_string()
            .ends_with("/app.charm is a packed charm, not a directory"),
        "{zipped}"
    );
    assert!(zipped.hint().unwrap().contains("unzip"));
    let notes = refused("notes").to_string();
    assert!(notes.ends_with("/notes is not a directory"), "{notes}");
}

#[test]
fn packing_makes_the_files_that_a_project_of_today_lacks() {
    let folder = directory(&[(
        "charmcraft.yaml",
        "name: app\ntype: charm\nbase: ubuntu@24.04\nparts: {app: {plugin: uv}}\ntitle: The App\n\
         summary: 'yes'\ndescription: |\n  Two\n  lines.\n\
         links: {documentation: 'https://docs', contact: me, issues: ['https://issues']}\n\
         peers: {cluster: {interface: peers}}\nrequires: {db: {interface: sql, limit: 1}}\n\
         charm-user: non-root\nassumes: [juju >= 3.6]\nsubordinate: null\n\
         config: {options: {n: {type: int, default: 3}, on: {type: string, default: 'on'}}}\nactions: {}\n",
    )]);
    let made = Charm::read(folder.path()).unwrap().made;
    let names: Vec<_> = made.keys().map(String::as_str).collect();
    assert_eq!(names, ["config.yaml", "metadata.yaml"]);
    let read = |name: &str| serde_saphyr::from_str::<serde_json::Value>(&made[name]).unwrap();
    assert_eq!(
        read("metadata.yaml"),
        serde_json::json!({
            "name": "app",
            "display-name": "The App",
            "summary": "yes",
            "description": "Two\nlines.\n",
            "docs": "https://docs",
            "maintainers": ["me"],
            "issues": ["https://issues"],
            "peers": {"cluster": {"interface": "peers"}},
            "requires": {"db": {"interface": "sql", "limit": 1}},
            "charm-user": "non-root",
            "assumes": ["juju >= 3.6"],
        })
    );
    assert_eq!(
        read("config.yaml"),
        serde_json::json!({"options": {
            "n": {"type": "int", "default": 3},
            "on": {"type": "string", "default": "on"},
        }})
    );
    // PyYAML, which ops reads with, takes a bare `yes` or `on` for a boolean.
    assert!(!made["metadata.yaml"].contains("summary: yes"));
    assert!(!made["config.yaml"].contains("default: on"));
}

#[test]
fn a_file_of_its_own_counts_where_charmcraft_yaml_says_otherwise() {
    let folder = directory(&[
        (
            "charmcraft.yaml",
            "name: other\npeers: {wrong: {interface: x}}\nactions: {go: {}}\n\
             config: {options: {wrong: {type: int}}}\n",
        ),
        (
            "metadata.yaml",
            "name: app\npeers: {cluster: {interface: peers}}\n",
        ),
        ("config.yaml", "options: {n: {type: int}}\n"),
    ]);
    let charm = Charm::read(folder.path()).unwrap();
    assert_eq!(
        (charm.name.as_str(), charm.peers),
        ("app", vec!["cluster".to_owned()])
    );
    let options: Vec<_> = charm.config.keys().map(String::as_str).collect();
    assert_eq!((options, charm.actions), (vec!["n"], vec!["go".to_owned()]));
    let made: Vec<_> = charm.made.keys().collect();
    assert_eq!(made, ["actions.yaml"]);
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
