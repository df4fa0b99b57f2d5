//! How a hook comes to hold a shared lock itself, for a teardown.

use std::rc::Rc;

use ops_coordinator_juju::SharedLock;
use ops_coordinator_juju::shared::Way;
use serde_json::json;

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release};

const NOTE: &str = "etcd-at-etcd.json";

/// Both units have asked, unit 0 leads, and etcd says everything that it has to say.
fn related() -> Rc<Juju> {
    let juju = everyone_asked(2);
    juju.knows_etcd();
    juju.grant_secret("secret:tls", json!({"tls": "True", "tls-ca": "PEM"}));
    says(&juju);
    juju
}

fn says(juju: &Juju) {
    let said = json!({"endpoints": "10.0.0.1:2379", "secret-tls": "secret:tls"});
    juju.etcd_says(Some(said));
}

fn shared(name: &str) -> SharedLock {
    let mut shared = SharedLock::new(name.parse().unwrap(), Vec::new());
    shared.relation = Some("etcd".to_owned());
    shared
}

fn way(juju: &Rc<Juju>, shared: &SharedLock) -> Way {
    juju.hook(0, |hook| hook.way_to(shared).unwrap())
}

/// The hooks in which the leader asks for access, and in which it has it.
fn gets_access(juju: &Rc<Juju>) {
    for _ in 0..2 {
        juju.hook(0, |hook| {
            hook.set_shared(&lock(), shared("db-restart"));
            release(hook);
        });
    }
    juju.etcd_changes(|hook| {
        hook.set_shared(&lock(), shared("db-restart"));
        release(hook);
    });
}

#[track_caller]
fn reached(way: Way) -> SharedLock {
    match way {
        Way::InLine(shared) => *shared,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hook_stands_in_line_itself_with_what_its_unit_has() {
    let juju = related();
    let asks = "relation etcd is not ready: this hook asks for access when it ends";
    let closed = Way::Closed(format!("db-restart in etcd: {asks}"));
    assert_eq!(way(&juju, &shared("db-restart")), closed);
    gets_access(&juju);
    let found = reached(way(&juju, &shared("db-restart")));
    assert_eq!(found.endpoints, ["10.0.0.1:2379"]);
    let file = |name: &str| Some(format!("/nowhere/.ops-coordinator/{name}").into());
    assert_eq!(found.cacert, file("etcd-ca-etcd.pem"));
    assert_eq!(found.cert, file("etcd-client-etcd.pem"));
    assert_eq!(found.key, file("etcd-client-etcd.key"));
}

#[test]
fn a_hook_whose_unit_is_in_the_line_stands_there_no_second_time() {
    let juju = related();
    gets_access(&juju);
    let wants = |hook: &mut ops_coordinator_juju::Hook| {
        hook.set_shared(&lock(), shared("db-restart"));
        hook.run(&lock(), |_, _| Ok::<_, String>(())).unwrap();
        hook.way_to(&shared("db-restart")).unwrap()
    };
    assert_eq!(juju.hook(0, wants), Way::ByTurn(lock()));
    assert_eq!(way(&juju, &shared("db-restart")), Way::ByTurn(lock()));
    reached(way(&juju, &shared("other")));
    let mut elsewhere = shared("db-restart");
    elsewhere.prefix = Some("ops-coordinator/elsewhere/".to_owned());
    reached(way(&juju, &elsewhere));
    // What it wants cannot come to it any more.
    juju.etcd_says(None);
    let gone = "db-restart in etcd: relation etcd does not exist";
    let closed = Way::Closed(gone.to_owned());
    assert_eq!(way(&juju, &shared("db-restart")), closed);
}

#[test]
fn a_unit_that_is_removed_finds_etcd_where_its_relation_led() {
    let juju = related();
    gets_access(&juju);
    let before = reached(way(&juju, &shared("db-restart")));
    juju.remove(0);
    juju.etcd_breaks(|hook| {
        hook.set_shared(&lock(), shared("db-restart"));
        release(hook);
    });
    juju.etcd_says(None);
    let after = reached(way(&juju, &shared("db-restart")));
    let known = |shared: &SharedLock| {
        (
            shared.endpoints.clone(),
            shared.cacert.clone(),
            shared.cert.clone(),
            shared.key.clone(),
            shared.prefix.clone(),
        )
    };
    assert_eq!(known(&after), known(&before));
    let mut optional = shared("db-restart");
    optional.optional = true;
    reached(way(&juju, &optional));
    let mut other = shared("db-restart");
    other.prefix = Some("elsewhere/".to_owned());
    assert!(matches!(way(&juju, &other), Way::Closed(_)), "no access");
}

#[test]
fn a_unit_that_stays_forgets_where_a_relation_led_that_was_removed() {
    let juju = related();
    gets_access(&juju);
    assert!(juju.text(0, NOTE).is_some());
    let mut optional = shared("db-restart");
    optional.optional = true;
    juju.etcd_breaks(|hook| {
        hook.set_shared(&lock(), shared("db-restart"));
        release(hook);
    });
    juju.etcd_says(None);
    assert_eq!(juju.text(0, NOTE), None);
    let gone = "relation etcd does not exist";
    let closed = Way::Closed(format!("db-restart in etcd: {gone}"));
    assert_eq!(way(&juju, &shared("db-restart")), closed);
    let without = Way::Without(format!("goes without db-restart in etcd: {gone}"));
    assert_eq!(way(&juju, &optional), without);
    // Nor does it help that it is removed later.
    juju.remove(0);
    assert_eq!(way(&juju, &optional), without);
}

#[test]
fn a_unit_that_stays_is_not_led_where_a_relation_led_before() {
    let juju = related();
    gets_access(&juju);
    juju.etcd_says(None);
    assert!(juju.text(0, NOTE).is_some());
    assert!(matches!(way(&juju, &shared("db-restart")), Way::Closed(_)));
    juju.without_goal_state(|| {
        juju.remove(0);
        assert!(matches!(way(&juju, &shared("db-restart")), Way::Closed(_)));
    });
}

#[test]
fn only_the_hook_about_it_looks_at_the_relation() {
    let juju = related();
    gets_access(&juju);
    juju.forget_calls();
    juju.hook(1, |hook| {
        hook.set_shared(&lock(), shared("db-restart"));
        release(hook);
    });
    let calls = juju.calls();
    let about_etcd = calls.iter().filter(|call| call.contains("etcd"));
    assert_eq!(about_etcd.count(), 0, "{calls:#?}");
}
