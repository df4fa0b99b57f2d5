//! The check after an operation, and another attempt after a while.

use std::cell::Cell;
use std::rc::Rc;

use ops_coordinator_core::{Turn, Wait};
use ops_coordinator_juju::{Check, Ended, Hook, OnFailure, Ran, Recovery, Start};

use crate::fake::{Juju, lock};
use crate::{everyone_asked, release};

/// Makes the hook demand that something holds for a minute, and says how often it was asked.
fn demand(hook: &mut Hook, holds: bool, recovery: Recovery) -> Rc<Cell<u32>> {
    let check = Check {
        soak: 60_000,
        within: 90_000,
    };
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    hook.set_check(&lock(), check, recovery, move || {
        count.set(count.get() + 1);
        holds.then_some(()).ok_or_else(|| "no answer".to_owned())
    });
    asked
}

/// A hook of the unit at the front; returns what came of it and how often its operation was run.
fn run(juju: &Rc<Juju>, holds: bool, recovery: Recovery) -> (Ran<String>, u32) {
    juju.hook(0, |hook| {
        demand(hook, holds, recovery);
        let runs = Cell::new(0);
        let ran = hook.run_with(&lock(), recovery, |_, _| {
            runs.set(runs.get() + 1);
            Ok::<(), String>(())
        });
        release(hook);
        (ran.unwrap(), runs.get())
    })
}

fn checking(ran: &(Ran<String>, u32)) -> bool {
    matches!(ran.0, Ran::Waiting(Wait::Checking(_)))
}

#[test]
fn the_operation_runs_once_and_the_check_in_every_hook_until_it_has_held() {
    let juju = everyone_asked(2);
    let first = run(&juju, false, Recovery::default());
    assert!(checking(&first) && first.1 == 1, "{first:?}");
    juju.pass(30_000);
    assert!(checking(&run(&juju, true, Recovery::default())));
    juju.pass(59_999);
    let soaking = run(&juju, true, Recovery::default());
    assert!(checking(&soaking) && soaking.1 == 0, "{soaking:?}");
    juju.hook(1, |hook| {
        assert!(matches!(hook.turn(&lock()).unwrap(), Turn::Wait(_)));
    });
    juju.pass(1);
    assert_eq!(run(&juju, true, Recovery::default()), (Ran::Done, 0));
    juju.hook(1, |hook| {
        assert!(matches!(hook.turn(&lock()).unwrap(), Turn::Start(_)));
    });
}

#[test]
fn a_check_that_never_holds_stops_the_roll() {
    let juju = everyone_asked(2);
    let stop = OnFailure::Stop.into();
    assert!(checking(&run(&juju, false, stop)));
    juju.pass(90_000);
    let (ran, runs) = run(&juju, false, stop);
    let why = "its check failed: no answer".to_owned();
    let then = OnFailure::Stop;
    assert_eq!((ran, runs), (Ran::CheckFailed { why, then }, 0));
    assert!(matches!(
        run(&juju, false, stop),
        (Ran::Waiting(Wait::Stopped(_)), 0)
    ));
}

#[test]
fn a_soak_goes_on_over_a_hook_that_is_killed_in_its_check() {
    let juju = everyone_asked(1);
    juju.hook(0, |hook| {
        let asked = demand(hook, true, Recovery::default());
        hook.start(&lock()).unwrap().begun().unwrap();
        assert_eq!(asked.get(), 0, "not before the operation has ended");
        let ended = hook.finish(&lock(), Ok(())).unwrap();
        assert!(matches!(ended, Ended::Checking(_)), "{ended:?}");
        assert_eq!(asked.get(), 1);
        // Neither released nor committed.
    });
    juju.pass(60_000);
    juju.hook(0, |hook| {
        demand(hook, true, Recovery::default());
        assert!(matches!(hook.start(&lock()).unwrap(), Start::Done(_)));
    });
}

#[test]
fn a_look_at_a_check_begins_nothing() {
    let juju = everyone_asked(1);
    juju.hook(0, |hook| {
        demand(hook, true, Recovery::default());
        assert_eq!(hook.look_at_check(&lock()).unwrap(), None);
        assert!(!hook.is_running(&lock()), "although its turn has come");
    });
    assert!(checking(&run(&juju, true, Recovery::default())));
    juju.pass(60_000);
    juju.hook(0, |hook| {
        let asked = demand(hook, true, Recovery::default());
        assert_eq!(hook.look_at_check(&lock()).unwrap(), Some(Ended::Done));
        assert_eq!(hook.look_at_check(&lock()).unwrap(), None);
        assert_eq!(asked.get(), 1);
    });
}

#[test]
fn an_operation_that_has_not_ended_in_this_process_is_not_begun_by_its_end() {
    let juju = everyone_asked(1);
    juju.hook(0, |hook| {
        demand(hook, true, Recovery::default());
        assert_eq!(
            hook.finish(&lock(), Ok(())).unwrap(),
            Ended::Done,
            "nothing to end"
        );
        assert!(!hook.is_running(&lock()));
    });
}

#[test]
fn another_attempt_comes_after_its_wait_and_not_in_the_hook_that_juju_repeats() {
    let juju = everyone_asked(1);
    let recovery = Recovery {
        max_retry: Some(1),
        back_off: 10_000,
        ..Recovery::default()
    };
    let fails = || {
        juju.hook(0, |hook| {
            let fails = |_: &_, _: &_| Err::<(), _>("exit code 1".to_owned());
            let ran = hook.run_with(&lock(), recovery, fails).unwrap();
            release(hook);
            ran
        })
    };
    assert_eq!(fails(), Ran::Failed("exit code 1".to_owned()));
    assert!(matches!(fails(), Ran::Waiting(Wait::BackingOff(_))));
    juju.pass(10_000);
    assert_eq!(fails(), Ran::Failed("exit code 1".to_owned()));
    // That was the last one.
    juju.pass(600_000);
    assert!(matches!(fails(), Ran::Waiting(Wait::Stopped(_))));
}
