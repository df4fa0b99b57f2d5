//! Whose turn it is, over all applications.

use ops_coordinator_trial::Cluster;

use crate::application::{Application, assert_clean, assert_one_at_a_time, stranger, until};

#[test]
fn two_applications_are_never_inside_at_once() {
    let cluster = Cluster::start(1);
    let [one, two] = ["one", "two"].map(|name| Application::new(&cluster, name, "5s", 5));
    let [first, second] = [&one, &two].map(|application| application.roll(3));
    one.end(first).exits(0);
    two.end(second).exits(0);
    let log = one.log();
    assert_eq!(log.len(), 12, "{log:#?}");
    assert_one_at_a_time(&log);
    assert_clean(&cluster);
    until("the deputies have ended", || {
        (0..3).all(|unit| one.deputy(unit).is_none() && two.deputy(unit).is_none())
    });
}

/// A control: what the test above looks for is there without the shared lock.
#[test]
fn without_a_shared_lock_two_are_inside() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "5s", 20);
    application.declare("");
    let roll = application.roll(3);
    application.end(roll).exits(0);
    let log = application.log();
    let both = |pair: &[String]| pair.iter().all(|line| line.starts_with('+'));
    assert!(log.windows(2).any(both), "{log:#?}");
}

#[test]
fn with_a_limit_so_many_are_inside_over_all_applications() {
    let cluster = Cluster::start(1);
    let [one, two] = ["one", "two"].map(|name| Application::new(&cluster, name, "5s", 10));
    for application in [&one, &two] {
        let endpoints = cluster.endpoints();
        application.share(&format!("limit = 2\nendpoints = '{endpoints}'"));
    }
    let [first, second] = [&one, &two].map(|application| application.roll(3));
    one.end(first).exits(0);
    two.end(second).exits(0);
    let log = one.log();
    assert_eq!(log.len(), 12, "{log:#?}");
    let (mut inside, mut most) = (0, 0);
    for line in &log {
        inside += if line.starts_with('+') { 1 } else { -1 };
        most = most.max(inside);
    }
    assert_eq!(most, 2, "{log:#?}");
    assert_clean(&cluster);
}

#[test]
fn a_unit_says_whom_it_waits_for_and_is_woken_when_its_turn_has_come() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "5s", 0);
    let mut stranger = stranger(&cluster);
    application.logged(1);
    let roll = application.roll(1);
    let waits = "waits for db-restart in etcd, 1st in line, behind other/0";
    until("it waits", || {
        application.file(0, "status").contains("held back")
    });
    assert!(
        application.file(0, "said").contains(waits),
        "{}",
        application.file(0, "said")
    );
    let status = application.file(0, "status");
    assert!(
        status.contains(&format!("this unit {waits}, for restart")),
        "{status}"
    );
    assert!(
        status.contains("held back: waits for db-restart in etcd\n"),
        "{status}"
    );
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    let run = application.end(roll).exits(0);
    // A waker has run it: the last of its hooks is no event of Juju's.
    assert_eq!(run.hooks(0).last().unwrap(), "juju-exec");
    assert_one_at_a_time(&application.log()[2..]);
    assert_clean(&cluster);
}

#[test]
fn without_etcd_nothing_begins_until_it_is_back() {
    let mut cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "5s", 0);
    cluster.kill_member(0);
    let roll = application.roll(1);
    until("its reason is known", || {
        application.file(0, "said").contains("waits for db-restart")
    });
    until("its trouble is known", || {
        application
            .file(0, ".ops-coordinator/cluster/deputy.json")
            .contains("Connection refused")
    });
    assert_eq!(application.log(), [] as [String; 0]);
    cluster.start_member(0);
    application.end(roll).exits(0);
    assert_one_at_a_time(&application.log());
    assert_clean(&cluster);
}
