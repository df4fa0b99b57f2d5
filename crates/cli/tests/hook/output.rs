//! Output that nobody reads ends nothing in the middle.

use crate::fixture::Fixture;
use crate::{ROLL, charm};

#[test]
fn an_operation_whose_output_nobody_reads_runs_once() {
    let script = r#"
        ops-coordinator begin --relation cluster
        [ $hook = config-changed ] && [ "$(config-get message)" != hello ] && ops-coordinator request restart --relation cluster
        ops-coordinator run restart --relation cluster -- bash -c 'echo one; sleep 0.3; echo run >>runs' | head -n1
        ops-coordinator release --relation cluster"#;
    let scenario = format!("{ROLL}[[step]]\nafter = '7s'\n");
    let run = Fixture::new(script).play(&scenario, &[]).exits(0);
    assert_eq!(run.file(0, "runs"), "run\n");
}

#[test]
fn a_closed_pipe_is_no_error_of_any_command() {
    let script = r#"
        set -o pipefail
        [ $hook = update-status ] || exit 0
        told() { ops-coordinator "$@" --relation cluster | true || echo "$1: $?" >>failed; }
        touch failed
        told begin
        told request restart
        told request restart
        told status
        told status --format json
        told cancel restart app/0
        told withdraw restart
        told release
        ops-coordinator withdraw restart --relation cluster 2>&- >&- || echo "closed: $?" >>failed
        touch done"#;
    let scenario = "update-status-interval = '1s'\n[[step]]\nafter = { hook = 'update-status', delay = '4s' }\n";
    let run = Fixture::new(script).play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "failed"), "");
    assert_eq!(run.file(0, "done"), "");
}

#[test]
fn the_exit_code_tells_done_from_nothing_requested() {
    let fixture = charm("exit 0");
    let path = fixture.charm().join("dispatch");
    let text = std::fs::read_to_string(&path).unwrap();
    let noted = text.replace("case $code in", "echo $hook $code >>codes; case $code in");
    std::fs::write(&path, noted).unwrap();
    let run = fixture.play(ROLL, &[]).exits(0);
    let codes = run.file(0, "codes");
    assert!(codes.starts_with("install 66\n"), "{codes}");
    assert!(codes.contains("\nconfig-changed 75\n"), "{codes}");
    assert!(codes.contains("\ncluster-relation-changed 0\n"), "{codes}");
}
