//! The certificate with which an application comes into the etcd to which a relation leads.

use std::rc::Rc;

use ops_coordinator_core::Wait;
use ops_coordinator_juju::{Hook, Ran, SharedLock};
use serde_json::{Value, json};

use crate::fake::{Juju, MODEL, lock};
use crate::{everyone_asked, release};

const CERTIFICATE: &str = "etcd-client-etcd.pem";
const KEY: &str = "etcd-client-etcd.key";
const WISHES: &str = "coordinator/shared.json";
/// The unit at the front of the line, which does not lead here, and the one that leads.
const FIRST: u32 = 0;
const LEADER: u32 = 1;

/// Both units have asked. The relation is there, and etcd says everything that it has to say.
fn related() -> Rc<Juju> {
    let juju = everyone_asked(2);
    juju.knows_etcd();
    juju.elect(LEADER);
    juju.grant_secret("secret:tls", json!({"tls": "True", "tls-ca": "PEM"}));
    let said = json!({"endpoints": "10.0.0.1:2379", "secret-tls": "secret:tls"});
    juju.etcd_says(Some(said));
    juju
}

fn shared(prefix: Option<&str>) -> SharedLock {
    let mut shared = SharedLock::new("db-restart".parse().unwrap(), Vec::new());
    shared.relation = Some("etcd".to_owned());
    shared.prefix = prefix.map(str::to_owned);
    shared
}

fn work(hook: &mut Hook, prefix: Option<&str>) -> Ran<String> {
    hook.set_shared(&lock(), shared(prefix));
    let ran = hook.run(&lock(), |_, _| Ok(())).unwrap();
    release(hook);
    ran
}

fn run(juju: &Rc<Juju>, unit: u32) -> Ran<String> {
    juju.hook(unit, |hook| work(hook, None))
}

/// A hook in which the unit begins nothing, and its warnings.
fn quiet(juju: &Rc<Juju>, unit: u32) -> Vec<String> {
    juju.hook(unit, |hook| {
        hook.set_shared(&lock(), shared(None));
        release(hook);
        hook.take_warnings()
    })
}

#[track_caller]
fn assert_waits(ran: &Ran<String>, why: &str) {
    let why = format!("waits for db-restart in etcd{why}");
    assert!(
        matches!(ran, Ran::Waiting(Wait::HeldBack(said)) if *said == why),
        "{ran:?} instead of {why}"
    );
}

/// The unit stands in line in etcd.
#[track_caller]
fn assert_asks(juju: &Rc<Juju>, unit: u32) -> Value {
    assert_waits(&run(juju, unit), "");
    juju.file(unit, WISHES).unwrap()["locks"]["restart"]["lock"].clone()
}

/// What the leader has told the units, in the peer relation.
fn told(juju: &Juju) -> Option<Value> {
    let text = juju.bag("app ops-coordinator-etcd")?;
    Some(serde_json::from_str::<Value>(&text).unwrap()["etcd"].clone())
}

fn calls_of(juju: &Juju, tool: &str) -> usize {
    let begin = format!("{tool} ");
    let calls = juju.calls();
    calls.iter().filter(|call| call.starts_with(&begin)).count()
}

#[test]
fn the_leader_asks_though_it_begins_nothing_and_all_units_get_the_certificate() {
    let juju = related();
    assert_waits(
        &run(&juju, FIRST),
        ": relation etcd is not ready: the leader has not made the certificate yet",
    );
    assert_eq!(quiet(&juju, LEADER), [] as [String; 0]);
    let asked = juju.asked_of_etcd("etcd:9");
    assert_eq!(asked["prefix"], json!("ops-coordinator/"));
    assert_eq!(asked["provided-secrets"], json!(r#"["mtls-cert"]"#));
    let uri = asked["secret-mtls"].as_str().unwrap();
    let granted = juju.bag(&format!("{uri} granted to"));
    assert_eq!(granted.as_deref(), Some("etcd:9"));
    let certificate = format!("CERTIFICATE 4 of app-9-{MODEL}");
    assert_eq!(
        juju.secret(uri).unwrap(),
        json!({"mtls-cert": certificate}),
        "no key"
    );
    let own = asked["ops-coordinator-secret"].as_str().unwrap();
    let granted = juju.bag(&format!("{own} granted to"));
    assert_eq!(granted, None, "etcd may not read the key");
    let lock = assert_asks(&juju, FIRST);
    assert_eq!(juju.text(FIRST, CERTIFICATE), Some(certificate));
    assert_eq!(juju.text(FIRST, KEY).as_deref(), Some("KEY 4"));
    assert_eq!(
        (lock["cert"].as_str(), lock["key"].as_str()),
        (
            Some("/nowhere/.ops-coordinator/etcd-client-etcd.pem"),
            Some("/nowhere/.ops-coordinator/etcd-client-etcd.key")
        )
    );
    // What secrets were made from does not stay.
    for unit in [FIRST, LEADER] {
        for name in ["certificate", "key", "mtls-cert"] {
            assert_eq!(juju.text(unit, &format!("etcd-new-{name}")), None);
        }
    }
}

#[test]
fn what_a_hook_has_made_counts_once_juju_has_committed_it() {
    let juju = related();
    juju.elect(FIRST);
    let asks = ": relation etcd is not ready: this hook asks for access when it ends";
    juju.refused_hook(FIRST, |hook| {
        assert_waits(&work(hook, None), asks);
    });
    assert_eq!(juju.secrets(), ["secret:tls"]);
    assert_eq!(juju.text(FIRST, KEY), None);
    assert_waits(&run(&juju, FIRST), asks);
    // Another process of the same hook reads what is not committed yet.
    juju.same_hook(FIRST, |hook| assert_waits(&work(hook, None), asks));
    assert_eq!(juju.text(FIRST, KEY), None);
    assert_eq!(juju.secrets().len(), 3, "made once: {:?}", juju.secrets());
    assert_asks(&juju, FIRST);
    assert_eq!(juju.text(FIRST, KEY).as_deref(), Some("KEY 4"));
}

#[test]
fn another_leader_goes_on_with_what_there_is() {
    let juju = related();
    quiet(&juju, LEADER);
    let (before, asked) = (told(&juju), juju.asked_of_etcd("etcd:9"));
    juju.elect(FIRST);
    for _ in 0..2 {
        quiet(&juju, FIRST);
    }
    assert_eq!((told(&juju), juju.asked_of_etcd("etcd:9")), (before, asked));
    assert_eq!(juju.secrets().len(), 3);
}

#[test]
fn a_new_relation_brings_another_certificate_and_the_same_place_in_line() {
    let juju = related();
    quiet(&juju, LEADER);
    let first = assert_asks(&juju, FIRST);
    juju.relate_to_etcd(&["etcd:12"]);
    assert_waits(
        &run(&juju, FIRST),
        ": relation etcd is not ready: the leader has not made the certificate yet",
    );
    quiet(&juju, LEADER);
    let second = assert_asks(&juju, FIRST);
    let certificate = juju.text(FIRST, CERTIFICATE).unwrap();
    assert!(certificate.contains(" of app-12-"), "{certificate}");
    assert_ne!(first["edition"], second["edition"], "the deputy reads it");
    assert_eq!(told(&juju).unwrap()["relation"], json!("etcd:12"));
}

#[test]
fn two_relations_get_nothing_until_one_is_left() {
    let juju = related();
    juju.relate_to_etcd(&["etcd:9", "etcd:12"]);
    assert_eq!(quiet(&juju, LEADER), [] as [String; 0]);
    assert_eq!(juju.secrets(), ["secret:tls"]);
    let why = ": relation etcd leads to more than one etcd";
    assert_waits(&run(&juju, FIRST), why);
    juju.relate_to_etcd(&["etcd:12"]);
    quiet(&juju, LEADER);
    assert_asks(&juju, FIRST);
}

#[test]
fn on_another_peer_relation_the_units_are_told_of_the_same_certificate() {
    let juju = related();
    quiet(&juju, LEADER);
    quiet(&juju, LEADER);
    juju.list_relations(&["coordinator:3", "new:4"]);
    juju.use_endpoint("new");
    for _ in 0..2 {
        quiet(&juju, LEADER);
    }
    let text = juju.bag("new:4 app ops-coordinator-etcd").unwrap();
    let again: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(again["etcd"]["secret"], told(&juju).unwrap()["secret"]);
    assert_eq!(juju.secrets().len(), 3, "nothing new was made");
}

#[test]
fn a_prefix_is_asked_for_once() {
    let juju = related();
    quiet(&juju, LEADER);
    assert_asks(&juju, FIRST);
    let with = |prefix| juju.hook(FIRST, |hook| work(hook, Some(prefix)));
    assert_waits(
        &with("/others/"),
        ": relation etcd is not ready: it was made for the prefix ops-coordinator/, and gives none to /others/",
    );
    assert_waits(&with("ops-coordinator/db/"), "");
}

#[test]
fn an_etcd_in_another_model_gets_the_certificate_as_it_is() {
    let juju = related();
    juju.etcd_is_in(Some("another"));
    quiet(&juju, LEADER);
    let asked = juju.asked_of_etcd("etcd:9");
    let certificate = format!("CERTIFICATE 3 of app-9-{MODEL}");
    assert_eq!(asked["mtls-cert"], json!(certificate));
    assert_eq!(asked["secret-mtls"], json!(null));
    assert_eq!(calls_of(&juju, "secret-grant"), 0);
    assert_asks(&juju, FIRST);
    // A version of Juju that cannot tell.
    let juju = related();
    juju.etcd_is_in(None);
    quiet(&juju, LEADER);
    assert!(juju.asked_of_etcd("etcd:9")["secret-mtls"].is_string());
}

#[test]
fn what_the_charm_has_asked_itself_stays_and_what_is_missing_is_said() {
    let juju = related();
    juju.set_bag("etcd:9 app prefix", "/its-own/");
    let why = "the charm has asked for access itself (prefix); its cert and key belong into the declaration";
    let warning = format!("no access to etcd by relation etcd: {why}");
    assert_eq!(quiet(&juju, LEADER), [warning]);
    assert_eq!(juju.secrets(), ["secret:tls"]);
    let juju = related();
    juju.has_no_command.set(true);
    let warnings = quiet(&juju, LEADER);
    assert!(
        warnings[0].ends_with("the certificate cannot be made: no such file"),
        "{warnings:?}"
    );
    assert_eq!(juju.secrets(), ["secret:tls"]);
}

#[test]
fn a_unit_that_cannot_read_the_secret_says_so_and_one_with_a_copy_goes_on() {
    let juju = related();
    quiet(&juju, LEADER);
    assert_asks(&juju, FIRST);
    let uri = told(&juju).unwrap()["secret"].as_str().unwrap().to_owned();
    juju.remove_secret(&uri);
    assert_asks(&juju, FIRST);
    juju.lose_files(FIRST);
    let why =
        format!("secret-get --format=json {uri}: exit code 2: ERROR secret \"{uri}\" not found");
    assert_waits(
        &run(&juju, FIRST),
        &format!(": relation etcd is not ready: {why}"),
    );
}

#[test]
fn once_everything_is_there_the_leader_asks_once_a_hook_and_the_others_never() {
    let juju = related();
    quiet(&juju, LEADER);
    quiet(&juju, LEADER);
    run(&juju, FIRST);
    juju.forget_calls();
    quiet(&juju, LEADER);
    let etcd = |juju: &Juju| {
        let calls = juju.calls();
        let about = calls
            .iter()
            .filter(|call| call.contains("etcd") || call.starts_with("secret"));
        about.cloned().collect::<Vec<_>>()
    };
    assert_eq!(etcd(&juju), ["relation-ids --format=json etcd"]);
    juju.forget_calls();
    quiet(&juju, FIRST);
    assert_eq!(etcd(&juju), [] as [String; 0]);
    run(&juju, FIRST);
    assert_eq!(
        etcd(&juju).len(),
        4,
        "as with a certificate of the charm's: {:?}",
        etcd(&juju)
    );
}
