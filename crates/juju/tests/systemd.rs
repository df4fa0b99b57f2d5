//! Restarts of real services by a real systemd.
//!
//! Each test runs itself again inside `tools/systemd-sandbox`, which boots a systemd of its own with the
//! unit files of the folder beside this file. That needs root.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ops_coordinator_juju::service::{ServiceError, ServiceName, restart};

/// Set for the copy of a test that runs inside the sandbox.
const INSIDE: &str = "OPS_COORDINATOR_TEST_INSIDE_SYSTEMD";

/// Every start leaves a line here.
const STARTED: &str = "/run/started";

/// Runs `body` inside a systemd of its own; `name` is the test's own name.
fn with_a_real_systemd(name: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        body();
        return;
    }
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(crate_folder.join("../../tools/systemd-sandbox"))
        .arg(crate_folder.join("tests/systemd"))
        .arg(env::current_exe().expect("a test has a program"))
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .expect("the sandbox is a script of this project");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("test result: ok. 1 passed"),
        "{}:\n{told}",
        output.status
    );
}

fn restart_named(names: &[&str]) -> Result<(), ServiceError> {
    let services: Vec<ServiceName> = names
        .iter()
        .map(|name| name.parse().expect("a good name"))
        .collect();
    restart(&services)
}

fn started() -> String {
    fs::read_to_string(STARTED).unwrap_or_default()
}

/// A property of a service, as systemd tells it.
fn property(service: &str, name: &str) -> String {
    let output = Command::new("systemctl")
        .args(["show", "--value", "-p", name, service])
        .output();
    let told = output.expect("systemd brings systemctl along").stdout;
    String::from_utf8_lossy(&told).trim().to_owned()
}

#[test]
fn services_restart_in_the_given_order() {
    with_a_real_systemd("services_restart_in_the_given_order", || {
        restart_named(&["worker@b", "good.service", "worker@a"]).unwrap();
        assert_eq!(started(), "worker b\ngood\nworker a\n");
    });
}

#[test]
fn a_running_service_gets_a_new_process() {
    with_a_real_systemd("a_running_service_gets_a_new_process", || {
        restart_named(&["good"]).unwrap();
        let first = property("good", "MainPID");
        restart_named(&["good"]).unwrap();
        assert_ne!(property("good", "MainPID"), first);
        assert_eq!(property("good", "ActiveState"), "active");
    });
}

#[test]
fn a_slow_start_is_waited_for() {
    with_a_real_systemd("a_slow_start_is_waited_for", || {
        let begin = Instant::now();
        restart_named(&["slow", "good"]).unwrap();
        assert!(begin.elapsed() >= Duration::from_secs(1));
        assert_eq!(started(), "slow\ngood\n");
    });
}

#[test]
fn the_first_failure_ends_it_and_carries_the_last_words() {
    with_a_real_systemd(
        "the_first_failure_ends_it_and_carries_the_last_words",
        || {
            let error = restart_named(&["worker@a", "refuses", "good"]).unwrap_err();
            assert_eq!(error.service.as_str(), "refuses");
            let log = error.log.join("\n");
            assert!(
                log.contains("reading the configuration\ncannot bind port 80"),
                "{error}"
            );
            assert!(log.contains("status=3"), "{error}");
            assert_eq!(started(), "worker a\n");
            assert_eq!(property("worker@a", "ActiveState"), "active");
        },
    );
}

#[test]
fn a_service_that_dies_after_its_start_has_not_restarted() {
    with_a_real_systemd(
        "a_service_that_dies_after_its_start_has_not_restarted",
        || {
            let error = restart_named(&["dies", "good"]).unwrap_err();
            assert_eq!(error.found, "it is failed after the restart");
            assert!(
                error.log.iter().any(|line| line == "lost the database"),
                "{error}"
            );
            assert_eq!(started(), "");
        },
    );
}

#[test]
fn a_service_that_systemd_starts_over_and_over_has_not_restarted() {
    with_a_real_systemd(
        "a_service_that_systemd_starts_over_and_over_has_not_restarted",
        || {
            let error = restart_named(&["loops"]).unwrap_err();
            assert_eq!(error.found, "it is activating after the restart");
        },
    );
}

#[test]
fn a_service_that_does_not_exist_is_named() {
    with_a_real_systemd("a_service_that_does_not_exist_is_named", || {
        let error = restart_named(&["good", "nowhere"]).unwrap_err();
        assert_eq!(error.service.as_str(), "nowhere");
        assert!(
            error.to_string().contains("nowhere.service not found"),
            "{error}"
        );
        assert_eq!(started(), "good\n");
    });
}

#[test]
fn a_service_that_does_its_work_and_ends_has_restarted() {
    with_a_real_systemd(
        "a_service_that_does_its_work_and_ends_has_restarted",
        || {
            restart_named(&["once", "good"]).unwrap();
            restart_named(&["once"]).unwrap();
            assert_eq!(started(), "once\ngood\nonce\n");
        },
    );
}

#[test]
fn a_service_that_does_its_work_badly_has_not_restarted() {
    with_a_real_systemd(
        "a_service_that_does_its_work_badly_has_not_restarted",
        || {
            let error = restart_named(&["once-badly", "good"]).unwrap_err();
            assert_eq!(error.service.as_str(), "once-badly");
            assert_eq!(started(), "");
        },
    );
}

#[test]
fn a_service_that_ends_at_once_though_it_should_run_has_not_restarted() {
    with_a_real_systemd(
        "a_service_that_ends_at_once_though_it_should_run_has_not_restarted",
        || {
            let error = restart_named(&["ends"]).unwrap_err();
            assert_eq!(error.found, "it is inactive after the restart");
        },
    );
}
