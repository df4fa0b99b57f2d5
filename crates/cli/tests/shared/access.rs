//! A charm that declares no more than a relation with the etcd charm, and a real etcd that knows its users by their certificates.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ops_coordinator_trial::Cluster;
use serde_json::json;

use crate::application::{Application, assert_clean, assert_one_at_a_time, until};
use crate::provider::{Provider, changed, endpoints, said};

/// An administrator of the cluster.
fn ctl(cluster: &Cluster, args: &[&str]) {
    let made = cluster.certificates().unwrap();
    let done = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &cluster.endpoints()])
        .arg("--cacert")
        .arg(made.path("ca.pem"))
        .arg("--cert")
        .arg(made.path("client.pem"))
        .arg("--key")
        .arg(made.path("client.key"))
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {done:?}");
}

/// Does what the etcd charm does when somebody asks for access: a user by the name in the certificate, a role for the prefix,
/// and members that are started anew with one more authority.
fn let_in(cluster: &mut Cluster, user: &str, prefix: &str, certificate: &str) {
    ctl(cluster, &["user", "add", "root", "--no-password"]);
    ctl(cluster, &["user", "grant-role", "root", "root"]);
    ctl(cluster, &["user", "add", user, "--no-password"]);
    ctl(cluster, &["role", "add", user]);
    let permission = [
        "role",
        "grant-permission",
        user,
        "readwrite",
        "--prefix=true",
    ];
    ctl(cluster, &[&permission[..], &[prefix]].concat());
    ctl(cluster, &["user", "grant-role", user, user]);
    ctl(cluster, &["auth", "enable"]);
    let trusted = cluster.certificates().unwrap().path("ca.pem");
    let mut trusted = OpenOptions::new().append(true).open(trusted).unwrap();
    trusted.write_all(certificate.as_bytes()).unwrap();
    cluster.kill_member(0);
    cluster.start_member(0);
    cluster.settle();
}

#[test]
fn a_charm_that_names_only_a_relation_asks_for_access_and_has_its_turns() {
    let mut cluster = Cluster::with_tls(1);
    let provider = Provider::new(&cluster);
    let application = Application::new(&cluster, "one", "5s", 2);
    application.share("ttl = '5s'\nrelation = 'etcd'");
    provider.answers(&application);
    let authority = cluster.directory().join("server-ca.pem");
    fs::copy(cluster.certificates().unwrap().path("ca.pem"), &authority).unwrap();

    let roll = application.roll(2);
    until("the leader asks", || provider.asked().is_some());
    let asked = provider.asked().unwrap();
    assert_eq!(asked["prefix"], json!("ops-coordinator/"));
    assert_eq!(asked["provided-secrets"], json!(r#"["mtls-cert"]"#));
    let uri = &asked["secret-mtls"];
    let granted = format!("-r etcd:9 {}\n", uri.as_str().unwrap());
    assert_eq!(provider.noted("granted"), granted, "and nothing else");
    let names = fs::read_dir(provider.secret(uri)).unwrap();
    let names: Vec<_> = names.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["mtls-cert"]);
    let why = "relation etcd is not ready: etcd has not said where it is";
    for unit in [0, 1] {
        changed(&application, unit);
    }
    said(&application, why);
    assert_eq!(application.log(), [] as [String; 0]);

    let certificate = fs::read_to_string(provider.secret(uri).join("mtls-cert")).unwrap();
    let user = format!("app-9-{}", provider.noted("model").trim());
    let_in(&mut cluster, &user, "ops-coordinator/", &certificate);
    provider.is_ready(&endpoints(&cluster), &authority);
    for unit in [0, 1] {
        changed(&application, unit);
    }
    application.end(roll).exits(0);
    let log = application.log();
    assert_eq!(log.len(), 4, "{log:#?}");
    assert_one_at_a_time(&log);
    let secrets = fs::read_dir(cluster.directory().join("provider/secrets")).unwrap();
    assert_eq!(secrets.count(), 2, "one for etcd, one for the units");
    for unit in [0, 1] {
        for name in ["pem", "key"] {
            let file = application.path(unit, &format!(".ops-coordinator/etcd-client-etcd.{name}"));
            let mode = fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    assert_clean(&cluster);
}
