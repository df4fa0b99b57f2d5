//! Several endpoints: side by side, and one after the other.

use std::rc::Rc;

use ops_coordinator_core::{LockName, Order, Turn, Wait};
use ops_coordinator_juju::{Hook, Instruction, OnFailure, Operation, Start};
use serde_json::json;

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

#[test]
fn two_endpoints_side_by_side_have_a_line_and_a_journal_each() {
    let juju = Juju::new(2);
    juju.list_relations(&["coordinator:3", "backups:4"]);
    let backup = "backup".parse().unwrap();
    juju.about(None);
    let ask = |unit| {
        juju.use_endpoint("coordinator");
        juju.hook(unit, |hook| {
            drop(hook.request(&lock()).unwrap());
        });
        juju.use_endpoint("backups");
        juju.same_hook(unit, |hook| {
            drop(hook.request(&backup).unwrap());
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
        assert!(!hook.request(&lock()).unwrap().joined);
        release(hook);
    };
    both(1, &|hook| release(hook));
    both(0, &|hook| release(hook));
    both(1, &ask);
    both(0, &ask);
    for unit in 0..2 {
        both(unit, &|hook| {
            assert!(hook.start(&lock()).unwrap().begun().is_some(), "app/{unit}");
            hook.finish(&lock(), Ok(())).unwrap();
            release(hook);
        });
    }
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
fn the_end_of_an_operation_is_written_down_before_anything_is_asked() {
    let juju = refreshed_in_the_middle();
    let ends_unasked = |unit| {
        juju.hook(unit, |hook| {
            assert!(hook.start(&lock()).unwrap().begun().is_some());
            juju.forget_calls();
            hook.finish(&lock(), Ok(())).unwrap();
            let calls = juju.calls();
            let asked = calls.iter().find(|call| !call.starts_with("relation-set"));
            assert_eq!(asked, None, "{calls:?}");
            release(hook);
        });
    };
    ends_unasked(1);
    ends_unasked(2);
    juju.hook(0, |hook| {
        hook.request(&lock()).unwrap();
        release(hook);
    });
    for _ in 0..3 {
        juju.hook(0, release);
    }
    ends_unasked(0);
}

#[test]
fn another_process_of_the_hook_writes_the_end_down_before_anything_is_published() {
    let juju = refreshed_in_the_middle();
    juju.hook(1, |hook| {
        let blocked = "[locks.restart]\nblocker = ['/nowhere/may-restart']";
        hook.obey(blocked.parse().unwrap());
        assert!(hook.start(&lock()).unwrap().begun().is_none());
        release(hook);
    });
    // That it is no longer held back is not published yet.
    juju.hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
    });
    juju.without_relation(|| {
        juju.same_hook(1, |hook| {
            // Nothing can be published.
            assert!(hook.finish(&lock(), Ok(())).is_err());
        });
    });
    assert_eq!(run(&juju, 1), Err(Turn::NotRequested), "it has ended");
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
    juju.hook(2, |hook| drop(hook.request(&lock()).unwrap()));
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
        hook.request(&lock()).unwrap();
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
            hook.request(&lock()).unwrap();
            hook.request(&backup).unwrap();
            release(hook);
        });
    }
    // app/0 is inside backup, and all others of restart's line have had their turn.
    juju.hook(0, |hook| {
        assert!(hook.start(&backup).unwrap().begun().is_some());
        hook.finish(&backup, Err("fails".to_owned())).unwrap();
        release(hook);
    });
    for unit in 0..3 {
        assert_eq!(run(&juju, unit), Ok(1));
    }
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    for _ in 0..6 {
        juju.hook(0, release);
    }
    let line = juju.bag("peers:7 app").unwrap();
    assert!(
        line.contains("restart") && !line.contains("backup"),
        "{line}"
    );
    let starts = juju.hook(1, |hook| hook.start(&backup).unwrap());
    assert!(
        matches!(starts, Start::Waiting(_)),
        "app/0 is inside: {starts:?}"
    );
}

#[test]
fn an_operators_order_does_not_open_a_lock_that_is_elsewhere() {
    let juju = refreshed_in_the_middle();
    juju.hook(0, |hook| drop(hook.request(&lock()).unwrap()));
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
            refused.contains("has already written the line"),
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
    juju.hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_none());
    });
    juju.same_hook(1, release);
    assert_eq!(run(&juju, 2), Ok(1));
}

#[test]
fn a_leader_that_waits_in_the_old_line_looks_after_it_too() {
    let juju = Juju::new(3);
    for unit in [2, 1, 0] {
        juju.hook(unit, |hook| {
            drop(hook.request(&lock()).unwrap());
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
fn a_leader_that_never_used_the_old_endpoint_finds_it_in_the_metadata() {
    let juju = Juju::new(3);
    juju.set_bag(
        "app",
        r#"{"v":1,"term":1,"version":1,"by":"app/1","locks":{"restart":{"line":[{"unit":"app/2","id":"00000002","seq":1,"limit":1}]}}}"#,
    );
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.hook(0, release);
    assert_eq!(juju.bag("peers:7 app"), None);
    assert!(juju.bag("app").unwrap().contains(r#""moved":"peers""#));
}

#[test]
fn a_unit_that_still_runs_the_earlier_charm_opens_no_line_beside_the_new_one() {
    let juju = Juju::new(2);
    // It has asked, and nobody has led meanwhile; then its refresh is put off, because its hook fails.
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    // The leader is new, and has never been on the old endpoint.
    juju.hook(0, |hook| {
        hook.request(&lock()).unwrap();
        release(hook);
    });
    juju.hook(0, release);
    let line = juju.bag("peers:7 app").unwrap();
    assert!(line.contains(r#""unit":"app/0""#), "{line}");
    juju.elect(1);
    juju.list_relations(&["coordinator:3"]);
    juju.use_endpoint("coordinator");
    juju.hook(1, release);
    assert!(run(&juju, 1).is_err(), "{:?}", juju.bag("app"));
}

#[test]
fn a_request_that_the_old_line_never_took_up_is_asked_for_again_on_the_new_endpoint() {
    let juju = Juju::new(3);
    juju.hook(1, |hook| {
        let operation = Operation::new(json!({"a": 1}), Vec::new()).unwrap();
        hook.request_with(&lock(), &operation).unwrap();
    });
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    assert!(run(&juju, 1).is_err());
    let old = juju.bag("app/1").unwrap();
    assert!(old.contains(r#""seq":1,"done":1"#), "{old}");
    juju.hook(0, release);
    let mark = juju.bag("app").unwrap();
    assert!(mark.contains(r#""moved":"peers""#), "{mark}");
    assert!(juju.woken(0), "a later hook opens the new line");
    juju.hook(0, release);
    juju.hook(1, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().begun().unwrap();
        assert_eq!(operation.context, json!({"a": 1}));
    });
}

#[test]
fn what_was_lost_stays_lost_when_it_is_asked_for_again_elsewhere() {
    let juju = Juju::new(2);
    juju.hook(1, |hook| drop(hook.request(&lock()).unwrap()));
    juju.lose_files(1);
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.hook(1, |hook| drop(hook.start(&lock()).unwrap()));
    juju.hook(0, release);
    juju.hook(0, release);
    juju.hook(1, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().begun().unwrap();
        assert!(operation.lost);
    });
}

#[test]
fn an_operator_reaches_a_unit_that_has_its_place_in_the_old_line() {
    let juju = refreshed_in_the_middle();
    juju.hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
        hook.fail(&lock(), "exit code 1", OnFailure::Stop).unwrap();
        release(hook);
    });
    let stopped = Wait::Stopped("exit code 1".to_owned());
    assert_eq!(run(&juju, 1), Err(Turn::Wait(stopped)));
    let says = |instruction: &Instruction| {
        let mut said = String::new();
        juju.hook(0, |hook| {
            said = hook.instruct(&lock(), instruction).unwrap();
        });
        said
    };
    let reason = "night".to_owned();
    let pause = Instruction::Pause { reason };
    assert_eq!(says(&pause), "paused; what runs is not interrupted");
    let here = juju.bag("peers:7 app").unwrap();
    assert!(here.contains("moved"), "a pause opens no lock: {here}");
    let app_1 = || "app/1".parse().unwrap();
    let retried = says(&Instruction::Retry(app_1()));
    assert_eq!(retried, "app/1#1 may try again, in the unit's next hook");
    let paused = Wait::Paused("night".to_owned());
    assert_eq!(run(&juju, 1), Err(Turn::Wait(paused)));
    assert_eq!(says(&Instruction::Resume), "resumed");
    assert_eq!(says(&Instruction::Resume), "not paused");
    assert_eq!(run(&juju, 1), Ok(2));
    assert_eq!(run(&juju, 2), Ok(1));
}

#[test]
fn what_was_asked_for_during_a_turn_in_the_old_line_is_asked_for_again_when_it_ends() {
    let juju = refreshed_in_the_middle();
    juju.hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
        assert!(!hook.request(&lock()).unwrap().joined);
        hook.finish(&lock(), Ok(())).unwrap();
    });
    juju.same_hook(1, release);
    let old = juju.bag("app/1").unwrap();
    assert!(old.contains(r#""seq":2,"done":2"#), "{old}");
    let new = juju.bag("peers:7 app/1").unwrap();
    assert!(new.contains(r#""seq":1,"done":0"#), "{new}");
}

/// As [`refreshed_in_the_middle`]; app/1 is inside and has stopped.
fn refreshed_while_one_is_inside(units: u32) -> Rc<Juju> {
    let juju = everyone_asked(units);
    assert_eq!(run(&juju, 0), Ok(1));
    juju.hook(1, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
        hook.fail(&lock(), "exit code 1", OnFailure::Stop).unwrap();
        release(hook);
    });
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.about(None);
    juju
}

#[test]
fn whoever_is_inside_by_the_old_line_can_go_on_though_its_relation_is_lost_and_nobody_else_asks() {
    let juju = refreshed_while_one_is_inside(2);
    juju.hook(0, release);
    juju.list_relations(&["coordinator:10", "peers:7"]);
    for unit in [1, 0, 0, 0] {
        juju.hook(unit, |hook| drop(hook.start(&lock()).unwrap()));
        juju.same_hook(unit, release);
    }
    let retry = Instruction::Retry("app/1".parse().unwrap());
    juju.hook(0, |hook| drop(hook.instruct(&lock(), &retry).unwrap()));
    assert_eq!(run(&juju, 1), Ok(2));
}

#[test]
fn a_leader_without_its_disk_opens_no_line_beside_one_whose_relation_is_lost() {
    let juju = refreshed_while_one_is_inside(3);
    juju.lose_files(0);
    juju.list_relations(&["coordinator:10", "peers:7"]);
    // It has lost its memory of the old line, but app/1 has not.
    juju.hook(1, release);
    juju.hook(2, |hook| drop(hook.start(&lock()).unwrap()));
    juju.hook(0, |hook| drop(hook.request(&lock()).unwrap()));
    for _ in 0..4 {
        juju.hook(0, release);
    }
    let new = juju.bag("peers:7 app");
    assert_eq!(new, None, "app/1 is inside");
    let old = juju.bag("coordinator:10 app").unwrap();
    assert!(old.contains("app/1") && old.contains("moved"), "{old}");
}

#[test]
fn a_campaign_ends_with_a_refresh_to_another_endpoint_though_nobody_asks_there() {
    let juju = everyone_asked(3);
    for unit in [0, 1, 2] {
        assert_eq!(run(&juju, unit), Ok(1));
    }
    juju.hook(0, release);
    juju.hook(0, |hook| {
        let operation = Operation::default();
        assert!(hook.roll(&lock(), "keys", &operation, None).unwrap());
    });
    assert!(juju.bag("app").unwrap().contains("keys"));
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.about(None);
    juju.hook(0, release);
    let old = juju.bag("app").unwrap();
    assert!(old.contains(r#""moved":"peers""#), "{old}");
    assert_eq!(run(&juju, 2), Err(Turn::NotRequested));
}

#[test]
fn a_unit_that_begins_on_two_endpoints_in_one_hook_has_two_incarnations() {
    let juju = Juju::new(1);
    juju.list_relations(&["coordinator:3", "backups:4"]);
    juju.about(None);
    juju.hook(0, |hook| drop(hook.request(&lock()).unwrap()));
    juju.use_endpoint("backups");
    juju.same_hook(0, |hook| drop(hook.request(&lock()).unwrap()));
    let life = |bag: &str| {
        let record: serde_json::Value = serde_json::from_str(&juju.bag(bag).unwrap()).unwrap();
        record["id"].clone()
    };
    assert_ne!(life("app/0"), life("backups:4 app/0"));
}

#[test]
fn a_leader_that_expects_a_campaign_announces_it_once_while_the_lock_is_still_elsewhere() {
    let juju = refreshed_in_the_middle();
    juju.about(None);
    juju.hook(0, |hook| {
        hook.expect(&lock(), "keys", &Operation::default()).unwrap();
        release(hook);
    });
    let announced = |juju: &Rc<Juju>| juju.bag("peers:7 app");
    juju.hook(0, release);
    let line = announced(&juju);
    assert!(line.as_ref().unwrap().contains("keys"), "{line:?}");
    for _ in 0..3 {
        juju.hook(0, release);
        assert_eq!(announced(&juju), line);
    }
}

#[test]
fn a_unit_that_expects_a_campaign_asks_on_the_new_endpoint_after_a_refresh() {
    let juju = everyone_asked(2);
    assert_eq!((run(&juju, 0), run(&juju, 1)), (Ok(1), Ok(1)));
    juju.hook(1, |hook| {
        hook.expect(&lock(), "keys", &Operation::default()).unwrap();
        release(hook);
    });
    juju.list_relations(&["coordinator:3", "peers:7"]);
    juju.use_endpoint("peers");
    juju.about(None);
    assert!(matches!(run(&juju, 1), Err(Turn::Wait(Wait::NotInLine))));
    let new = juju.bag("peers:7 app/1").unwrap();
    assert!(new.contains(r#""seq":1,"done":0"#), "{new}");
}
