//! A deputy that dies or stands still, and an etcd that goes away, while an operation runs.

use ops_coordinator_trial::{Cluster, signal};
use rustix::process::Signal;

use crate::application::{Application, assert_clean, assert_one_at_a_time, stranger, until};

#[test]
fn when_a_deputy_is_killed_the_next_one_keeps_the_turn() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "3s", 100);
    let roll = application.roll(1);
    application.logged(1);
    let killed = application.deputy(0).unwrap();
    signal(killed, Signal::KILL);
    until("there is another", || {
        application.deputy(0).is_some_and(|now| now != killed)
    });
    application.end(roll).exits(0);
    let log = application.log();
    assert_eq!(log.len(), 2, "its operation was not stopped: {log:#?}");
    assert_clean(&cluster);
}

#[test]
fn an_operation_is_stopped_when_etcd_goes_away_and_runs_again_when_it_is_back() {
    let mut cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "2s", 60);
    // On a busy machine it takes etcd many seconds to come back, and to end the lease from before.
    let roll = application.roll_and(1, "[[step]]\nafter = '15s'\n");
    application.logged(1);
    cluster.kill_member(0);
    application.logged(2);
    cluster.start_member(0);
    application.end(roll).exits(0);
    let log = application.log();
    assert_one_at_a_time(&log);
    assert!(log[2].contains("-2-"), "the second attempt: {log:#?}");
    assert_clean(&cluster);
}

#[test]
fn a_deputy_that_stands_still_loses_the_turn_and_its_operation_ends_before_the_next_begins() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "2s", 80);
    let roll = application.roll(1);
    application.logged(1);
    let deputy = application.deputy(0).unwrap();
    let mut stranger = stranger(&cluster);
    signal(deputy, Signal::STOP);
    // The operation was stopped, and then somebody else's began.
    application.logged(3);
    let log = application.log();
    assert!(
        log[1].starts_with("- one-0-1-") && log[2].starts_with("+ stranger"),
        "{log:#?}"
    );
    signal(deputy, Signal::CONT);
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    application.end(roll).exits(0);
    assert!(
        application.log()[4].starts_with("+ one-0-2-"),
        "{:#?}",
        application.log()
    );
    assert_clean(&cluster);
}
