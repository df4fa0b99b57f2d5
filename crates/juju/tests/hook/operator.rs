//! What an operator sees of a unit: its log, its status, its metrics.

use std::rc::Rc;

use ops_coordinator_juju::Hook;

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

fn waits(juju: &Rc<Juju>, unit: u32) {
    juju.hook(unit, |hook| {
        release(hook);
        hook.show_unit_status().unwrap();
    });
}

fn status(juju: &Rc<Juju>, unit: u32) -> (String, String) {
    juju.status(unit)
}

fn pair(status: &str, message: &str) -> (String, String) {
    (status.to_owned(), message.to_owned())
}

#[test]
fn a_turn_is_in_the_log_from_its_beginning() {
    let juju = everyone_asked(2);
    juju.forget_calls();
    juju.hook(0, |hook| {
        let ran = hook.run(&lock(), |_, _| {
            // Should the machine stop now, the log says why.
            assert_eq!(
                juju.logged("INFO"),
                ["restart: turn begun, app/0#1, attempt 1"]
            );
            Ok::<(), String>(())
        });
        ran.unwrap();
        hook.log();
    });
    let last = juju.logged("INFO").pop().unwrap();
    assert_eq!(last, "restart: done, app/0#1, attempt 1");
    juju.forget_calls();
    for unit in 0..2 {
        juju.hook(unit, release);
        juju.hook(unit, Hook::log);
    }
    let logged = juju.logged("INFO");
    assert_eq!(logged.len(), 0, "a quiet hook is quiet: {logged:?}");
}

#[test]
fn a_status_says_what_the_unit_waits_for_and_gives_back_what_the_charm_had_said() {
    let juju = everyone_asked(3);
    juju.set_status(2, "active", "serves");
    waits(&juju, 2);
    let shown = pair("waiting", "restart: 3rd in line, behind app/0, app/1");
    assert_eq!(status(&juju, 2), shown);
    juju.forget_calls();
    waits(&juju, 2);
    let calls = juju.calls();
    let about_status = calls.iter().filter(|call| call.starts_with("status-"));
    assert_eq!(about_status.count(), 0, "nothing has changed: {calls:?}");
    for unit in 0..3 {
        assert_eq!(run(&juju, unit), Ok(1));
    }
    waits(&juju, 2);
    assert_eq!(status(&juju, 2), pair("active", "serves"));
}

#[test]
fn a_status_that_matters_more_stays() {
    let juju = everyone_asked(3);
    for more in ["blocked", "maintenance"] {
        juju.set_status(2, more, "by the charm");
        waits(&juju, 2);
        assert_eq!(status(&juju, 2), pair(more, "by the charm"));
    }
    juju.set_status(2, "active", "");
    waits(&juju, 2);
    assert_eq!(status(&juju, 2).0, "waiting");
    // Another one since: what the charm says last is not taken back.
    juju.set_status(2, "active", "by the charm");
    for unit in 0..3 {
        assert_eq!(run(&juju, unit), Ok(1));
    }
    waits(&juju, 2);
    assert_eq!(status(&juju, 2), pair("active", "by the charm"));
}

#[test]
fn metrics_that_cannot_be_written_fail_no_hook() {
    let juju = Juju::new(1);
    let directory = tempfile::tempdir().unwrap();
    juju.hook(0, |hook| {
        hook.request(&lock()).unwrap();
        release(hook);
        let file = directory.path().join("unit.prom");
        hook.write_metrics(&file).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let line = r#"ops_coordinator_outstanding{unit="app/0",lock="restart"} 1"#;
        assert!(text.lines().any(|said| said == line), "{text}");
        let nowhere = directory.path().join("nowhere/unit.prom");
        hook.write_metrics(&nowhere).unwrap();
        let warnings = hook.take_warnings();
        assert!(warnings[0].contains("nowhere/unit.prom"), "{warnings:?}");
    });
}
