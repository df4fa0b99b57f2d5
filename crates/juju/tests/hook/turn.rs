//! Turns: who begins, and what a hook that went wrong leaves behind.

use ops_coordinator_core::{Order, Turn, Wait};
use ops_coordinator_juju::{Instruction, OnFailure, Operation, Ran, Start};
use serde_json::json;

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

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
        hook.request(&lock()).unwrap();
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
fn a_request_before_the_peer_relation_is_there_is_published_when_it_is() {
    let juju = Juju::new(2);
    juju.without_relation(|| {
        juju.hook(1, |hook| {
            let operation = Operation::new(json!({"a": 1}), Vec::new()).unwrap();
            hook.request_with(&lock(), &operation).unwrap();
            release(hook);
        });
    });
    assert_eq!(juju.bag("app/1"), None);
    juju.hook(1, release);
    assert!(juju.bag("app/1").unwrap().contains(r#""seq":1"#));
    juju.hook(0, release);
    juju.hook(1, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().begun().unwrap();
        assert_eq!(operation.context, json!({"a": 1}));
    });
}

#[test]
fn a_refused_commit_loses_no_finish_and_repeats_no_operation() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().begun().unwrap();
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
fn leadership_lost_in_the_middle_of_a_hook_costs_only_the_line() {
    let juju = everyone_asked(2);
    for unit in [0, 1] {
        juju.hook(unit, |hook| {
            hook.start(&lock()).unwrap().begun().unwrap();
            hook.finish(&lock(), Ok(())).unwrap();
        });
    }
    juju.hook(0, |hook| {
        hook.request(&lock()).unwrap();
        juju.depose();
        release(hook);
        let warnings = hook.take_warnings();
        assert!(
            warnings.iter().any(|text| text.contains("lost leadership")),
            "{warnings:?}"
        );
    });
    assert!(
        juju.bag("app/0").unwrap().contains(r#""seq":2"#),
        "the request is published all the same"
    );
}

#[test]
fn an_operation_that_was_killed_runs_again_as_the_second_attempt() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().begun().unwrap();
    });
    juju.hook(0, |hook| {
        let (attempt, _) = hook.start(&lock()).unwrap().begun().unwrap();
        assert_eq!((attempt.number, attempt.interrupted), (2, true));
    });
}

#[test]
fn while_a_process_of_an_earlier_attempt_works_no_other_attempt_starts() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
    });
    juju.orphan();
    juju.forget_wakes();
    assert_eq!(run(&juju, 0), Err(Turn::Wait(Wait::Busy)));
    assert!(juju.woken(0), "its end brings no event");
    assert!(!juju.hook(0, |hook| hook.withdraw(&lock()).unwrap()));
    juju.end_orphans();
    assert_eq!(run(&juju, 0), Ok(2));
}

#[test]
fn a_finish_counts_only_in_its_own_hook() {
    let juju = everyone_asked(2);
    let mut orphan = juju.opened(0);
    assert!(orphan.start(&lock()).unwrap().begun().is_some());
    assert_eq!(run(&juju, 0), Ok(2), "the hook runs again");
    let late = orphan.finish(&lock(), Ok(())).unwrap_err().to_string();
    assert!(late.contains("another hook has begun"), "{late}");
    let record = juju.bag("app/0").unwrap();
    assert!(record.contains(r#""seq":1,"done":1"#), "{record}");
}

#[test]
fn two_processes_of_one_hook_do_not_both_begin_the_operation() {
    let juju = everyone_asked(2);
    let (mut first, mut second) = (juju.opened(0), juju.same_opened(0));
    assert!(first.start(&lock()).unwrap().begun().is_some());
    assert_eq!(second.start(&lock()).unwrap(), Start::Waiting(Wait::Busy));
}

#[test]
fn processes_of_one_hook_do_not_undo_what_others_of_it_did() {
    let juju = everyone_asked(2);
    let mut first = juju.opened(0);
    assert!(first.start(&lock()).unwrap().begun().is_some());
    let backup = "backup".parse().unwrap();
    juju.same_hook(0, |hook| drop(hook.request(&backup).unwrap()));
    first.finish(&lock(), Ok(())).unwrap();
    let record = juju.bag("app/0").unwrap();
    assert!(record.contains(r#""backup":{"seq":1,"done":0"#), "{record}");
    assert!(
        record.contains(r#""restart":{"seq":1,"done":1"#),
        "{record}"
    );
}

#[test]
fn an_operation_that_its_hook_leaves_running_has_a_waker_behind_it() {
    let juju = everyone_asked(2);
    juju.forget_wakes();
    juju.hook(0, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
        release(hook);
    });
    assert!(juju.woken(0));
}

#[test]
fn an_operation_in_an_action_has_a_waker_behind_it_because_no_retry_is() {
    let juju = everyone_asked(2);
    juju.forget_wakes();
    juju.hook(0, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
    });
    assert!(!juju.woken(0), "Juju runs a hook again by itself");
    juju.action(0, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
    });
    assert!(juju.woken(0));
}

#[test]
fn an_action_takes_over_from_the_waker_that_gives_up_when_it_comes() {
    let juju = Juju::new(1);
    juju.hook(0, |hook| {
        hook.request(&lock()).unwrap();
        // Where the agent is silent about own writes, a waker brings the next hook.
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
fn an_operator_cancels_a_request_and_its_unit_ends_it() {
    let juju = everyone_asked(3);
    let cancel = |unit: &str, force: bool| {
        juju.hook(0, |hook| {
            let unit = unit.parse().unwrap();
            let ticket = hook.ticket_of(&lock(), &unit).unwrap().unwrap();
            let order = if force {
                Order::Force(lock(), ticket)
            } else {
                Order::Cancel(lock(), ticket)
            };
            hook.carry_out_orders(&[order]).unwrap()
        })
    };
    assert_eq!(run(&juju, 0), Ok(1));
    assert!(cancel("app/1", false));
    assert!(!cancel("app/1", false), "it is already");
    assert!(run(&juju, 2).is_err(), "app/1 may be at work");
    assert_eq!(run(&juju, 1), Err(Turn::NotRequested));
    assert_eq!(run(&juju, 2), Ok(1));
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.hook(2, |hook| drop(hook.request(&lock()).unwrap()));
    juju.hook(0, release);
    assert!(cancel("app/1", true));
    assert_eq!(run(&juju, 2), Ok(1), "nobody waits for app/1");
    let refused = juju.hook(1, |hook| hook.ticket_of(&lock(), &"app/2".parse().unwrap()));
    assert!(refused.unwrap_err().to_string().contains("not the leader"));
}

#[test]
fn an_operation_that_fails_keeps_its_turn_and_is_not_told_that_it_was_cut_off() {
    let juju = everyone_asked(2);
    let ran = juju.hook(0, |hook| {
        let ran = hook.run(&lock(), |_, _| Err("no such port")).unwrap();
        release(hook);
        ran
    });
    assert_eq!(ran, Ran::Failed("no such port"));
    assert!(juju.bag("app/0").unwrap().contains("no such port"));
    assert!(matches!(run(&juju, 1), Err(Turn::Wait(_))));
    juju.hook(0, |hook| {
        let (attempt, _) = hook.start(&lock()).unwrap().begun().unwrap();
        assert_eq!((attempt.number, attempt.interrupted), (2, false));
    });
}

#[test]
fn an_operators_word_is_refused_with_a_reason_where_it_cannot_be_carried_out() {
    let juju = everyone_asked(2);
    let refused = |unit, instruction: &Instruction| {
        let mut why = String::new();
        juju.hook(unit, |hook| {
            why = hook.instruct(&lock(), instruction).unwrap_err().explained();
        });
        why
    };
    let why = refused(1, &Instruction::Resume);
    assert!(why.contains("not the leader"), "{why}");
    let why = refused(0, &Instruction::Retry("app/1".parse().unwrap()));
    assert!(why.contains("app/1#1 has not stopped"), "{why}");
    juju.hook(0, |hook| {
        let nobody = Instruction::Skip("app/9".parse().unwrap());
        let said = hook.instruct(&lock(), &nobody).unwrap();
        assert_eq!(said, "app/9 has requested nothing");
    });
}

#[test]
fn a_failure_after_which_the_others_go_on_ends_the_turn() {
    let juju = everyone_asked(2);
    juju.hook(0, |hook| {
        let ran = hook.run_with(&lock(), OnFailure::Continue, |_, _| Err("exit code 1"));
        assert_eq!(ran.unwrap(), Ran::Failed("exit code 1"));
        release(hook);
    });
    assert_eq!(run(&juju, 1), Ok(1));
}
