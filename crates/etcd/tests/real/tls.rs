//! TLS with certificates on both sides.

use std::process::Command;

use ops_coordinator_etcd::{Client, Config, Error, Lease, Request, Tls};
use ops_coordinator_trial::{Certificates, Cluster, run};

use crate::{assert_clean, join, turn, wish};

fn with(cluster: &Cluster, tls: Tls) -> Client {
    let mut config = Config::parse(&cluster.endpoints(), tls).unwrap();
    config.deadline = std::time::Duration::from_millis(500);
    Client::new(config).unwrap()
}

fn files(made: &Certificates, ca: &str, own: Option<&str>) -> Tls {
    Tls {
        cacert: Some(made.path(ca)),
        cert: own.map(|own| made.path(&format!("{own}.pem"))),
        key: own.map(|own| made.path(&format!("{own}.key"))),
    }
}

#[test]
fn a_turn_is_taken_over_tls_with_a_certificate_that_the_servers_know() {
    let cluster = Cluster::with_tls(1);
    run(async {
        let client = cluster.client();
        assert!(
            turn(join(&client, 1, 5).await)
                .await
                .release()
                .await
                .unwrap()
        );
        assert_clean(&client).await;
    });
}

#[test]
fn whoever_cannot_be_trusted_is_told_that_it_is_about_tls() {
    let cluster = Cluster::with_tls(1);
    let made = cluster.certificates().unwrap();
    let strangers = [
        files(made, "ca.pem", None),
        files(made, "ca.pem", Some("stranger")),
        files(made, "other-ca.pem", Some("client")),
    ];
    for tls in strangers {
        let error = run(async { with(&cluster, tls.clone()).leases().await }).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("TLS failed"), "{tls:?}: {error}: {hint}");
    }
}

#[test]
fn a_file_that_is_no_certificate_is_named() {
    let made = Certificates::make();
    let mut tls = made.client();
    tls.cacert = Some(made.path("client.key"));
    let error = Client::new(Config::parse("localhost", tls).unwrap()).unwrap_err();
    assert!(error.to_string().contains("client.key"), "{error}");
    tls = made.client();
    tls.key = None;
    let error = Client::new(Config::parse("localhost", tls).unwrap()).unwrap_err();
    assert!(error.to_string().contains("--key"), "{error}");
}

/// As the etcd charm does it: the certificate's name is the user, whose role has one prefix.
#[test]
fn etcd_knows_the_user_by_the_name_in_the_certificate() {
    let cluster = Cluster::with_tls(1);
    let made = cluster.certificates().unwrap();
    let ctl = |args: &[&str]| {
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
    };
    ctl(&["user", "add", "root", "--no-password"]);
    ctl(&["user", "grant-role", "root", "root"]);
    ctl(&["user", "add", "app", "--no-password"]);
    ctl(&["role", "add", "app"]);
    ctl(&[
        "role",
        "grant-permission",
        "app",
        "readwrite",
        "--prefix=true",
        "app/",
    ]);
    ctl(&["user", "grant-role", "app", "app"]);
    ctl(&["auth", "enable"]);
    run(async {
        let client = with(&cluster, files(made, "ca.pem", Some("app")));
        let mut own = wish(1, 5);
        own.prefix = "app/".to_owned();
        let request = Request::join(&client, own, Lease::draw()).await.unwrap();
        let held = turn(request).await;
        assert!(held.announce().await.unwrap());
        assert!(held.release().await.unwrap());
        let error = Request::join(&client, wish(1, 5), Lease::draw())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(
            error.hint().unwrap().contains("grant-permission"),
            "{error}"
        );
    });
}
