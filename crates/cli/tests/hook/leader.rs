//! What must not depend on a quick and careful leader.

use std::fs;

use crate::fixture::Fixture;
use crate::{ROLL, charm, marked};

#[test]
fn a_leader_whose_hooks_take_longer_than_its_lease_allows_still_leads() {
    let script = format!(
        r#"
        ops-coordinator begin --relation cluster
        slow=0
        if [ "$(config-get message)" != hello ]; then
            slow=26
            [ -e asked ] || ops-coordinator request restart --relation cluster
            touch asked
        fi
        ops-coordinator run restart --relation cluster -- bash -euc '{}' || [ $? != 1 ]
        sleep $slow
        ops-coordinator release --relation cluster"#,
        marked("0.1")
    );
    let scenario = format!("update-status-interval = '0s'\ntimeout = '150s'\n{ROLL}");
    let run = Fixture::new(&script).play(&scenario, &[]).exits(0);
    assert_eq!(run.file(0, "log"), "begin\nend\n");
    let hooks = run.hooks(0);
    let since = hooks
        .iter()
        .rposition(|hook| hook == "config-changed")
        .unwrap();
    // The visit leaves a waker in case no event follows; its empty command runs before the event or after it.
    assert_eq!(hooks[since..since + 2], ["config-changed", "juju-exec"]);
    let mut others = hooks[since + 2..]
        .iter()
        .filter(|hook| *hook != "juju-exec");
    assert_eq!(others.next().unwrap(), "cluster-relation-changed");
    assert_eq!(others.next(), None, "nothing else was needed");
    let writes = run.events("commit").into_iter();
    let lines = writes.filter(|commit| !commit["app_writes"].is_null());
    assert_eq!(lines.count(), 1, "one visit wrote the line");
}

#[test]
fn a_bad_limit_is_a_warning_and_the_last_good_one_stays() {
    let fixture = charm(&marked("2"));
    let path = fixture.charm();
    let text = fs::read_to_string(path.join("dispatch")).unwrap();
    let release = "ops-coordinator release --relation cluster";
    let text = text.replace(release, &format!("{release} --limit-option limit"));
    fs::write(path.join("dispatch"), text).unwrap();
    let options =
        "options:\n  message: {type: string, default: hello}\n  limit: {type: int, default: 2}\n";
    fs::write(path.join("config.yaml"), options).unwrap();
    let scenario = "
        units = 4
        limit = { restart = 2 }
        [[step]]
        config = { limit = 500 }
        [[step]]
        config = { message = 'x' }
        [[step]]
        expect = { failed-hooks = 0, turns = { restart = 4 }, largest-inside = { restart = 2 } }
        ";
    let run = fixture.play(scenario, &[]).exits(0);
    let log = fs::read_to_string(fixture.directory().join("unit-app-0/log")).unwrap();
    let warned = "invalid limit in the config option 'limit': 500";
    assert!(log.contains(warned), "{log}\n{}", run.text);
}
