//! What a scenario file may contain, and the errors for anything else.

mod untidy;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Act, After, Ending, Expectation, Moment, Scenario, Step, Target};
use crate::deed::{Deed, Revision, UnitDeed};
use crate::dispatch::CrashPoint;

fn parsed(text: &str) -> Scenario {
    Scenario::parse(Path::new("roll.toml"), text).unwrap()
}

#[track_caller]
fn refused(text: &str, wanted: &str) {
    let error = Scenario::parse(Path::new("roll.toml"), text).unwrap_err();
    let hint = error.hint.as_ref();
    let hint = hint
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default();
    assert_eq!(format!("{error}{hint}"), wanted);
}

fn acts(text: &str) -> Vec<Act> {
    parsed(text)
        .steps
        .into_iter()
        .map(|step| step.act)
        .collect()
}

fn to(unit: Target, deed: UnitDeed) -> Act {
    Deed::Unit(unit, deed).into()
}

#[test]
fn an_empty_file_is_one_unit_to_which_nothing_happens() {
    assert_eq!(parsed(""), Scenario::default());
}

#[test]
fn everything_about_the_model_can_be_said() {
    let scenario = parsed(
        r#"
        charm = "../charms/shell"
        units = 5
        seed = 1
        juju = "3.6.9"
        timeout = "60s"
        update-status-interval = "5m"
        limit = { restart = 2 }
        [config]
        message = "hello"
        tags = ["a", 1, true, 0.5]
        "#,
    );
    assert_eq!(
        (scenario.units, scenario.seed, scenario.timeout),
        (5, Some(1), Some(60_000))
    );
    assert_eq!(
        scenario.charm.as_deref(),
        Some(Path::new("../charms/shell"))
    );
    assert_eq!(scenario.juju.as_deref(), Some("3.6.9"));
    assert_eq!(scenario.update_status_interval, Some(300_000));
    assert_eq!(scenario.limits, BTreeMap::from([("restart".to_owned(), 2)]));
    assert_eq!(scenario.config["message"], "hello");
    assert_eq!(scenario.config["tags"].to_string(), r#"["a",1,true,0.5]"#);
}

#[test]
fn clocks_are_wrong_by_what_the_file_says() {
    let scenario = parsed("clock = { \"app/0\" = \"+3h\", \"app/1\" = \"-90s\" }");
    let wanted = [("app/0", 10_800_000), ("app/1", -90_000)];
    assert_eq!(
        scenario.clocks,
        wanted.map(|(unit, by)| (unit.to_owned(), by)).into()
    );
    let text = "[[step]]\nclock = { leader = \"+1h\", \"app/1\" = \"+0s\" }";
    let set = [
        (Target::Unit("app/1".to_owned()), 0),
        (Target::Leader, 3_600_000),
    ];
    assert_eq!(acts(text), [Act::from(Deed::Clock(set.into()))]);
    refused(
        "clock = { \"app/0\" = \"3h\" }",
        "roll.toml:1: `clock.app/0` must be an offset such as +3h or -20s, not the string \"3h\"",
    );
    refused(
        "clock = { holder = \"+3h\" }",
        "roll.toml:1: \"holder\" is not a unit such as \"app/0\"",
    );
    refused(
        "[[step]]\nclock = { somebody = \"+3h\" }",
        "roll.toml:2: \"somebody\" is not a unit such as \"app/0\", \"holder\" or \"leader\"",
    );
}

#[test]
fn every_deed_is_understood() {
    let text = r#"
        [[step]]
        config = { message = "x" }
        [[step]]
        kill = "holder"
        [[step]]
        leader = "app/3"
        [[step]]
        add-units = 2
        [[step]]
        remove-unit = "leader"
        force = true
        [[step]]
        upgrade-charm = "../new"
        [[step]]
        resolve = "app/0"
        retry = false
        [[step]]
        crash = "app/0"
        at = "after-flush"
        [[step]]
        exec = { unit = "app/0", command = "false", code = 1 }
        [[step]]
        action = { unit = "app/0", name = "status", params = { n = 1 }, fails = true }
        [[step]]
        expect = { turns = { restart = 5 }, units = 5, leader = "app/3" }
        "#;
    let app = |number| Target::Unit(format!("app/{number}"));
    let wanted = [
        Deed::Config(BTreeMap::from([("message".to_owned(), "x".into())])).into(),
        to(
            Target::Holder,
            UnitDeed::Kill {
                spare_children: false,
            },
        ),
        to(app(3), UnitDeed::Leader),
        Deed::AddUnits(2).into(),
        to(
            Target::Leader,
            UnitDeed::Remove {
                force: true,
                untold: false,
            },
        ),
        Act::from(Deed::Upgrade {
            to: Revision::Directory("../new".into()),
            force: false,
        }),
        to(app(0), UnitDeed::Resolve { retry: false }),
        to(
            app(0),
            UnitDeed::Crash {
                at: CrashPoint::AfterFlush,
            },
        ),
        Act::Do(
            Deed::Exec {
                unit: app(0),
                command: "false".to_owned(),
            },
            Ending {
                fails: false,
                code: 1,
            },
        ),
        Act::Do(
            Deed::Action {
                unit: app(0),
                name: "status".to_owned(),
                params: BTreeMap::from([("n".to_owned(), 1.into())]),
            },
            Ending {
                fails: true,
                code: 0,
            },
        ),
        Act::Expect(Expectation {
            turns: BTreeMap::from([("restart".to_owned(), 5)]),
            units: Some(5),
            leader: Some("app/3".to_owned()),
            ..Expectation::default()
        }),
    ];
    assert_eq!(acts(text), wanted);
}

#[test]
fn what_is_done_to_a_unit_is_called_by_its_name() {
    for deed in UnitDeed::ALL.iter().filter(|deed| deed.is_for_scenarios()) {
        let more = match deed {
            UnitDeed::Crash { at } => format!("at = \"{}\"", at.name()),
            _ => String::new(),
        };
        let text = format!("[[step]]\n{} = \"leader\"\n{more}", deed.name());
        assert_eq!(acts(&text), [to(Target::Leader, *deed)]);
    }
}

#[test]
fn everything_that_a_step_can_do_is_in_the_document() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenario.md");
    let document = std::fs::read_to_string(document).unwrap();
    let missing = super::act::keys().into_iter();
    let missing: Vec<_> = missing
        .filter(|key| !document.contains(&format!("`{key} = ")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_step_waits_until_all_is_idle_or_for_a_time_or_for_a_mark_or_for_a_hook() {
    let text = r#"
        [[step]]
        add-units = 1
        [[step]]
        after = "2s"
        [[step]]
        after = { mark = "enter", lock = "restart", count = 2, delay = "150ms" }
        kill = "holder"
        [[step]]
        after = { hook = "config-changed", unit = "app/1" }
        kill = "app/1"
        "#;
    let afters: Vec<After> = parsed(text)
        .steps
        .into_iter()
        .map(|Step { after, .. }| after)
        .collect();
    let mark = Moment::Mark {
        enter: true,
        lock: Some("restart".to_owned()),
        unit: None,
        count: 2,
    };
    let unit = Some("app/1".to_owned());
    let hook = Moment::Hook {
        name: "config-changed".to_owned(),
        unit,
        count: 1,
    };
    assert_eq!(
        afters,
        [
            After {
                moment: Moment::Idle,
                delay: 0
            },
            After {
                moment: Moment::Now,
                delay: 2_000
            },
            After {
                moment: mark,
                delay: 150
            },
            After {
                moment: hook,
                delay: 0
            },
        ]
    );
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_likely_one() {
    refused(
        "units = 3\ntimout = \"9s\"\n",
        "roll.toml:2: a scenario has no key `timout`\nhint: did you mean `timeout`?",
    );
    refused(
        "[[step]]\nafter = \"1s\"\nkil = \"holder\"\n",
        "roll.toml:3: a step has no key `kil`\nhint: did you mean `kill`?",
    );
    refused(
        "[[step]]\nexec = { unit = \"a/0\", command = \"true\", shell = \"sh\" }\n",
        "roll.toml:2: an exec has no key `shell`\nhint: known keys: code, command, unit",
    );
}

#[test]
fn a_value_that_does_not_fit_is_named_with_what_was_expected() {
    refused(
        "units = \"five\"",
        "roll.toml:1: `units` must be a whole number from 1 to 10000, not the string \"five\"",
    );
    refused(
        "\n\nunits = 0",
        "roll.toml:3: `units` must be a whole number from 1 to 10000, not 0",
    );
    refused(
        "seed = -1",
        "roll.toml:1: `seed` must be a whole number from 0 upwards, not -1",
    );
    refused(
        "timeout = \"60\"",
        "roll.toml:1: `timeout` must be a duration such as 500ms, 2s, 5m or 1h, not the string \"60\"",
    );
    refused(
        "timeout = 60",
        "roll.toml:1: `timeout` must be a duration such as 500ms, 2s, 5m or 1h, not 60",
    );
    refused(
        "limit = { restart = 0 }",
        "roll.toml:1: `limit.restart` must be a whole number from 1 to 1000000, not 0",
    );
    refused(
        "config = 1",
        "roll.toml:1: `config` must be a table such as { message = \"hello\" }, not 1",
    );
    refused(
        "step = 1",
        "roll.toml:1: `step` must be [[step]] tables, not 1",
    );
    refused(
        "[[step]]\nkill = \"app\"",
        "roll.toml:2: \"app\" is not a unit such as \"app/0\", \"holder\" or \"leader\"",
    );
    refused(
        "[[step]]\ncrash = \"app/0\"\nat = \"noon\"",
        "roll.toml:3: `at` must be one of \"before-process\", \"mid-process\", \"after-process\", \
         \"after-flush\", \"after-done\", not the string \"noon\"",
    );
}

#[test]
fn a_step_does_exactly_one_thing() {
    refused(
        "[[step]]\nkill = \"holder\"\nadd-units = 1\n",
        "roll.toml:1: a step does one thing, not both `add-units` and `kill`; write two steps",
    );
    refused(
        "units = 1\n[[step]]\n",
        "roll.toml:2: a step needs one of: action, add-units, agent-down, agent-up, clock, config, crash, cut-off, duplicate-relation, exec, expect, fail, forget-relation, kill, leader, lose-disk, lose-machine, reconnect, remove-unit, resolve, suspend, upgrade-charm, wake",
    );
    refused(
        "[[step]]\nkill = \"holder\"\nforce = true\n",
        "roll.toml:3: `force` only goes with `remove-unit`",
    );
    refused(
        "[[step]]\ncrash = \"app/0\"\n",
        "roll.toml:1: a step needs the key `at`",
    );
}

#[test]
fn a_moment_is_a_mark_or_a_hook() {
    refused(
        "[[step]]\nafter = { count = 2 }\nkill = \"holder\"\n",
        "roll.toml:2: `after` needs either `mark` or `hook`",
    );
    refused(
        "[[step]]\nafter = { hook = \"start\", lock = \"x\" }\n",
        "roll.toml:2: `lock` goes with `mark`, not with `hook`",
    );
    refused(
        "[[step]]\nafter = \"soon\"\n",
        "roll.toml:2: `after` must be a duration such as 500ms, 2s, 5m or 1h, not the string \"soon\"",
    );
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    let error = Scenario::parse(Path::new("roll.toml"), "units = 3\nseed = = 1\n").unwrap_err();
    assert_eq!(
        (error.line, error.file.to_str()),
        (Some(2), Some("roll.toml"))
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Scenario::read(Path::new("/nowhere/roll.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nowhere/roll.toml: cannot be read: "),
        "{error}"
    );
}

#[test]
fn a_step_may_be_told_in_the_words_of_its_author() {
    let steps = parsed("[[step]]\nkill = \"holder\"\nnote = \"a power cut\"\n").steps;
    assert_eq!(steps[0].note.as_deref(), Some("a power cut"));
}
