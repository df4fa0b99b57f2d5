//! A holder whose lease ends.

use std::fs;
use std::time::Duration;

use ops_coordinator_etcd::Validity;
use ops_coordinator_trial::{Cluster, run, signal};
use rustix::process::Signal;

use crate::{assert_clean, in_line, lock, output, text, until};

/// A script that ends when it is told to, and notes that.
const OBEDIENT: &str =
    "trap 'echo stopped >>log; exit 9' TERM; echo $PPID >in; while :; do sleep 0.05; done";

#[test]
fn a_command_is_stopped_when_its_lease_is_gone() {
    let cluster = Cluster::start(1);
    let child = lock(&cluster, &["--ttl", "2s"], OBEDIENT).spawn().unwrap();
    until(|| cluster.directory().join("in").exists());
    run(async {
        let client = cluster.client();
        for lease in client.leases().await.unwrap() {
            client.revoke(lease).await.unwrap();
        }
    });
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(76));
    assert!(
        text(&ended.stderr).contains("the lock was lost while the command ran"),
        "{ended:?}"
    );
    assert_eq!(
        fs::read_to_string(cluster.directory().join("log")).unwrap(),
        "stopped\n"
    );
    assert_clean(&cluster);
}

#[test]
fn a_command_that_does_not_listen_is_killed() {
    let cluster = Cluster::start(1);
    let deaf = "trap '' TERM; echo >in; while :; do sleep 0.05; done";
    let child = lock(&cluster, &["--ttl", "2s"], deaf).spawn().unwrap();
    until(|| cluster.directory().join("in").exists());
    run(async {
        let client = cluster.client();
        for lease in client.leases().await.unwrap() {
            client.revoke(lease).await.unwrap();
        }
    });
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(76));
    assert_clean(&cluster);
}

#[test]
fn a_command_is_stopped_before_its_lease_can_end_when_etcd_is_gone() {
    let mut cluster = Cluster::start(1);
    let child = lock(&cluster, &["--ttl", "2s"], OBEDIENT).spawn().unwrap();
    until(|| cluster.directory().join("in").exists());
    cluster.kill_member(0);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(76), "{ended:?}");
    assert!(
        text(&ended.stderr).contains("the lock was lost while the command ran"),
        "{ended:?}"
    );
    assert_eq!(
        fs::read_to_string(cluster.directory().join("log")).unwrap(),
        "stopped\n"
    );
}

/// The process that keeps the lease is frozen past it; another gets the lock; the first finds out before anything else.
#[test]
fn a_holder_that_was_frozen_past_its_lease_stops_its_command_and_says_so() {
    let cluster = Cluster::start(1);
    let child = lock(&cluster, &["--ttl", "2s"], OBEDIENT).spawn().unwrap();
    until(|| cluster.directory().join("in").exists());
    signal(child.id(), Signal::STOP);
    let second = output(lock(&cluster, &[], "echo second >>log"));
    assert_eq!(second.status.code(), Some(0));
    signal(child.id(), Signal::CONT);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(76), "{ended:?}");
    // Nothing but the token keeps the first command's work apart from the second's.
    assert_eq!(
        fs::read_to_string(cluster.directory().join("log")).unwrap(),
        "second\nstopped\n"
    );
    assert_clean(&cluster);
}

#[test]
fn a_frozen_waiter_asks_again_at_the_end_of_the_line() {
    let cluster = Cluster::start(1);
    let mut first = crate::holder(&cluster, &[]);
    let second = lock(&cluster, &["--ttl", "2s"], "echo second >>log")
        .spawn()
        .unwrap();
    in_line(&cluster, 2);
    signal(second.id(), Signal::STOP);
    in_line(&cluster, 1);
    let third = lock(&cluster, &[], "echo third >>log").spawn().unwrap();
    in_line(&cluster, 2);
    signal(second.id(), Signal::CONT);
    in_line(&cluster, 3);
    drop(first.stdin.take());
    first.wait().unwrap();
    assert_eq!(third.wait_with_output().unwrap().status.code(), Some(0));
    let ended = second.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(
        text(&ended.stderr).contains("the place in line was lost"),
        "{ended:?}"
    );
    assert_eq!(
        fs::read_to_string(cluster.directory().join("log")).unwrap(),
        "third\nsecond\n"
    );
    assert_clean(&cluster);
}

/// What the command relies on: a lease is sure only until a moment that its own clock has not reached.
#[test]
fn a_moment_that_has_passed_is_sure_of_nothing() {
    let now = ops_coordinator_etcd::Moment::now();
    assert!(!Validity::Until(now).is_sure());
    assert!(Validity::Until(now.after(Duration::from_secs(60))).is_sure());
    assert!(!Validity::Gone { early: true }.is_sure());
}
