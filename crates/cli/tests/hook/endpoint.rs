//! Peer relations: two of one endpoint, two endpoints, and a refresh from one to another.

use std::fs;

use crate::fixture::Fixture;
use crate::{ROLL, charm, marked};

/// What a charm does in every hook to take turns for a lock on an endpoint.
fn turns(lock: &str, endpoint: &str) -> String {
    format!(
        r#"
        if [ $hook = config-changed ] && [ "$(config-get message)" != hello ] && [ ! -e asked-{lock} ]; then
            ops-coordinator request {lock} --relation {endpoint}
            touch asked-{lock}
        fi
        ops-coordinator run {lock} --relation {endpoint} -- bash -euc '
            lab-mark enter {lock}; sleep 0.3; lab-mark leave {lock}' || [ $? != 1 ]"#
    )
}

fn with_two_endpoints(script: &str) -> Fixture {
    let fixture = Fixture::new(script);
    let metadata = "name: app\npeers:\n  cluster:\n    interface: x\n  other:\n    interface: x\n";
    fs::write(fixture.charm().join("metadata.yaml"), metadata).unwrap();
    fixture
}

#[test]
fn all_units_follow_one_of_two_relations_of_the_endpoint() {
    for forget in [
        "",
        "[[step]]\nafter = { mark = 'enter', delay = '50ms' }\nforget-relation = 'app/1'\n",
    ] {
        let scenario = format!(
            "units = 4
            duplicate-relations = ['cluster']
            {ROLL}
            {forget}
            [[step]]
            {}expect = {{ largest-inside = {{ restart = 1 }} }}",
            if forget.is_empty() {
                ""
            } else {
                "after = '12s'\n"
            }
        );
        let run = charm(&marked("0.3")).play(&scenario, &[]);
        if forget.is_empty() {
            let run = run.exits(0);
            assert!((0..4).all(|unit| run.file(unit, "log") == "begin\nend\n"));
        } else {
            assert!(!run.text.contains("inside restart"), "{}", run.text);
        }
    }
}

#[test]
fn two_endpoints_work_side_by_side() {
    let script = format!(
        "ops-coordinator begin --relation cluster
        ops-coordinator begin --relation other
        {}
        {}
        ops-coordinator release --relation cluster
        ops-coordinator release --relation other",
        turns("restart", "cluster"),
        turns("backup", "other")
    );
    let scenario = format!(
        "units = 4
        {ROLL}
        [[step]]
        expect = {{ turns = {{ restart = 4, backup = 4 }}, largest-inside = {{ restart = 1, backup = 1 }} }}"
    );
    let run = with_two_endpoints(&script).play(&scenario, &[]).exits(0);
    let state = run.file(0, ".ops-coordinator/cluster/journal.json");
    assert!(
        state.contains("restart") && !state.contains("backup"),
        "{state}"
    );
}

#[test]
fn a_refresh_to_another_endpoint_in_the_middle_of_a_roll_lets_nobody_in_beside() {
    let before = Fixture::new(&format!(
        "ops-coordinator begin --relation cluster
        {}
        ops-coordinator release --relation cluster",
        turns("restart", "cluster")
    ));
    // The new revision asks again, so that there is work for the new endpoint as well.
    let after = with_two_endpoints(&format!(
        "ops-coordinator begin --relation other
        if [ $hook = upgrade-charm ]; then ops-coordinator request restart --relation other; fi
        {}
        ops-coordinator release --relation other",
        turns("restart", "other")
    ));
    let scenario = format!(
        "units = 4
        {ROLL}
        [[step]]
        after = {{ mark = 'enter', count = 2, delay = '100ms' }}
        upgrade-charm = '{}'
        [[step]]
        expect = {{ largest-inside = {{ restart = 1 }}, each-unit = {{ restart = 1 }} }}",
        after.charm().display()
    );
    let run = before.play(&scenario, &[]).exits(0);
    let moved = run.events("commit").into_iter();
    let moved = moved.filter(|event| event.to_string().contains(r#"\"moved\":\"other\""#));
    assert!(
        moved.count() >= 1,
        "the old line was closed before the new one opened"
    );
}
