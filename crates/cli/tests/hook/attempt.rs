//! One attempt at a time, and each counts once.

use crate::{ROLL, charm, marked, record_of};

#[test]
fn no_attempt_starts_beside_one_that_outlived_its_hook() {
    let scenario = format!(
        "units = 2
        {ROLL}
        [[step]]
        after = {{ mark = 'enter', delay = '200ms' }}
        kill = 'holder'
        spare-children = true
        [[step]]
        after = '12s'
        expect = {{ failed-hooks = 0, each-unit = {{ restart = 1 }} }}
        {}{}",
        record_of(0),
        record_of(1)
    );
    let run = charm(&marked("2")).play(&scenario, &[]).exits(0);
    let logs = [run.file(0, "log"), run.file(1, "log")];
    assert!(
        logs.contains(&"begin\nend\nbegin\nend\n".to_owned()),
        "the second attempt began after the first had ended: {logs:?}"
    );
    for unit in [0, 1] {
        let record = run.file(unit, "record");
        assert!(record.contains(r#""seq":1,"done":1"#), "{record}");
    }
}

#[test]
fn processes_of_one_hook_at_once_lose_nothing() {
    let operation =
        "for n in $(seq 8); do ops-coordinator request lock-$n --relation cluster & done; wait";
    let scenario = format!(
        "{ROLL}
        {}
        [[step]]
        exec = {{ unit = 'app/0', command = 'for n in $(seq 8); do ops-coordinator withdraw lock-$n --relation cluster; done' }}",
        record_of(0)
    );
    let run = charm(operation).play(&scenario, &[]).exits(0);
    let record = run.file(0, "record");
    assert!(
        record.contains(r#""restart":{"seq":1,"done":1"#),
        "{record}"
    );
    for n in 1..=8 {
        let asked = format!(r#""lock-{n}":{{"seq":1,"done":0"#);
        assert!(record.contains(&asked), "lock-{n}: {record}");
    }
}
