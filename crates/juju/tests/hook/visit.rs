//! Hooks that outlast the lease, and the visits that write their lines.

use ops_coordinator_core::policy::{Policy, Request, Situation};
use ops_coordinator_juju::{LockName, Operation};

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

#[test]
fn a_hook_that_took_too_long_leaves_the_line_to_a_visit_of_its_own() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| {
        hook.request(&lock()).unwrap();
        release(hook);
    });
    let long_hook = || {
        juju.hook(0, |hook| {
            juju.pass(25_000);
            release(hook);
        });
    };
    long_hook();
    assert_eq!(juju.bag("app"), None);
    assert!(juju.visit_wanted(0));
    juju.forget_calls();
    assert!(juju.visit(0));
    assert_eq!(juju.calls().len(), 4, "{:?}", juju.calls());
    assert_eq!(
        run(&juju, 1),
        Ok(1),
        "though no hook of the leader was short"
    );
    assert!(!juju.visit(0), "nothing is left behind");
}

/// Takes some seconds to find that everybody may go in the usual order.
struct Slow<'a>(&'a Juju, u64);

impl Policy for Slow<'_> {
    fn limit(&self, _: &LockName, _: &Situation<'_>) -> u32 {
        1
    }

    fn lookahead(&self, _: &LockName) -> u32 {
        0
    }

    fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {
        self.0.pass(self.1);
    }
}

#[test]
fn a_line_whose_policy_took_too_long_is_left_to_a_visit() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.hook(0, |hook| {
        hook.release(&Slow(&juju, 26_000)).unwrap();
        let warnings = hook.take_warnings();
        assert!(warnings[0].contains("a separate visit"), "{warnings:?}");
    });
    assert_eq!(juju.bag("app"), None);
    assert!(juju.visit(0));
    assert_eq!(run(&juju, 1), Ok(1));
}

#[test]
fn an_order_whose_policy_took_too_long_is_left_to_a_visit_and_says_so() {
    let juju = everyone_asked(2);
    juju.hook(0, |hook| {
        let slow = Slow(&juju, 26_000);
        let rolled = hook.roll(&lock(), "keys", &Operation::default(), Some(&slow));
        let why = rolled.unwrap_err().to_string();
        assert!(why.contains("a separate visit will write"), "{why}");
    });
    assert!(!juju.bag("app").unwrap().contains("keys"));
    assert!(juju.visit(0));
    assert!(juju.bag("app").unwrap().contains("keys"));
}

#[test]
fn a_line_left_behind_is_not_written_over_another_one() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.hook(0, |hook| {
        juju.pass(25_000);
        release(hook);
    });
    let other = r#"{"v":1,"term":9,"version":9,"by":"app/1"}"#;
    juju.set_bag("app", other);
    assert!(!juju.visit(0));
    assert_eq!(juju.bag("app").unwrap(), other);
}

#[test]
fn a_line_left_behind_by_a_hook_that_juju_did_not_commit_is_not_written() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().begun().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
        hook.request(&lock()).unwrap();
        juju.pass(25_000);
        release(hook);
    });
    assert!(juju.visit_wanted(0));
    let before = juju.bag("app");
    // It has the unit's entry out, though nobody knows that it has finished.
    assert!(!juju.visit(0));
    assert_eq!(juju.bag("app"), before);
}

#[test]
fn a_line_left_behind_is_written_again_where_juju_did_not_commit_the_visit() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.hook(0, |hook| {
        juju.pass(25_000);
        release(hook);
    });
    assert!(juju.visit(0));
    juju.remove_bag("app");
    assert!(juju.visit(0));
    assert!(juju.bag("app").is_some());
}
