//! Units of which Juju does not tell that they are gone.

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

#[test]
fn a_unit_that_juju_goes_on_listing_holds_nobody_up() {
    let juju = everyone_asked(4);
    juju.hook(0, |hook| {
        hook.start(&lock()).unwrap().begun().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
        release(hook);
    });
    // It was next.
    juju.remove_untold(1);
    juju.hook(0, release);
    let asked = |juju: &Juju| {
        juju.calls()
            .iter()
            .any(|call| call.starts_with("goal-state"))
    };
    assert!(!asked(&juju), "most units only take a while");
    juju.pass(60_000);
    juju.hook(0, release);
    assert!(asked(&juju));
    juju.forget_calls();
    run(&juju, 2).unwrap();
    juju.hook(0, release);
    run(&juju, 3).unwrap();
    // It asks no more, though its databag still does.
    juju.hook(0, release);
    assert!(!asked(&juju), "it is known to be gone");
    let line = juju.bag("app").unwrap();
    assert!(!line.contains("app/1"), "{line}");
}

#[test]
fn a_line_that_stands_still_costs_the_leader_one_question_a_minute() {
    let juju = everyone_asked(3);
    let questions = || {
        juju.calls()
            .iter()
            .filter(|call| call.starts_with("goal-state"))
            .count()
    };
    juju.forget_calls();
    for _ in 0..30 {
        juju.hook(0, release);
        juju.pass(10_000);
    }
    assert!((3..=5).contains(&questions()), "{}", questions());
}

#[test]
fn a_line_that_stood_still_before_a_reboot_is_asked_about_after_it() {
    let juju = everyone_asked(3);
    juju.pass(100_000_000);
    juju.hook(0, release);
    juju.pass(60_000);
    juju.hook(0, release);
    juju.reboot();
    juju.forget_calls();
    juju.hook(0, release);
    assert!(
        juju.calls()
            .iter()
            .any(|call| call.starts_with("goal-state"))
    );
}

#[test]
fn a_controller_that_does_not_answer_fails_no_hook_and_loses_no_finish() {
    let juju = everyone_asked(3);
    juju.hook(0, release);
    juju.pass(60_000);
    juju.without_goal_state(|| {
        assert_eq!(run(&juju, 0), Ok(1));
    });
    assert_eq!(run(&juju, 1), Ok(1));
}

#[test]
fn a_unit_that_has_departed_is_not_here_whatever_the_relation_lists() {
    let juju = everyone_asked(3);
    juju.departed(0, 1, release);
    assert!(juju.woken(0), "until the controller has forgotten it");
    for _ in 0..2 {
        juju.forget_wakes();
        juju.hook(0, release);
        assert!(juju.woken(0));
    }
}
