//! A hook against databags in memory: what it reads, what it writes, and how often it asks.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fake;

use std::rc::Rc;

use fake::{Juju, lock};
use ops_coordinator_core::policy::Rotation;
use ops_coordinator_core::{Turn, Wait};
use ops_coordinator_juju::{Hook, Operation};
use serde_json::json;

fn release(hook: &mut Hook) {
    hook.release(&Rotation::default(), &[]).unwrap();
}

/// A roll in which app/0 leads and every unit has asked.
fn everyone_asked(units: u32) -> Rc<Juju> {
    let juju = Juju::new(units);
    for unit in (0..units).rev() {
        juju.hook(unit, |hook| {
            hook.request(&lock(), None, None).unwrap();
            release(hook);
        });
    }
    juju
}

fn run(juju: &Rc<Juju>, unit: u32) -> Result<u16, Turn> {
    juju.hook(unit, |hook| {
        let begun = hook.start(&lock()).unwrap();
        if begun.is_ok() {
            hook.finish(&lock(), Ok(())).unwrap();
        }
        release(hook);
        begun.map(|(attempt, _)| attempt.number)
    })
}

#[test]
fn a_roll_goes_through_all_units_and_each_hand_off_takes_one_hook() {
    let juju = everyone_asked(4);
    // The leader published the line in its own hook; it acts on it only in the next.
    for unit in 0..4 {
        assert_eq!(run(&juju, unit), Ok(1), "app/{unit}");
    }
    assert_eq!(run(&juju, 0), Err(Turn::NotRequested));
}

#[test]
fn the_leader_does_not_act_on_the_line_that_it_has_just_written() {
    let juju = Juju::new(1);
    juju.hook(0, |hook| {
        hook.request(&lock(), None, None).unwrap();
        release(hook);
        assert_eq!(hook.turn(&lock()).unwrap(), Turn::Wait(Wait::NotInLine));
    });
    // Another process of the same hook would read its own uncommitted write back.
    juju.same_hook(0, |hook| {
        assert_eq!(hook.turn(&lock()).unwrap(), Turn::Wait(Wait::NotInLine));
    });
    assert!(
        juju.woken(0),
        "the turn must come even where the agent is silent about own writes"
    );
    assert_eq!(run(&juju, 0), Ok(1));
}

#[test]
fn a_waiting_non_leader_needs_three_tool_calls_however_many_wait() {
    let juju = everyone_asked(9);
    // The first look of each reads its own databag; from then on the journal is confirmed.
    for unit in 1..9 {
        juju.hook(unit, release);
    }
    for unit in 1..9 {
        juju.forget_calls();
        assert!(matches!(run(&juju, unit), Err(Turn::Wait(_))));
        let calls = juju.calls();
        assert!(calls.len() <= 3, "app/{unit}: {calls:?}");
    }
}

#[test]
fn the_processes_of_one_hook_together_need_no_more_calls_than_one() {
    let juju = everyone_asked(9);
    for unit in [3, 8] {
        juju.hook(unit, release);
        juju.forget_calls();
        juju.hook(unit, |_| ());
        juju.same_hook(unit, |hook| assert!(hook.start(&lock()).unwrap().is_err()));
        juju.same_hook(unit, release);
        assert_eq!(juju.calls().len(), 3, "app/{unit}: {:?}", juju.calls());
    }
}

#[test]
fn an_idle_non_leader_needs_three_tool_calls() {
    let juju = Juju::new(9);
    juju.hook(5, release);
    juju.forget_calls();
    juju.hook(5, release);
    assert_eq!(juju.calls().len(), 3, "{:?}", juju.calls());
}

#[test]
fn a_leader_reads_each_peer_once() {
    let juju = everyone_asked(6);
    juju.forget_calls();
    assert_eq!(run(&juju, 0), Ok(1));
    let calls = juju.calls();
    for peer in 1..6 {
        let reads = calls
            .iter()
            .filter(|call| call.ends_with(&format!("app/{peer}")))
            .count();
        assert_eq!(reads, 1, "app/{peer}: {calls:?}");
    }
}

#[test]
fn a_request_before_the_peer_relation_is_there_is_published_when_it_is() {
    let juju = Juju::new(2);
    juju.without_relation(|| {
        juju.hook(1, |hook| {
            hook.request(
                &lock(),
                None,
                Some(Operation::new(json!({"a": 1}), Vec::new()).unwrap()),
            )
            .unwrap();
            release(hook);
        });
    });
    assert_eq!(juju.bag("app/1"), None);
    juju.hook(1, release);
    assert!(juju.bag("app/1").unwrap().contains(r#""seq":1"#));
    juju.hook(0, release);
    juju.hook(1, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().unwrap();
        assert_eq!(operation.context, json!({"a": 1}));
    });
}

#[test]
fn a_refused_commit_loses_no_finish_and_repeats_no_operation() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
        release(hook);
    });
    assert!(
        matches!(run(&juju, 1), Err(Turn::Wait(_))),
        "nobody has seen the finish"
    );
    assert_eq!(
        run(&juju, 0),
        Err(Turn::NotRequested),
        "it is not run again"
    );
    assert_eq!(run(&juju, 1), Ok(1), "and now it is published");
}

#[test]
fn an_operation_that_was_killed_runs_again_as_the_second_attempt() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().unwrap();
    });
    juju.hook(0, |hook| {
        let (attempt, _) = hook.start(&lock()).unwrap().unwrap();
        assert_eq!((attempt.number, attempt.interrupted), (2, true));
    });
}

#[test]
fn an_operation_in_an_action_has_a_waker_behind_it_because_no_retry_is() {
    let juju = everyone_asked(2);
    juju.forget_wakes();
    juju.hook(0, |hook| assert!(hook.start(&lock()).unwrap().is_ok()));
    assert!(!juju.woken(0), "Juju runs a hook again by itself");
    juju.action(0, |hook| assert!(hook.start(&lock()).unwrap().is_ok()));
    assert!(juju.woken(0));
}

#[test]
fn an_action_takes_over_from_the_waker_that_gives_up_when_it_comes() {
    let juju = Juju::new(1);
    juju.hook(0, |hook| {
        hook.request(&lock(), None, None).unwrap();
        // The line is left to the next hook, which a waker brings.
        juju.pass(30_000);
        release(hook);
    });
    assert!(juju.woken(0));
    juju.forget_wakes();
    // It comes before the waker, and is cut off at once.
    juju.action(0, |_| {});
    assert!(juju.woken(0), "nobody would run the action again");
    juju.forget_wakes();
    juju.hook(0, |_| {});
    assert!(!juju.woken(0), "Juju runs a hook again");
}

#[test]
fn garbage_in_any_units_databag_crashes_nobody_and_holds_up_only_itself() {
    for garbage in [
        "",
        "{",
        "null",
        "[1]",
        r#"{"v":1}"#,
        r#"{"v":1,"id":"zz","locks":5}"#,
    ] {
        let juju = everyone_asked(3);
        juju.set_bag("app/1", garbage);
        assert_eq!(run(&juju, 0), Ok(1), "{garbage}");
        assert!(matches!(run(&juju, 2), Err(Turn::Wait(_))), "{garbage}");
        // The unit's own next hook mends its record from the journal, and the line moves on.
        assert_eq!(run(&juju, 1), Ok(1), "{garbage}");
        assert_eq!(run(&juju, 2), Ok(1), "{garbage}");
    }
}

#[test]
fn a_corrupt_journal_is_set_aside_with_a_warning() {
    let juju = everyone_asked(2);
    juju.set_file(0, "journal.json", b"\0garbage");
    juju.hook(0, |hook| {
        assert!(hook.start(&lock()).unwrap().is_ok());
        hook.finish(&lock(), Ok(())).unwrap();
        let warnings = hook.take_warnings();
        assert!(
            warnings
                .iter()
                .any(|text| text.contains("journal.json.unreadable")),
            "{warnings:?}"
        );
    });
}

#[test]
fn a_hook_that_took_too_long_leaves_the_line_to_the_next() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| {
        hook.request(&lock(), None, None).unwrap();
        release(hook);
    });
    juju.hook(0, |hook| {
        juju.pass(25_000);
        release(hook);
    });
    assert_eq!(juju.bag("app"), None);
    assert!(juju.woken(0));
    juju.hook(0, release);
    assert!(juju.bag("app").is_some());
}

#[test]
fn a_relation_that_is_gone_is_no_error() {
    let juju = everyone_asked(2);
    juju.without_relation(|| {
        juju.hook(1, |hook| {
            assert!(matches!(hook.start(&lock()).unwrap(), Err(Turn::Wait(_))));
            release(hook);
        });
    });
}

#[test]
fn a_unit_that_juju_four_goes_on_listing_holds_nobody_up() {
    let juju = everyone_asked(4);
    juju.hook(0, |hook| {
        hook.start(&lock()).unwrap().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
        release(hook);
    });
    // It was next.
    juju.remove_untold(1);
    juju.hook(0, release);
    run(&juju, 2).unwrap();
    juju.hook(0, release);
    run(&juju, 3).unwrap();
    // It asks no more, though its databag still does.
    juju.hook(0, release);
    let line = juju.bag("app").unwrap();
    assert!(!line.contains("app/1"), "{line}");
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

#[test]
fn leadership_lost_in_the_middle_of_a_hook_costs_only_the_line() {
    let juju = everyone_asked(2);
    juju.hook(0, |hook| {
        hook.start(&lock()).unwrap().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
    });
    juju.hook(1, |hook| {
        hook.request(&lock(), None, None).unwrap();
        release(hook);
    });
    juju.hook(0, |hook| {
        hook.request(&lock(), None, None).unwrap();
        juju.depose();
        release(hook);
        let warnings = hook.take_warnings();
        assert!(
            warnings.iter().any(|text| text.contains("another leader")),
            "{warnings:?}"
        );
    });
    assert!(
        juju.bag("app/0").unwrap().contains(r#""seq":2"#),
        "the request is published all the same"
    );
}
