//! How often a hook asks Juju.

use ops_coordinator_core::Turn;

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release, run};

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
        juju.same_hook(unit, |hook| {
            assert!(hook.start(&lock()).unwrap().begun().is_none());
        });
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
fn a_leader_reads_each_peer_once_in_a_hook_about_no_relation() {
    let juju = everyone_asked(6);
    juju.about(None);
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
fn a_quiet_leader_needs_three_tool_calls_however_many_units_there_are() {
    for units in [2, 40] {
        let juju = Juju::new(units);
        juju.hook(0, release);
        juju.forget_calls();
        juju.hook(0, release);
        // A fourth reads the unit that the hook is about, if there is one.
        assert_eq!(juju.calls().len(), 3, "{:?}", juju.calls());
    }
}
