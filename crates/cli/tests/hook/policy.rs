//! What a charm declares in `coordination.toml`.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::fixture::Fixture;
use crate::{ROLL, charm, marked, record_of};

/// The charm of the other tests, with this file in its directory.
fn declaring(text: &str, operation: &str) -> Fixture {
    let fixture = charm(operation);
    fs::write(fixture.charm().join("coordination.toml"), text).unwrap();
    fixture
}

#[test]
fn half_of_the_units_run_at_once_once_the_canary_has_gone_alone() {
    let text = "[locks.restart]\nlimit = '50%'\ncanary = true\n";
    let scenario = format!(
        "units = 4
        limit = {{ restart = 2 }}
        {ROLL}
        [[step]]
        expect = {{ failed-hooks = 0, turns = {{ restart = 4 }}, largest-inside = {{ restart = 2 }} }}"
    );
    let run = declaring(text, &marked("2")).play(&scenario, &[]).exits(0);
    let at = |event: &Value| event["at"].as_u64().unwrap();
    let (entered, left) = (run.events("enter"), run.events("leave"));
    assert_eq!(entered[0]["unit"], left[0]["unit"]);
    assert!(at(&entered[1]) >= at(&left[0]), "the canary is alone");
}

#[test]
fn a_unit_that_is_blocked_keeps_its_turn_and_tells_the_others() {
    let text = "[locks.restart]\nblocker = ['sh', '-c', 'ops-coordinator status --relation cluster >seen; test ! -e backup || { echo a backup runs; exit 1; }']\n";
    let scenario = format!(
        "units = 2
        [[step]]
        exec = {{ unit = 'app/1', command = 'touch backup' }}
        [[step]]
        exec = {{ unit = 'app/0', command = 'touch backup' }}
        {ROLL}
        [[step]]
        expect = {{ failed-hooks = 0, turns = {{ restart = 0 }} }}
        {}
        {}
        [[step]]
        exec = {{ unit = 'app/1', command = 'rm backup; JUJU_DISPATCH_PATH=hooks/update-status ./dispatch' }}
        [[step]]
        exec = {{ unit = 'app/0', command = 'rm backup; JUJU_DISPATCH_PATH=hooks/update-status ./dispatch' }}
        [[step]]
        expect = {{ turns = {{ restart = 2 }} }}
        ",
        record_of(0).replace("record'", "before'"),
        record_of(1)
    );
    let run = declaring(text, &marked("0.1"))
        .play(&scenario, &[])
        .exits(0);
    // Only the one whose turn it was has asked its blocker.
    let told = [run.file(0, "before"), run.file(1, "record")];
    let held = told
        .iter()
        .filter(|record| record.contains(r#""held":"blocked: a backup runs""#));
    assert_eq!(held.count(), 1, "{told:?}");
    // It may look at the unit's own state.
    let seen = run.file(0, "seen");
    assert!(seen.contains("its turn"), "{seen}");
}

/// A unit that is unavailable while its file `broken` exists, and a policy by which one unit may be.
const ONE_UNAVAILABLE: &str = "available = ['sh', '-c', 'test ! -e broken || { echo the disk is full; exit 1; }']\n\
     [locks.restart]\nlimit = 2\nmax-unavailable = 1\n";

/// A step in which a unit runs this, and then a hook.
fn then_hook(unit: u32, command: &str) -> String {
    format!(
        "[[step]]\nexec = {{ unit = 'app/{unit}', command = '{command}; JUJU_DISPATCH_PATH=hooks/update-status ./dispatch' }}\n"
    )
}

#[test]
fn the_broken_unit_goes_first_and_its_operation_lets_the_others_go() {
    let operation = format!("{}; rm -f broken", marked("0.3"));
    let scenario = format!(
        "units = 3
        {}
        {ROLL}
        [[step]]
        expect = {{ failed-hooks = 0, turns = {{ restart = 3 }}, largest-inside = {{ restart = 1 }} }}",
        then_hook(2, "touch broken"),
    );
    let run = declaring(ONE_UNAVAILABLE, &operation)
        .play(&scenario, &[])
        .exits(0);
    assert_eq!(run.events("enter")[0]["unit"], "app/2");
}

#[test]
fn nothing_begins_while_another_unit_is_broken_and_status_says_so() {
    let scenario = format!(
        "units = 3
        {}
        [[step]]
        exec = {{ unit = 'app/1', command = 'ops-coordinator request restart --relation cluster; ops-coordinator release --relation cluster' }}
        [[step]]
        expect = {{ turns = {{ restart = 0 }} }}
        [[step]]
        exec = {{ unit = 'app/1', command = 'ops-coordinator status --relation cluster >seen; ops-coordinator plan restart --relation cluster >plan' }}
        {}
        [[step]]
        expect = {{ failed-hooks = 0, turns = {{ restart = 1 }} }}",
        then_hook(2, "touch broken"),
        then_hook(2, "rm broken"),
    );
    let run = declaring(ONE_UNAVAILABLE, &marked("0.1"))
        .play(&scenario, &[])
        .exits(0);
    let (seen, plan) = (run.file(1, "seen"), run.file(1, "plan"));
    assert!(
        seen.contains("to put it in the line; unavailable: app/2"),
        "{seen}"
    );
    assert!(seen.contains("unavailable: the disk is full"), "{seen}");
    assert!(plan.contains("unavailable"), "{plan}");
}

#[test]
fn outside_its_window_nothing_begins_and_the_unit_says_when_it_opens() {
    // Whenever this runs, the window opens in two to three days.
    let day = utc("+3 days", "%a");
    let text = format!("[locks.restart]\nwindow = '{day} 02:00-05:00 UTC'\n");
    let script = r"
        ops-coordinator begin --relation cluster
        [ $hook != config-changed ] || ops-coordinator request restart --relation cluster
        ops-coordinator run restart --relation cluster -- touch began >said || echo $? >code
        ops-coordinator release --relation cluster";
    let fixture = Fixture::new(script);
    fs::write(fixture.charm().join("coordination.toml"), text).unwrap();
    let run = fixture.play("units = 1\n", &[]);
    let expected = format!("restart: waiting, outside its window, opens {day} 02:00 UTC\n");
    assert_eq!(
        (run.file(0, "said"), run.file(0, "code")),
        (expected, "75\n".to_owned())
    );
}

#[test]
fn a_window_that_opens_lets_the_roll_begin_and_no_unit_before() {
    // It opens in 10 to 70 s, at a full minute. No update-status comes, so the roll begins only if a waker sees to it.
    let soon: u64 = utc("+70 seconds", "%s").parse().unwrap();
    let opens = soon / 60 * 60;
    let from = utc(&format!("@{opens}"), "%H:%M");
    let to = utc(&format!("@{}", opens + 3600), "%H:%M");
    let text = format!("[locks.restart]\nwindow = '{from}-{to} UTC'\n");
    let fixture = super::charm(&format!("date +%s >began; {}", super::marked("0.2")));
    fs::write(fixture.charm().join("coordination.toml"), text).unwrap();
    let scenario = format!(
        "units = 3\ntimeout = '150s'\nupdate-status-interval = '0s'\n{}{}",
        super::ROLL,
        "[[step]]\nafter = { mark = 'leave', lock = 'restart', count = 3 }\n\
         expect = { each-unit = { restart = 1 }, largest-inside = { restart = 1 }, failed-hooks = 0 }\n"
    );
    let run = fixture.play(&scenario, &[]).exits(0);
    for unit in 0..3 {
        let began: u64 = run.file(unit, "began").trim().parse().unwrap();
        assert!(began >= opens, "app/{unit} began {} s early", opens - began);
    }
}

/// A moment as `date` writes it, in UTC.
fn utc(moment: &str, format: &str) -> String {
    let mut date = Command::new("date");
    date.args(["-u", "-d", moment, &format!("+{format}")]);
    let printed = date.env("LC_ALL", "C").output().unwrap().stdout;
    String::from_utf8(printed).unwrap().trim().to_owned()
}

#[test]
fn a_lock_that_is_not_declared_is_an_error_with_a_hint() {
    let text = "[locks.restart]\n[locks.backup]\n";
    let script = r"
        ops-coordinator begin --relation cluster
        ops-coordinator request restrat --relation cluster 2>request || echo $? >>request
        ops-coordinator run restrat --relation cluster -- true 2>run || echo $? >>run
        ops-coordinator pause restrat --relation cluster 2>pause || echo $? >>pause
        ops-coordinator release --relation cluster --limit restrat=2 2>release || echo $? >>release
        ops-coordinator release --relation cluster --limit restart=2";
    let fixture = Fixture::new(script);
    fs::write(fixture.charm().join("coordination.toml"), text).unwrap();
    let run = fixture
        .play("units = 1\n[[step]]\nexpect = { failed-hooks = 0 }\n", &[])
        .exits(0);
    for file in ["request", "run", "pause", "release"] {
        let said = run.file(0, file);
        let expected = "ops-coordinator: coordination.toml declares no lock 'restrat'\n\
            hint: it declares backup, restart; add [locks.restrat] to it, or use one of these\n2\n";
        assert_eq!(said, expected, "{file}");
    }
}

#[test]
fn a_command_says_who_goes_first_and_one_that_fails_stops_nobody() {
    let rolled = |command: &str| {
        let text = format!("[locks.restart]\norder-command = ['sh', '-c', '{command}']\n");
        let scenario = "units = 4
            [[step]]
            leader = 'app/0'
            [[step]]
            exec = { unit = 'app/0', command = 'ops-coordinator campaign start restart --reason keys --relation cluster' }
            [[step]]
            expect = { failed-hooks = 0, turns = { restart = 4 }, largest-inside = { restart = 1 } }";
        let run = declaring(&text, &marked("0.1"))
            .play(scenario, &[])
            .exits(0);
        let entered = run.events("enter");
        let units = entered.iter().map(|event| event["unit"].as_str().unwrap());
        units.map(str::to_owned).collect::<Vec<_>>()
    };
    let backwards = "for unit in $OPS_COORDINATOR_UNITS; do echo $unit; done | tac";
    assert_eq!(rolled(backwards), ["app/3", "app/2", "app/1", "app/0"]);
    assert_eq!(rolled("echo app/2; exit 1").len(), 4);
}
