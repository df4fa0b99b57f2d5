//! Requests that something happens to.

use crate::fixture::Fixture;
use crate::{ROLL, charm, marked, record_of};

#[test]
fn a_request_whose_services_were_lost_with_the_journal_ends_and_says_so() {
    let script = r#"
        ops-coordinator begin --relation cluster
        if [ $hook = config-changed ] && [ "$(config-get message)" != hello ]; then
            ops-coordinator request restart --service nothing-there --relation cluster
        fi
        [ "$JUJU_UNIT_NAME $hook" != "app/1 config-changed" ] || echo garbage >.ops-coordinator/cluster/journal.json
        code=0
        ops-coordinator run restart --relation cluster || code=$?
        [ "$JUJU_UNIT_NAME" = app/1 ] || case $code in
            75) ;;
            66) ;;
            *) ops-coordinator withdraw restart --relation cluster ;;
        esac
        ops-coordinator release --relation cluster"#;
    let scenario = format!(
        "units = 2
        {ROLL}
        {}
        [[step]]
        expect = {{ failed-hooks = 0 }}",
        record_of(1)
    );
    let run = Fixture::new(script).play(&scenario, &[]).exits(0);
    let record = run.file(1, "record");
    assert!(
        record.contains(r#""outcome":"withdrawn","why":"the requested services were lost""#),
        "{record}"
    );
}

/// app/1 fails in its turn, always.
fn failing_unit() -> Fixture {
    charm(&format!(
        "{}; [ $JUJU_UNIT_NAME != app/1 ]",
        "echo begin >>log"
    ))
}

#[test]
fn an_operator_cancels_a_request_that_stops_the_roll() {
    let scenario = format!(
        "units = 3
        retry-after = '300ms'
        {ROLL}
        [[step]]
        after = '4s'
        exec = {{ unit = 'app/1', command = 'ops-coordinator cancel restart app/1 --relation cluster', code = 1 }}
        [[step]]
        after = '100ms'
        exec = {{ unit = 'leader', command = 'ops-coordinator cancel restart app/1 --relation cluster' }}
        {}",
        record_of(1)
    );
    let run = failing_unit().play(&scenario, &[]).exits(0);
    let record = run.file(1, "record");
    assert!(record.contains(r#""done":1"#), "{record}");
    assert!(record.contains(r#""outcome":"cancelled""#), "{record}");
    assert_eq!(run.file(2, "log"), "begin\n", "the roll went on");
}

#[test]
fn an_operator_forces_a_dead_units_entry_out_of_the_line() {
    let scenario = format!(
        "units = 3
        {ROLL}
        [[step]]
        after = {{ mark = 'enter', unit = 'app/1', delay = '100ms' }}
        lose-machine = 'app/1'
        [[step]]
        after = '2s'
        exec = {{ unit = 'leader', command = 'ops-coordinator cancel restart app/1 --relation cluster --force' }}
        [[step]]
        expect = {{ unserved = {{ 'app/0' = [], 'app/2' = [] }} }}
        "
    );
    let run = charm(&marked("0.5")).play(&scenario, &[]);
    assert_eq!(run.file(2, "log"), "begin\nend\n", "{}", run.text);
    assert_eq!(run.file(0, "log"), "begin\nend\n", "{}", run.text);
}

/// All units ask in config-changed, for the same reason; `who` says which of them do, as a pattern of the shell.
fn announced(who: &str) -> Fixture {
    Fixture::new(&format!(
        r#"
        ops-coordinator begin --relation cluster
        case $JUJU_UNIT_NAME in {who})
            if [ $hook = config-changed ] && [ "$(config-get message)" != hello ] && [ ! -e asked ]; then
                ops-coordinator request restart --for "message $(config-get message)" --relation cluster
                touch asked
            fi ;;
        esac
        code=0
        ops-coordinator run restart --relation cluster -- bash -euc '{}' || code=$?
        case $code in 0 | 66 | 75) ;; *) exit $code ;; esac
        ops-coordinator release --relation cluster"#,
        marked("0.3")
    ))
}

#[test]
fn what_all_ask_for_at_once_is_a_roll_of_the_leaders() {
    let scenario = format!(
        "units = 4
        {ROLL}
        [[step]]
        after = {{ mark = 'enter', lock = 'restart', count = 2 }}
        exec = {{ unit = 'app/3', command = 'ops-coordinator status --relation cluster >status' }}
        {}
        [[step]]
        expect = {{ each-unit = {{ restart = 1 }}, largest-inside = {{ restart = 1 }}, failed-hooks = 0, unserved = {{}} }}",
        record_of(3)
    );
    let run = announced("*").play(&scenario, &[]).exits(0);
    let status = run.file(3, "status");
    assert!(
        status.starts_with("lock restart, campaign 'message x': "),
        "{status}"
    );
    // It was called; a request of its own would belong to no campaign.
    let record = run.file(3, "record");
    assert!(record.contains(r#""camp":"#), "{record}");
}

#[test]
fn whoever_is_not_called_within_a_minute_asks_alone() {
    let scenario = format!(
        "units = 3
        timeout = '150s'
        update-status-interval = '0s'
        {ROLL}
        [[step]]
        after = {{ mark = 'leave', lock = 'restart' }}
        expect = {{ turns = {{ restart = 1 }}, failed-hooks = 0 }}"
    );
    // The leader is app/0, and its charm sees no reason.
    let run = announced("app/2").play(&scenario, &[]).exits(0);
    let entered = &run.events("enter")[0];
    assert_eq!(entered["unit"], "app/2");
}
