//! The lock in etcd that an operation needs beside its turn: what a hook writes for the deputy, and believes of it.

use std::rc::Rc;

use ops_coordinator_core::Wait;
use ops_coordinator_juju::{
    Check, Error, Hook, Instruction, Ran, Recovery, Shared, SharedLock, Start,
};
use serde_json::{Value, json};

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release};

const WISHES: &str = "coordinator/shared.json";
const STANDINGS: &str = "coordinator/deputy.json";

/// Two units have asked, and the command knows etcd.
fn sharing() -> Rc<Juju> {
    let juju = everyone_asked(2);
    juju.knows_etcd();
    juju
}

fn declare(hook: &mut Hook) {
    hook.set_shared(&lock(), shared("db-restart"));
}

fn shared(name: &str) -> SharedLock {
    SharedLock::new(name.parse().unwrap(), vec!["10.0.0.1".to_owned()])
}

/// A hook of the unit at the front, whose operation ends like this.
fn run(juju: &Rc<Juju>, result: Result<(), String>) -> Ran<String> {
    juju.hook(0, |hook| {
        declare(hook);
        let ran = hook.run(&lock(), |_, _| result).unwrap();
        release(hook);
        ran
    })
}

/// The deputy holds the lock for the unit's request with this number, until this time.
fn hold(juju: &Juju, seq: u64, token: i64, until: u64) {
    let own = json!({
        "seq": seq, "lock": shared("db-restart"), "lease": 1, "token": token, "until": until, "ttl": 30_000,
        "words": null, "trouble": null
    });
    let standings = json!({"process": null, "boot": "a", "locks": {"restart": own}});
    juju.set_file(0, STANDINGS, standings.to_string().as_bytes());
}

fn wish(juju: &Juju) -> Option<Value> {
    Some(juju.file(0, WISHES)?["locks"]["restart"].clone())
}

fn waits(ran: &Ran<String>, why: &str) -> bool {
    matches!(ran, Ran::Waiting(Wait::HeldBack(said)) if said == why)
}

#[test]
fn a_unit_at_the_front_asks_and_begins_once_its_deputy_holds_the_lock() {
    let juju = sharing();
    let ran = run(&juju, Ok(()));
    assert!(waits(&ran, "waits for db-restart in etcd"), "{ran:?}");
    assert_eq!(juju.deputies(), Some(1));
    let asked = wish(&juju).unwrap();
    assert_eq!((&asked["seq"], &asked["taken"]), (&json!(1), &Value::Null));
    hold(&juju, 1, 5, 30_000);
    juju.hook(0, |hook| {
        declare(hook);
        assert!(matches!(hook.start(&lock()).unwrap(), Start::Begun(..)));
        assert_eq!(hook.shared_turn(&lock()).unwrap().unwrap().token, 5);
        assert_eq!(wish(&juju).unwrap()["taken"], json!(5));
        let said = hook.status().unwrap().table();
        assert!(
            said.contains("this unit holds db-restart in etcd, token 5, for restart"),
            "{said}"
        );
        hook.finish(&lock(), Ok(())).unwrap();
        assert_eq!(wish(&juju), None, "given back at once");
        release(hook);
    });
}

#[test]
fn a_deputy_that_does_not_start_fails_no_hook_and_begins_nothing() {
    let juju = sharing();
    juju.has_no_command.set(true);
    let why = "waits for db-restart in etcd: cannot start the process that keeps the shared lock in etcd: no such file";
    for _ in 0..2 {
        let ran = run(&juju, Ok(()));
        assert!(waits(&ran, why), "{ran:?}");
    }
    juju.has_no_command.set(false);
    let ran = run(&juju, Ok(()));
    assert!(waits(&ran, "waits for db-restart in etcd"), "{ran:?}");
    assert_eq!(juju.deputies(), Some(1));
}

#[test]
fn a_test_answers_without_a_deputy() {
    let juju = everyone_asked(2);
    let answered = |answer: Shared| {
        juju.hook(0, |hook| {
            hook.answer_shared(&lock(), answer);
            let ran = hook.run(&lock(), |_, _| Ok::<_, String>(())).unwrap();
            release(hook);
            ran
        })
    };
    let (why, in_short) = ("somebody else has it".to_owned(), "in short".to_owned());
    let ran = answered(Shared::Awaited { why, in_short });
    assert!(waits(&ran, "somebody else has it"), "{ran:?}");
    assert!(matches!(answered(Shared::Held), Ran::Done));
    assert_eq!(wish(&juju), None);
}

#[test]
fn what_is_held_of_another_shared_lock_opens_nothing() {
    let juju = sharing();
    assert!(matches!(run(&juju, Err("no".to_owned())), Ran::Waiting(_)));
    hold(&juju, 1, 5, 30_000);
    // The charm is refreshed in between, and its deputy has not seen that yet.
    let ran = juju.hook(0, |hook| {
        hook.set_shared(&lock(), shared("all-restarts"));
        let ran = hook.run(&lock(), |_, _| Ok::<_, String>(())).unwrap();
        release(hook);
        ran
    });
    assert!(waits(&ran, "waits for all-restarts in etcd"), "{ran:?}");
}

#[test]
fn what_is_nearly_over_or_of_another_request_opens_nothing() {
    let juju = sharing();
    hold(&juju, 1, 5, 10_000);
    let ran = run(&juju, Ok(()));
    assert!(
        waits(
            &ran,
            "waits for db-restart in etcd: its lease is not being renewed"
        ),
        "{ran:?}"
    );
    hold(&juju, 2, 5, 30_000);
    assert!(waits(&run(&juju, Ok(())), "waits for db-restart in etcd"));
    hold(&juju, 1, 5, 30_000);
    assert_eq!(run(&juju, Ok(())), Ran::Done);
}

#[test]
fn a_failure_keeps_it_and_its_retry_needs_it() {
    let juju = sharing();
    hold(&juju, 1, 5, 30_000);
    assert_eq!(
        run(&juju, Err("no".to_owned())),
        Ran::Failed("no".to_owned())
    );
    assert_eq!(wish(&juju).unwrap()["taken"], json!(5));
    // Its lease has ended meanwhile. The next turn is not taken, so the deputy has to have the charm run for it.
    juju.pass(30_000);
    assert!(matches!(
        run(&juju, Ok(())),
        Ran::Waiting(Wait::HeldBack(_))
    ));
    assert_eq!(wish(&juju).unwrap()["taken"], Value::Null);
    hold(&juju, 1, 9, 60_000);
    assert_eq!(run(&juju, Ok(())), Ran::Done);
    assert_eq!(wish(&juju), None);
}

#[test]
fn it_is_kept_until_the_check_has_held() {
    let juju = sharing();
    hold(&juju, 1, 5, 30_000);
    let hook = |finish: bool| {
        juju.hook(0, |hook| {
            declare(hook);
            let check = Check {
                soak: 5_000,
                within: 0,
            };
            hook.set_check(&lock(), check, Recovery::default(), || Ok(()));
            hook.start(&lock()).unwrap();
            if finish {
                hook.finish(&lock(), Ok(())).unwrap();
            }
            release(hook);
        });
    };
    hook(true);
    assert!(wish(&juju).is_some());
    juju.pass(5_000);
    hook(false);
    assert_eq!(wish(&juju), None);
}

#[test]
fn a_unit_that_is_paused_or_takes_its_request_back_gives_its_place_back() {
    let juju = sharing();
    run(&juju, Ok(()));
    juju.hook(0, |hook| {
        let reason = "a holiday".to_owned();
        hook.instruct(&lock(), &Instruction::Pause { reason })
            .unwrap();
        release(hook);
    });
    assert!(wish(&juju).is_some());
    run(&juju, Ok(()));
    assert_eq!(wish(&juju), None);
    juju.hook(0, |hook| {
        hook.instruct(&lock(), &Instruction::Resume).unwrap();
        release(hook);
    });
    run(&juju, Ok(()));
    assert!(wish(&juju).is_some());
    juju.hook(0, |hook| hook.withdraw(&lock()).unwrap());
    assert_eq!(wish(&juju), None);
}

#[test]
fn a_lock_that_is_shared_no_longer_is_given_back() {
    let juju = sharing();
    run(&juju, Ok(()));
    juju.hook(0, |hook| {
        assert!(matches!(hook.start(&lock()).unwrap(), Start::Begun(..)));
        assert_eq!(wish(&juju), None);
    });
}

#[test]
fn a_command_that_does_not_know_etcd_begins_nothing_and_says_so() {
    let juju = everyone_asked(2);
    juju.hook(0, |hook| {
        declare(hook);
        let error = hook.start(&lock()).unwrap_err();
        assert!(matches!(&error, Error::NoDeputy(_)), "{error}");
        assert!(
            error
                .hint()
                .unwrap()
                .contains("built with its feature `etcd`")
        );
        assert!(!hook.is_running(&lock()));
        assert_eq!(wish(&juju), None);
    });
}

#[test]
fn a_refresh_to_another_endpoint_keeps_the_place_and_gives_it_back() {
    let juju = sharing();
    assert!(matches!(run(&juju, Ok(())), Ran::Waiting(_)));
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    assert!(waits(&run(&juju, Ok(())), "waits for db-restart in etcd"));
    assert!(wish(&juju).is_some(), "its turn is in the old line");
    assert_eq!(juju.file(0, "peers/shared.json"), None);
    hold(&juju, 1, 5, 30_000);
    juju.hook(0, |hook| {
        declare(hook);
        assert!(matches!(hook.start(&lock()).unwrap(), Start::Begun(..)));
        assert_eq!(hook.shared_turn(&lock()).unwrap().unwrap().token, 5);
        assert_eq!(hook.shared_in_words().unwrap().len(), 1);
        hook.finish(&lock(), Ok(())).unwrap();
        assert_eq!(wish(&juju), None);
        release(hook);
    });
}

#[test]
fn a_place_for_a_request_that_a_refresh_has_moved_is_given_back() {
    let juju = sharing();
    assert!(matches!(run(&juju, Ok(())), Ran::Waiting(_)));
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    // What it has taken back goes to the new line when it asks again.
    juju.hook(0, |hook| {
        declare(hook);
        hook.withdraw(&lock()).unwrap();
        hook.request(&lock()).unwrap();
        release(hook);
    });
    assert_eq!(wish(&juju), None);
}

#[test]
fn an_endpoint_that_is_used_beside_keeps_its_places() {
    let juju = sharing();
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.about(None);
    juju.use_endpoint("peers");
    juju.hook(0, release);
    for _ in 0..2 {
        juju.use_endpoint("coordinator");
        assert!(matches!(run(&juju, Ok(())), Ran::Waiting(_)));
        juju.use_endpoint("peers");
        juju.same_hook(0, |hook| {
            assert_eq!(hook.shared_turn(&lock()).unwrap(), None);
            release(hook);
        });
        assert!(wish(&juju).is_some());
    }
}
