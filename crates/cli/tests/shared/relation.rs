//! A shared lock in the etcd to which a relation leads, over TLS with client certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ops_coordinator_trial::Cluster;
use serde_json::json;

use crate::application::{
    Application, assert_clean, assert_one_at_a_time, in_line, stranger, until,
};
use crate::provider::{Provider, changed, endpoints, said};

/// An application whose units have a certificate, and find etcd by a relation.
fn application(cluster: &Cluster, provider: &Provider, naps: u32) -> Application {
    let application = Application::new(cluster, "one", "5s", naps);
    let made = cluster.certificates().unwrap();
    for (file, name) in [("client.pem", "me.pem"), ("client.key", "me.key")] {
        fs::copy(made.path(file), application.charm().join(name)).unwrap();
    }
    application.share("ttl = '5s'\nrelation = 'etcd'\ncert = 'me.pem'\nkey = 'me.key'");
    provider.answers(&application);
    application
}

/// The place in line of the unit, once it has one.
fn place(application: &Application) -> i64 {
    let token = || application.standings(0)?["locks"]["restart"]["token"].as_i64();
    until("it has a place", || token().is_some());
    token().unwrap()
}

#[test]
fn nothing_begins_before_the_relation_says_where_etcd_is_and_then_all_have_their_turn() {
    let cluster = Cluster::with_tls(1);
    let provider = Provider::new(&cluster);
    let application = application(&cluster, &provider, 2);
    let roll = application.roll(2);
    let why = "relation etcd is not ready: etcd has not said where it is";
    said(
        &application,
        &format!("waits for db-restart in etcd: {why}"),
    );
    assert_eq!(application.log(), [] as [String; 0]);
    let made = cluster.certificates().unwrap();
    provider.is_ready(&endpoints(&cluster), &made.path("ca.pem"));
    for unit in [0, 1] {
        changed(&application, unit);
    }
    application.end(roll).exits(0);
    let log = application.log();
    assert_eq!(log.len(), 4, "{log:#?}");
    assert_one_at_a_time(&log);
    let file = application.path(0, ".ops-coordinator/etcd-ca-etcd.pem");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_clean(&cluster);
}

#[test]
fn another_authority_reaches_the_deputy_and_the_place_in_line_stays() {
    let cluster = Cluster::with_tls(1);
    let provider = Provider::new(&cluster);
    let made = cluster.certificates().unwrap();
    provider.is_ready(&endpoints(&cluster), &made.path("ca.pem"));
    let application = application(&cluster, &provider, 0);
    // Longer than it takes to find out that nobody can be trusted; shorter than the test waits for an empty line, as the
    // lab may end the deputy before it has given the place back.
    application.share("ttl = '30s'\nrelation = 'etcd'\ncert = 'me.pem'\nkey = 'me.key'");
    let mut stranger = stranger(&cluster);
    application.logged(1);
    let roll = application.roll(1);
    in_line(&cluster, 2);
    let token = place(&application);
    let trouble = || application.standings(0).unwrap()["locks"]["restart"]["trouble"].to_string();
    assert_eq!(trouble(), "null");
    provider.is_ready(&endpoints(&cluster), &made.path("other-ca.pem"));
    changed(&application, 0);
    until("it trusts the servers no longer", || {
        trouble().contains("TLS failed")
    });
    provider.is_ready(&endpoints(&cluster), &made.path("ca.pem"));
    changed(&application, 0);
    until("it trusts the servers again", || trouble() == "null");
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    application.end(roll).exits(0);
    let wanted = ["+ one-0-1-", "- one-0-1-"].map(|line| format!("{line}{token}"));
    assert_eq!(application.log()[2..], wanted);
    assert_clean(&cluster);
}

#[test]
fn a_unit_whose_relation_is_gone_leaves_the_line_and_joins_it_anew_when_there_is_one() {
    let cluster = Cluster::with_tls(1);
    let provider = Provider::new(&cluster);
    let made = cluster.certificates().unwrap();
    provider.is_ready(&endpoints(&cluster), &made.path("ca.pem"));
    let application = application(&cluster, &provider, 0);
    let mut stranger = stranger(&cluster);
    application.logged(1);
    let roll = application.roll(1);
    in_line(&cluster, 2);
    provider.leaves();
    changed(&application, 0);
    said(
        &application,
        "waits for db-restart in etcd: relation etcd does not exist",
    );
    in_line(&cluster, 1);
    let status = application.file(0, "status");
    assert!(
        status.contains("held back: trouble with etcd, db-restart"),
        "{status}"
    );
    provider.write("ids", &json!(["etcd:9"]));
    changed(&application, 0);
    in_line(&cluster, 2);
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    application.end(roll).exits(0);
    assert_one_at_a_time(&application.log()[2..]);
    assert_clean(&cluster);
}

#[test]
fn an_optional_lock_is_needed_only_while_there_is_a_relation() {
    let cluster = Cluster::with_tls(1);
    let provider = Provider::new(&cluster);
    let made = cluster.certificates().unwrap();
    provider.is_ready(&endpoints(&cluster), &made.path("ca.pem"));
    let application = application(&cluster, &provider, 0);
    application
        .share("ttl = '5s'\nrelation = 'etcd'\noptional = true\ncert = 'me.pem'\nkey = 'me.key'");
    let mut stranger = stranger(&cluster);
    application.logged(1);
    let roll = application.roll(2);
    in_line(&cluster, 3);
    assert_eq!(application.log().len(), 1, "both wait for the stranger");
    provider.leaves();
    for unit in [0, 1] {
        changed(&application, unit);
    }
    application.end(roll).exits(0);
    let log = application.log();
    assert_eq!(log.len(), 5, "{log:#?}");
    assert!(
        log[1..].iter().all(|line| line.ends_with("-1-0")),
        "both began, and without a token: {log:#?}"
    );
    in_line(&cluster, 1);
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    assert_clean(&cluster);
}

#[test]
fn an_operation_that_runs_goes_on_when_the_relation_is_gone() {
    let cluster = Cluster::with_tls(1);
    let provider = Provider::new(&cluster);
    let made = cluster.certificates().unwrap();
    provider.is_ready(&endpoints(&cluster), &made.path("ca.pem"));
    let application = application(&cluster, &provider, 140);
    let roll = application.roll(1);
    application.logged(1);
    provider.leaves();
    // For longer than a lease.
    application.end(roll).exits(0);
    let log = application.log();
    assert_eq!(log.len(), 2, "its operation was not stopped: {log:#?}");
    assert_one_at_a_time(&log);
    assert_clean(&cluster);
}

/// The same without a relation: the charm has the files, and the file that names the servers.
#[test]
fn a_charm_can_bring_the_certificates_itself() {
    let cluster = Cluster::with_tls(1);
    let application = Application::new(&cluster, "one", "5s", 2);
    let made = cluster.certificates().unwrap();
    for file in ["ca.pem", "client.pem", "client.key"] {
        fs::copy(made.path(file), application.charm().join(file)).unwrap();
    }
    let endpoints = cluster.endpoints();
    fs::write(application.charm().join("where"), endpoints).unwrap();
    application.share(
        "endpoints-file = 'where'\ncacert = 'ca.pem'\ncert = 'client.pem'\nkey = 'client.key'",
    );
    let roll = application.roll(2);
    application.end(roll).exits(0);
    let log = application.log();
    assert_eq!(log.len(), 4, "{log:#?}");
    assert_one_at_a_time(&log);
    assert_clean(&cluster);
}
