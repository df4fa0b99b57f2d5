//! What a hook sees around it.

use std::collections::BTreeMap;
use std::fs;

use crate::fixture::Fixture;

fn variables(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}

#[test]
fn a_hook_inherits_nothing_and_finds_what_juju_gives_it() {
    let fixture =
        Fixture::new("/usr/bin/env >\"seen-$hook\"; command -v relation-get lab-mark >found");
    let mut command = fixture.command(&["--path", "/opt/some/bin"]);
    command
        .env("HIDDEN", "from the hooks")
        .env("HOME", "/somewhere");
    let run = fixture.outcome(command.output().unwrap()).exits(0);
    let text = run.file(0, "seen-config-changed");
    let seen = variables(&text);
    let unit = fixture
        .directory()
        .canonicalize()
        .unwrap()
        .join("unit-app-0");
    let charm = unit.join("charm").display().to_string();
    let tools = unit.join("tools").display().to_string();
    assert!(
        !seen.contains_key("HIDDEN") && !seen.contains_key("HOME"),
        "{text}"
    );
    assert_eq!(seen["JUJU_UNIT_NAME"], "app/0");
    assert_eq!(seen["JUJU_HOOK_NAME"], "config-changed");
    assert_eq!(seen["JUJU_DISPATCH_PATH"], "hooks/config-changed");
    assert_eq!(
        (seen["CHARM_DIR"], seen["JUJU_CHARM_DIR"]),
        (&*charm, &*charm)
    );
    assert!(
        seen["PATH"].starts_with(&format!("{tools}:/opt/some/bin:/usr/local/sbin:")),
        "{text}"
    );
    assert!(seen["JUJU_AGENT_SOCKET_ADDRESS"].starts_with('@'), "{text}");
    assert_eq!(seen["LANG"], "C.UTF-8");
    assert_eq!(
        run.file(0, "found"),
        format!("{tools}/relation-get\n{tools}/lab-mark\n")
    );
}

#[test]
fn the_hooks_of_a_new_unit_come_in_the_order_of_juju() {
    let run = Fixture::new("true").run(&[]).exits(0);
    let wanted = [
        "install",
        "cluster-relation-created",
        "leader-elected",
        "config-changed",
        "start",
    ];
    assert_eq!(run.hooks(0), wanted);
}

#[test]
fn a_charm_of_single_hooks_runs_those_that_it_has() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new("exit 1");
    let charm = fixture.charm();
    std::fs::remove_file(charm.join("dispatch")).unwrap();
    std::fs::create_dir(charm.join("hooks")).unwrap();
    let hook = charm.join("hooks/start");
    std::fs::write(&hook, "#!/bin/sh\necho started >proof\n").unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = fixture.run(&[]).exits(0);
    assert_eq!(run.file(0, "proof"), "started\n");
    assert!(
        run.hooks(0).contains(&"install".to_owned()),
        "skipped, not forgotten"
    );
}

#[test]
fn a_charm_that_declares_all_in_charmcraft_yaml_finds_the_files_that_packing_makes() {
    let fixture = Fixture::new("grep -x '  cluster:' metadata.yaml >declared; config-get n >n");
    let charm = fixture.charm();
    for file in ["metadata.yaml", "config.yaml", "actions.yaml"] {
        fs::remove_file(charm.join(file)).unwrap();
    }
    let project = "name: app\npeers: {cluster: {interface: x}}\nactions: {go: {description: x}}\n\
                   config: {options: {n: {type: int, default: 3}}}\n";
    fs::write(charm.join("charmcraft.yaml"), project).unwrap();
    let scenario = "
        [[step]]
        lose-disk = 'app/0'
        [[step]]
        action = { unit = 'app/0', name = 'go' }
        ";
    let run = fixture.play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "declared"), "  cluster:\n");
    assert_eq!(run.file(0, "n"), "3\n");
    assert_eq!(run.file(0, "actions.yaml"), "go:\n  description: x\n");
    assert!(!charm.join("metadata.yaml").exists());
}
