//! What an operator sees while a roll stands still, and afterwards.

use crate::fixture::Fixture;

/// A charm that shows what it waits for and counts its turns. The first attempt of app/1 fails and its hook with it, so
/// that nothing of the failure is published.
const CHARM: &str = r#"
    ops-coordinator begin --relation cluster
    [ $hook != start ] || status-set active ready
    first='[ $JUJU_UNIT_NAME != app/1 ] || [ -e failed ] || { touch failed; false; }'
    code=0
    ops-coordinator run restart --relation cluster -- bash -c "$first" || code=$?
    case $code in 0 | 66 | 75) ;; *) exit $code ;; esac
    ops-coordinator release --relation cluster --unit-status --metrics metrics.prom"#;

fn exec(unit: u32, after: &str, command: &str) -> String {
    format!("[[step]]\n{after}\n[step.exec]\nunit = 'app/{unit}'\ncommand = '''{command}'''\n")
}

/// Asks for a turn in a unit.
fn request(unit: u32, after: &str) -> String {
    let command = "ops-coordinator request restart --relation cluster";
    exec(unit, after, command)
}

/// Notes in app/2 what it shows. While others run, Juju may have no event for it, so its charm runs first.
fn look(after: &str) -> String {
    let command = "
        JUJU_DISPATCH_PATH=hooks/look ./dispatch
        ops-coordinator status --relation cluster >>table
        status-get --include-data --format=json >>status";
    exec(2, after, command)
}

#[test]
fn a_unit_whose_hook_failed_is_no_unit_that_is_done_and_others_say_whom_they_wait_for() {
    let steps = [
        "units = 3\nupdate-status-interval = '0s'\nretry-after = '6s'\n",
        &request(1, ""),
        &request(2, "after = '200ms'"),
        &look("after = '4s'"),
        &look(""),
    ];
    let run = Fixture::new(CHARM).play(&steps.concat(), &["--timeout", "60s"]);
    let table = run.file(2, "table");
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[2].starts_with("app/1  its turn"), "{table}");
    assert!(
        rows[2].ends_with("running or failed, see its log"),
        "{table}"
    );
    assert!(rows[3].starts_with("app/2  requested"), "{table}");
    assert!(rows[3].ends_with("queued, 1st behind app/1"), "{table}");
    let run = run.exits(0);
    let status = run.file(2, "status");
    let shown: Vec<&str> = status.lines().collect();
    let waits = "restart: queued, 1st behind app/1";
    assert!(
        shown[0].contains(waits) && shown[0].contains("waiting"),
        "{status}"
    );
    assert!(
        shown[1].contains("ready") && shown[1].contains("active"),
        "{status}"
    );
    let metrics = run.file(1, "metrics.prom");
    for line in [
        r#"ops_coordinator_requests_total{unit="app/1",lock="restart",outcome="done"} 1"#,
        r#"ops_coordinator_interruptions_total{unit="app/1",lock="restart"} 0"#,
        r#"ops_coordinator_failures_total{unit="app/1",lock="restart"} 1"#,
        r#"ops_coordinator_operation_seconds_count{unit="app/1",lock="restart"} 2"#,
    ] {
        assert!(metrics.lines().any(|said| said == line), "{metrics}");
    }
}
