//! A hook against databags in memory: what it reads, what it writes, and how often it asks.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fake;

use std::rc::Rc;

use fake::{Juju, lock};
use ops_coordinator_core::policy::Rotation;
use ops_coordinator_core::{LockName, Order, Turn, Wait};
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
    juju.set_file(0, "coordinator/journal.json", b"\0garbage");
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
fn a_hook_that_took_too_long_leaves_the_line_to_a_visit_of_its_own() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| {
        hook.request(&lock(), None, None).unwrap();
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
fn a_unit_that_juju_goes_on_listing_holds_nobody_up() {
    let juju = everyone_asked(4);
    juju.hook(0, |hook| {
        hook.start(&lock()).unwrap().unwrap();
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
fn a_line_left_behind_is_not_written_over_another_one() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
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
        hook.start(&lock()).unwrap().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
        hook.request(&lock(), None, None).unwrap();
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
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    juju.hook(0, |hook| {
        juju.pass(25_000);
        release(hook);
    });
    assert!(juju.visit(0));
    juju.remove_bag("app");
    assert!(juju.visit(0));
    assert!(juju.bag("app").is_some());
}

#[test]
fn every_hook_follows_the_lowest_relation_whatever_it_is_about() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:10", "coordinator:3"]);
    for about in [Some("coordinator:10"), Some("coordinator:3"), None] {
        juju.about(about);
        juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
        juju.hook(0, release);
    }
    assert!(juju.bag("app/1").is_some() && juju.bag("app").is_some());
    assert_eq!(juju.bag("coordinator:10 app/1"), None);
    assert_eq!(juju.bag("coordinator:10 app"), None);
}

#[test]
fn what_an_old_session_says_of_the_relation_does_not_decide() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:10"]);
    juju.about(Some("coordinator:10"));
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    assert!(juju.bag("coordinator:10 app/1").is_some());
    // The lower one comes into sight late.
    juju.list_relations(&["coordinator:10", "coordinator:3"]);
    juju.about(Some("coordinator:3"));
    juju.hook(1, release);
    assert!(
        juju.bag("app/1").unwrap().contains(r#""seq":1"#),
        "the request comes along"
    );
}

#[test]
fn where_the_relation_is_gone_the_next_ones_line_opens_when_nobody_follows_the_old_one() {
    let juju = everyone_asked(3);
    juju.list_relations(&["coordinator:10", "coordinator:3"]);
    assert_eq!(run(&juju, 0), Ok(1));
    juju.refused_hook(1, |hook| assert!(hook.start(&lock()).unwrap().is_ok()));
    juju.list_relations(&["coordinator:10"]);
    juju.about(None);
    // The leader and the last have lost sight of it; app/1, which is inside, has had no hook since.
    for _ in 0..2 {
        juju.hook(0, release);
        assert!(matches!(run(&juju, 2), Err(Turn::Wait(Wait::NotInLine))));
    }
    assert!(
        run(&juju, 1).is_err(),
        "but now it says that it has left too"
    );
    juju.hook(0, release);
    assert!(matches!(run(&juju, 2), Err(Turn::Wait(Wait::Behind(_)))));
    assert_eq!(run(&juju, 1), Ok(2), "it was inside, so it goes first");
    assert_eq!(run(&juju, 2), Ok(1));
}

#[test]
fn two_endpoints_side_by_side_have_a_line_and_a_journal_each() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:3", "backups:4"]);
    let backup = "backup".parse().unwrap();
    juju.about(None);
    let ask = |unit| {
        juju.use_endpoint("coordinator");
        juju.hook(unit, |hook| {
            drop(hook.request(&lock(), None, None).unwrap());
        });
        juju.use_endpoint("backups");
        juju.same_hook(unit, |hook| {
            drop(hook.request(&backup, None, None).unwrap());
        });
        juju.same_hook(unit, release);
        juju.use_endpoint("coordinator");
        juju.same_hook(unit, release);
    };
    ask(1);
    ask(0);
    let line = juju.bag("app").unwrap();
    assert!(
        line.contains("restart") && !line.contains("backup"),
        "{line}"
    );
    let line = juju.bag("backups:4 app").unwrap();
    assert!(
        line.contains("backup") && !line.contains("restart"),
        "{line}"
    );
    assert_eq!(run(&juju, 0), Ok(1));
    assert_eq!(run(&juju, 1), Ok(1));
}

/// A roll of three in which the charm comes to name another endpoint; app/1 is next.
fn refreshed_in_the_middle() -> Rc<Juju> {
    let juju = everyone_asked(3);
    assert_eq!(run(&juju, 0), Ok(1));
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju
}

#[test]
fn a_refresh_to_another_endpoint_finishes_the_roll_in_the_old_line() {
    let juju = refreshed_in_the_middle();
    assert!(matches!(run(&juju, 2), Err(Turn::Wait(Wait::Behind(_)))));
    assert_eq!(run(&juju, 1), Ok(1), "its place is in the old line");
    assert_eq!(run(&juju, 2), Ok(1));
    assert_eq!(
        juju.bag("peers:7 app/1"),
        None,
        "nothing was asked for there"
    );
}

#[test]
fn the_leader_looks_after_the_old_line_as_long_as_somebody_is_in_it() {
    let juju = refreshed_in_the_middle();
    juju.remove_untold(1);
    juju.hook(0, release);
    juju.pass(60_000);
    juju.hook(0, release);
    assert_eq!(run(&juju, 2), Ok(1), "nobody waits for app/1");
    juju.hook(2, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    for _ in 0..3 {
        juju.hook(0, release);
    }
    assert_eq!(run(&juju, 2), Ok(1), "in the new line");
    juju.forget_calls();
    juju.hook(0, release);
    let old = juju
        .calls()
        .into_iter()
        .filter(|call| call.contains("coordinator:3"));
    assert_eq!(old.count(), 0, "{:?}", juju.calls());
}

#[test]
fn the_line_of_a_new_endpoint_opens_when_the_old_one_has_nothing_unfinished() {
    let juju = refreshed_in_the_middle();
    juju.hook(0, |hook| {
        hook.request(&lock(), None, None).unwrap();
        release(hook);
    });
    assert!(juju.woken(0), "the next step needs a hook");
    let old = juju.bag("app").unwrap();
    assert!(old.contains(r#""moved":"peers""#), "{old}");
    for _ in 0..3 {
        assert!(matches!(run(&juju, 0), Err(Turn::Wait(Wait::NotInLine))));
        assert_eq!(juju.bag("peers:7 app"), None);
    }
    assert_eq!(run(&juju, 1), Ok(1));
    assert!(run(&juju, 0).is_err());
    assert_eq!(
        juju.bag("peers:7 app"),
        None,
        "app/2 is still in the old line"
    );
    assert_eq!(run(&juju, 2), Ok(1));
    juju.hook(0, release);
    assert!(juju.bag("peers:7 app").is_some());
    assert_eq!(run(&juju, 0), Ok(1));
}

#[test]
fn of_two_locks_that_move_one_does_not_open_the_other() {
    let backup: LockName = "backup".parse().unwrap();
    let juju = Juju::new(3);
    for unit in [2, 1, 0] {
        juju.hook(unit, |hook| {
            hook.request(&lock(), None, None).unwrap();
            hook.request(&backup, None, None).unwrap();
            release(hook);
        });
    }
    // app/0 is inside backup, and all others of restart's line have had their turn.
    juju.hook(0, |hook| {
        assert!(hook.start(&backup).unwrap().is_ok());
        hook.finish(&backup, Err("fails".to_owned())).unwrap();
        release(hook);
    });
    for unit in 0..3 {
        assert_eq!(run(&juju, unit), Ok(1));
    }
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    for _ in 0..6 {
        juju.hook(0, release);
    }
    let line = juju.bag("peers:7 app").unwrap();
    assert!(
        line.contains("restart") && !line.contains("backup"),
        "{line}"
    );
    let starts = juju.hook(1, |hook| hook.start(&backup).unwrap());
    assert!(starts.is_err(), "app/0 is inside: {starts:?}");
}

#[test]
fn an_operators_order_does_not_open_a_lock_that_is_elsewhere() {
    let juju = refreshed_in_the_middle();
    juju.hook(0, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    juju.hook(0, |hook| {
        let unit = "app/0".parse().unwrap();
        let ticket = hook.ticket_of(&lock(), &unit).unwrap().unwrap();
        assert!(
            hook.carry_out_orders(&[Order::Cancel(lock(), ticket)])
                .unwrap()
        );
    });
    let line = juju.bag("peers:7 app").unwrap();
    assert!(line.contains(r#""moved":"coordinator""#), "{line}");
}

#[test]
fn a_second_order_in_one_hook_is_an_error_and_not_silence() {
    let juju = everyone_asked(3);
    juju.hook(0, |hook| {
        let order = |hook: &mut Hook, unit: &str| {
            let ticket = hook.ticket_of(&lock(), &unit.parse().unwrap()).unwrap();
            hook.carry_out_orders(&[Order::Cancel(lock(), ticket.unwrap())])
        };
        assert!(order(hook, "app/1").unwrap());
        let refused = order(hook, "app/2").unwrap_err().to_string();
        assert!(
            refused.contains("has written the line already"),
            "{refused}"
        );
    });
}

#[test]
fn a_place_in_the_old_line_is_ended_though_the_unit_has_lost_its_disk() {
    let juju = refreshed_in_the_middle();
    juju.lose_files(1);
    assert_eq!(run(&juju, 1), Ok(1), "its databag knows of it");
    assert_eq!(run(&juju, 2), Ok(1));
}

#[test]
fn a_cancellation_on_the_old_endpoint_is_published_by_whichever_process_sees_it() {
    let juju = refreshed_in_the_middle();
    juju.use_endpoint("coordinator");
    juju.hook(0, |hook| {
        let ticket = hook.ticket_of(&lock(), &"app/1".parse().unwrap()).unwrap();
        hook.carry_out_orders(&[Order::Cancel(lock(), ticket.unwrap())])
            .unwrap();
    });
    juju.use_endpoint("peers");
    juju.hook(1, |hook| assert!(hook.start(&lock()).unwrap().is_err()));
    juju.same_hook(1, release);
    assert_eq!(run(&juju, 2), Ok(1));
}

#[test]
fn a_leader_that_waits_in_the_old_line_looks_after_it_too() {
    let juju = Juju::new(3);
    for unit in [2, 1, 0] {
        juju.hook(unit, |hook| {
            drop(hook.request(&lock(), None, None).unwrap());
        });
    }
    juju.set_bag(
        "app",
        r#"{"v":1,"term":1,"version":1,"by":"app/0","locks":{"restart":{"line":[{"unit":"app/1","id":"00000001","seq":1,"limit":1},{"unit":"app/0","id":"00000000","seq":1,"limit":1}]}}}"#,
    );
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.remove_untold(1);
    for _ in 0..3 {
        juju.hook(0, |hook| drop(hook.start(&lock()).unwrap()));
        juju.same_hook(0, release);
        juju.pass(61_000);
    }
    assert!(run(&juju, 0).is_ok());
}

#[test]
fn what_was_lost_stays_lost_when_it_is_asked_for_again_elsewhere() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    juju.lose_files(1);
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.hook(1, |hook| drop(hook.start(&lock()).unwrap()));
    juju.hook(0, release);
    juju.hook(1, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().unwrap();
        assert!(operation.lost);
    });
}

#[test]
fn locks_of_one_name_on_two_endpoints_that_are_used_side_by_side_are_two_locks() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.about(None);
    let both = |unit, work: &dyn Fn(&mut Hook)| {
        juju.use_endpoint("coordinator");
        juju.hook(unit, work);
        juju.use_endpoint("peers");
        juju.same_hook(unit, work);
    };
    let ask = |hook: &mut Hook| {
        assert!(!hook.request(&lock(), None, None).unwrap().joined);
        release(hook);
    };
    both(1, &|hook| release(hook));
    both(0, &|hook| release(hook));
    both(1, &ask);
    both(0, &ask);
    for unit in 0..2 {
        both(unit, &|hook| {
            assert!(hook.start(&lock()).unwrap().is_ok(), "app/{unit}");
            hook.finish(&lock(), Ok(())).unwrap();
            release(hook);
        });
    }
}

#[test]
fn two_processes_of_one_hook_do_not_both_begin_the_operation() {
    let juju = everyone_asked(2);
    let (mut first, mut second) = (juju.opened(0), juju.same_opened(0));
    assert!(first.start(&lock()).unwrap().is_ok());
    assert_eq!(second.start(&lock()).unwrap(), Err(Turn::Wait(Wait::Busy)));
}

#[test]
fn an_operation_that_its_hook_leaves_running_has_a_waker_behind_it() {
    let juju = everyone_asked(2);
    juju.forget_wakes();
    juju.hook(0, |hook| {
        assert!(hook.start(&lock()).unwrap().is_ok());
        release(hook);
    });
    assert!(juju.woken(0));
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
fn a_relation_that_is_out_of_sight_for_a_hook_is_not_forgotten() {
    let juju = everyone_asked(3);
    assert_eq!(run(&juju, 0), Ok(1));
    juju.about(None);
    juju.list_relations(&[]);
    juju.hook(0, release);
    juju.list_relations(&["coordinator:10"]);
    juju.hook(0, release);
    let line = juju.bag("coordinator:10 app").unwrap();
    assert!(line.contains(r#""opening":3"#), "{line}");
}

#[test]
fn a_leader_that_never_used_the_old_endpoint_finds_it_in_the_metadata() {
    let juju = Juju::new(3);
    juju.set_bag(
        "app",
        r#"{"v":1,"term":1,"version":1,"by":"app/1","locks":{"restart":{"line":[{"unit":"app/2","id":"00000002","seq":1,"limit":1}]}}}"#,
    );
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    juju.hook(0, release);
    assert_eq!(juju.bag("peers:7 app"), None);
    assert!(juju.bag("app").unwrap().contains(r#""moved":"peers""#));
}

#[test]
fn a_request_that_the_old_line_never_took_up_is_asked_for_again_on_the_new_endpoint() {
    let juju = Juju::new(3);
    juju.hook(1, |hook| {
        let operation = Operation::new(json!({"a": 1}), Vec::new()).unwrap();
        hook.request(&lock(), None, Some(operation)).unwrap();
    });
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    assert!(run(&juju, 1).is_err());
    let old = juju.bag("app/1").unwrap();
    assert!(old.contains(r#""seq":1,"done":1"#), "{old}");
    juju.hook(0, release);
    juju.hook(1, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().unwrap();
        assert_eq!(operation.context, json!({"a": 1}));
    });
}

#[test]
fn while_a_process_of_an_earlier_attempt_works_no_other_attempt_starts() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| assert!(hook.start(&lock()).unwrap().is_ok()));
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
    assert!(orphan.start(&lock()).unwrap().is_ok());
    assert_eq!(run(&juju, 0), Ok(2), "the hook runs again");
    let late = orphan.finish(&lock(), Ok(())).unwrap_err().to_string();
    assert!(late.contains("another has begun since"), "{late}");
    let record = juju.bag("app/0").unwrap();
    assert!(record.contains(r#""seq":1,"done":1"#), "{record}");
}

#[test]
fn processes_of_one_hook_do_not_undo_what_others_of_it_did() {
    let juju = everyone_asked(2);
    let mut first = juju.opened(0);
    assert!(first.start(&lock()).unwrap().is_ok());
    let backup = "backup".parse().unwrap();
    juju.same_hook(0, |hook| drop(hook.request(&backup, None, None).unwrap()));
    first.finish(&lock(), Ok(())).unwrap();
    let record = juju.bag("app/0").unwrap();
    assert!(record.contains(r#""backup":{"seq":1,"done":0"#), "{record}");
    assert!(
        record.contains(r#""restart":{"seq":1,"done":1"#),
        "{record}"
    );
}

#[test]
fn what_was_lost_with_the_journal_is_told_to_whoever_runs_it() {
    let juju = everyone_asked(2);
    juju.lose_files(0);
    juju.hook(0, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().unwrap();
        assert!(operation.lost);
        hook.finish(&lock(), Err("lost".to_owned())).unwrap();
        assert!(
            hook.withdraw_because(&lock(), "its services were lost")
                .unwrap()
        );
    });
    let record = juju.bag("app/0").unwrap();
    assert!(
        record.contains(r#""outcome":"withdrawn","why":"its services were lost""#),
        "{record}"
    );
    assert_eq!(run(&juju, 1), Ok(1), "nobody is held up");
}

#[test]
fn the_state_of_an_earlier_version_is_taken_over() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
    });
    juju.move_files_to_the_root(0);
    assert_eq!(
        run(&juju, 0),
        Err(Turn::NotRequested),
        "it is not run again"
    );
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
    juju.hook(1, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    juju.hook(2, |hook| drop(hook.request(&lock(), None, None).unwrap()));
    juju.hook(0, release);
    assert!(cancel("app/1", true));
    assert_eq!(run(&juju, 2), Ok(1), "nobody waits for app/1");
    let refused = juju.hook(1, |hook| hook.ticket_of(&lock(), &"app/2".parse().unwrap()));
    assert!(refused.unwrap_err().to_string().contains("not the leader"));
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
            warnings.iter().any(|text| text.contains("lost leadership")),
            "{warnings:?}"
        );
    });
    assert!(
        juju.bag("app/0").unwrap().contains(r#""seq":2"#),
        "the request is published all the same"
    );
}
