//! A shared lock in the etcd to which a relation leads.

use std::rc::Rc;

use ops_coordinator_core::Wait;
use ops_coordinator_juju::{Hook, OnFailure, Ran, SharedLock, Start};
use serde_json::{Value, json};

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release};

const WISHES: &str = "coordinator/shared.json";
const AUTHORITY: &str = "etcd-ca-etcd.pem";

fn sharing() -> Rc<Juju> {
    let juju = everyone_asked(2);
    juju.knows_etcd();
    juju
}

/// The provider is ready, with this authority.
fn ready(juju: &Juju, endpoints: &str, pem: &str) {
    juju.grant_secret("secret:tls", json!({"tls": "True", "tls-ca": pem}));
    juju.etcd_says(Some(json!({
        "endpoints": endpoints, "secret-tls": "secret:tls", "secret-user": "secret:user", "version": "3.6.5"
    })));
}

fn shared() -> SharedLock {
    let mut shared = SharedLock::new("db-restart".parse().unwrap(), Vec::new());
    shared.relation = Some("etcd".to_owned());
    shared.cert = Some("me.pem".into());
    shared.key = Some("me.key".into());
    shared
}

fn declare(hook: &mut Hook) {
    hook.set_shared(&lock(), shared());
}

fn declare_optional(hook: &mut Hook) {
    let mut shared = shared();
    shared.optional = true;
    hook.set_shared(&lock(), shared);
}

fn work(hook: &mut Hook) -> Ran<String> {
    declare(hook);
    run_and_release(hook)
}

fn work_with_or_without(hook: &mut Hook) -> Ran<String> {
    declare_optional(hook);
    run_and_release(hook)
}

fn run_and_release(hook: &mut Hook) -> Ran<String> {
    let ran = hook.run(&lock(), |_, _| Ok(())).unwrap();
    release(hook);
    ran
}

fn run(juju: &Rc<Juju>) -> Ran<String> {
    juju.hook(0, work)
}

fn wish(juju: &Juju) -> Option<Value> {
    Some(juju.file(0, WISHES)?["locks"]["restart"].clone())
}

/// The deputy holds what the unit wishes.
fn hold(juju: &Juju) {
    let wish = wish(juju).unwrap();
    let own = json!({
        "seq": wish["seq"], "lock": wish["lock"], "lease": 1, "token": 5, "until": 30_000, "ttl": 30_000,
        "words": null, "trouble": null
    });
    let standings = json!({"process": null, "boot": "a", "locks": {"restart": own}});
    juju.set_file(
        0,
        "coordinator/deputy.json",
        standings.to_string().as_bytes(),
    );
}

#[track_caller]
fn assert_waits(ran: &Ran<String>, why: &str) {
    let why = format!("waits for db-restart in etcd{why}");
    assert!(
        matches!(ran, Ran::Waiting(Wait::HeldBack(said)) if *said == why),
        "{ran:?} instead of {why}"
    );
}

#[test]
fn nothing_begins_before_the_relation_says_where_etcd_is_and_who_signs() {
    let juju = sharing();
    assert_waits(&run(&juju), ": relation etcd does not exist");
    for (databag, why) in [
        (json!(null), "etcd has not said where it is"),
        (
            json!({"endpoints": "10.0.0.1:2379"}),
            "etcd has not said who signs its certificates",
        ),
        (
            json!({"endpoints": "10.0.0.1:2379", "secret-tls": "secret:tls"}),
            "secret-get --format=json --refresh secret:tls: exit code 2: ERROR secret \"secret:tls\" not found",
        ),
    ] {
        juju.etcd_says(Some(databag));
        assert_waits(&run(&juju), &format!(": relation etcd is not ready: {why}"));
    }
    assert_eq!((wish(&juju), juju.deputies()), (None, Some(0)));
    ready(&juju, "10.0.0.1:2379,10.0.0.2:2379", "PEM");
    assert_waits(&run(&juju), "");
    assert_eq!(juju.deputies(), Some(1));
    let asked = wish(&juju).unwrap()["lock"].clone();
    assert_eq!(
        asked["endpoints"],
        json!(["10.0.0.1:2379", "10.0.0.2:2379"])
    );
    assert_eq!(
        asked["cacert"],
        json!("/nowhere/.ops-coordinator/etcd-ca-etcd.pem")
    );
    assert_eq!(juju.text(0, AUTHORITY).as_deref(), Some("PEM"));
    hold(&juju);
    assert_eq!(run(&juju), Ran::Done);
}

#[test]
fn another_server_or_authority_reaches_the_deputy_and_is_the_same_place() {
    let juju = sharing();
    ready(&juju, "10.0.0.1:2379", "PEM");
    run(&juju);
    let first = juju.file(0, WISHES).unwrap();
    ready(&juju, "10.0.0.1:2379", "ANOTHER PEM");
    run(&juju);
    let second = juju.file(0, WISHES).unwrap();
    assert_eq!(juju.text(0, AUTHORITY).as_deref(), Some("ANOTHER PEM"));
    ready(&juju, "10.0.0.9:2379", "ANOTHER PEM");
    run(&juju);
    let third = juju.file(0, WISHES).unwrap();
    for (old, new) in [(&first, &second), (&second, &third)] {
        let [old, new] = [old, new].map(|file| {
            serde_json::from_value::<ops_coordinator_juju::shared::Wishes>(file.clone()).unwrap()
        });
        let over = new.over(&old.locks);
        assert_eq!(over, [(lock(), false)], "served anew, and not given back");
    }
    run(&juju);
    assert_eq!(juju.file(0, WISHES).unwrap(), third, "nothing is new");
}

#[test]
fn what_is_held_opens_nothing_without_the_relation_and_is_given_back() {
    let juju = sharing();
    ready(&juju, "10.0.0.1:2379", "PEM");
    run(&juju);
    hold(&juju);
    // The provider takes a moment to answer anew: that is no reason to leave the line.
    juju.etcd_says(Some(json!({})));
    assert_waits(
        &run(&juju),
        ": relation etcd is not ready: etcd has not said where it is",
    );
    assert!(wish(&juju).is_some());
    ready(&juju, "10.0.0.1:2379", "PEM");
    let ran = juju.etcd_breaks(work);
    assert_waits(&ran, ": relation etcd does not exist");
    assert_eq!(wish(&juju), None);
    juju.etcd_says(None);
    // Its deputy has nothing left to do.
    juju.set_file(0, "coordinator/deputy.json", b"{\"locks\":{}}");
    assert_waits(&run(&juju), ": relation etcd does not exist");
    ready(&juju, "10.0.0.1:2379", "PEM");
    assert_waits(&run(&juju), "");
    assert!(wish(&juju).is_some(), "it asks anew");
}

#[test]
fn a_turn_that_has_begun_goes_by_its_lease_when_the_relation_breaks() {
    let juju = sharing();
    ready(&juju, "10.0.0.1:2379", "PEM");
    run(&juju);
    hold(&juju);
    juju.hook(0, |hook| {
        declare(hook);
        hook.start(&lock()).unwrap();
        juju.etcd_says(None);
        assert_eq!(hook.shared_turn(&lock()).unwrap().unwrap().token, 5);
        hook.finish(&lock(), Ok(())).unwrap();
        release(hook);
    });
    assert_eq!(wish(&juju), None);
}

#[test]
fn an_optional_lock_is_needed_while_there_is_a_relation_and_only_then() {
    let juju = sharing();
    juju.etcd_says(Some(json!({})));
    let ran = juju.hook(0, work_with_or_without);
    assert_waits(
        &ran,
        ": relation etcd is not ready: etcd has not said where it is",
    );
    ready(&juju, "10.0.0.1:2379", "PEM");
    assert_waits(&juju.hook(0, work_with_or_without), "");
    assert!(wish(&juju).is_some());
    juju.etcd_says(None);
    juju.hook(0, |hook| {
        declare_optional(hook);
        let said = hook.status().unwrap().table();
        assert!(said.contains("waits for db-restart in etcd"), "{said}");
        assert!(matches!(hook.start(&lock()).unwrap(), Start::Begun(..)));
        assert!(hook.goes_without_shared(&lock()) && !hook.needs_shared(&lock()));
        let news: Vec<String> = hook.take_news().iter().map(ToString::to_string).collect();
        assert_eq!(
            news,
            [
                "restart: goes without db-restart in etcd: relation etcd does not exist",
                "restart: turn begun, app/0#1, attempt 1"
            ]
        );
        assert_eq!(wish(&juju), None, "what it had in the line is given back");
        let said = hook.status().unwrap().table();
        let words =
            "this unit goes without db-restart in etcd: relation etcd does not exist, for restart";
        assert!(said.contains(words), "{said}");
        hook.fail(&lock(), "exit code 1", OnFailure::Retry).unwrap();
        release(hook);
    });
    ready(&juju, "10.0.0.1:2379", "PEM");
    assert_waits(&juju.hook(0, work_with_or_without), "");
    hold(&juju);
    assert_eq!(juju.hook(0, work_with_or_without), Ran::Done);
}
