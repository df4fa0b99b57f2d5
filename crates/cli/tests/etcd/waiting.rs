//! Those who wait, and those who do not.

use std::fs;

use ops_coordinator_trial::Cluster;

use crate::{COMMAND, assert_clean, holder, in_line, lock, output, text};

#[test]
fn without_waiting_and_after_its_time_a_command_never_runs() {
    let cluster = Cluster::start(1);
    let mut first = holder(&cluster, &[]);
    for (options, code) in [
        (&["--no-wait"][..], 75),
        (&["--timeout", "200ms"], 124),
        (&["--timeout", "0"], 124),
    ] {
        let ended = output(lock(&cluster, options, "echo ran"));
        assert_eq!(
            (ended.status.code(), text(&ended.stdout)),
            (Some(code), String::new())
        );
        assert!(
            text(&ended.stderr).starts_with("ops-coordinator: restart: "),
            "{ended:?}"
        );
    }
    in_line(&cluster, 1);
    drop(first.stdin.take());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_clean(&cluster);
}

#[test]
fn those_who_wait_run_in_the_order_of_arrival_with_growing_tokens() {
    let cluster = Cluster::start(1);
    let mut first = holder(&cluster, &[]);
    let mut children = Vec::new();
    for name in 1..=5 {
        let script = format!("echo {name} $OPS_COORDINATOR_LOCK $OPS_COORDINATOR_TOKEN >>log");
        children.push(
            lock(&cluster, &["--timeout", "60s"], &script)
                .spawn()
                .unwrap(),
        );
        in_line(&cluster, name + 1);
    }
    drop(first.stdin.take());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let log = fs::read_to_string(cluster.directory().join("log")).unwrap();
    let mut last = 0;
    for (line, name) in log.lines().zip(1..=5) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(words[..2], [&name.to_string(), "restart"], "{log}");
        let token: i64 = words[2].parse().unwrap();
        assert!(token > last, "{log}");
        last = token;
    }
    assert_eq!(log.lines().count(), 5);
    assert_clean(&cluster);
}

#[test]
fn status_shows_who_holds_and_who_waits() {
    let cluster = Cluster::start(1);
    let status = |options: &[&str]| {
        let mut command = std::process::Command::new(COMMAND);
        command
            .args(["status", "--etcd", &cluster.endpoints()])
            .args(options);
        let shown = command.output().unwrap();
        assert!(shown.status.success(), "{shown:?}");
        text(&shown.stdout)
    };
    assert_eq!(status(&[]), "nobody holds a lock or waits for one\n");
    assert_eq!(status(&["--format", "json"]), "[]\n");
    let mut first = holder(&cluster, &["--as", "the first"]);
    let mut second = lock(&cluster, &["--as", "the second"], "true")
        .spawn()
        .unwrap();
    in_line(&cluster, 2);
    // Until the first has said that it has begun.
    crate::until(|| status(&[]).contains("holds"));
    let table = status(&["restart"]);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| {
            line.split("  ")
                .filter(|cell| !cell.is_empty())
                .map(str::trim)
                .collect()
        })
        .collect();
    assert_eq!(rows[0], ["lock restart"]);
    assert_eq!(rows[1], ["PLACE", "SINCE", "TOKEN", "WHO"]);
    assert_eq!((rows[2][0], rows[2][3]), ("holds", "the first"), "{table}");
    assert_eq!(
        (rows[3][0], rows[3][3]),
        ("waits, 1st", "the second"),
        "{table}"
    );
    assert_eq!(status(&["other"]), "nobody holds a lock or waits for one\n");
    drop(first.stdin.take());
    first.wait().unwrap();
    second.wait().unwrap();
    assert_clean(&cluster);
}
