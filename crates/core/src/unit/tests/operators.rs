//! Cancelled, withdrawn, stopped, paused.

use super::*;

#[test]
fn a_cancelled_request_is_finished_by_its_own_unit() {
    let mut line = line_of(&[ticket(3)]);
    line.locks
        .get_mut(&lock())
        .unwrap()
        .cancelled
        .push(ticket(3));
    let unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Good(line),
        &Journal::default(),
    );
    let state = &unit.record().locks[&lock()];
    assert_eq!(
        (state.done, state.outcome.clone()),
        (3, Some(Outcome::Cancelled))
    );
    assert!(unit.poll_record().is_some());
}

#[test]
fn a_withdrawn_request_is_over() {
    let mut unit = hook(
        Reading::Good(record(3, 2)),
        Reading::Absent,
        &Journal::default(),
    );
    assert!(unit.withdraw(&lock(), None));
    assert!(!unit.withdraw(&lock(), None));
    assert_eq!(unit.outstanding(&lock()), None);
}

fn permission(seq: u64, attempt: u16) -> Retry {
    Retry {
        ticket: ticket(seq),
        attempt,
        unknown: BTreeMap::new(),
    }
}

fn line_with(change: impl FnOnce(&mut LockLine)) -> Reading<Line> {
    let mut line = line_of(&[ticket(3)]);
    change(line.locks.get_mut(&lock()).unwrap());
    Reading::Good(line)
}

/// A unit whose third request has failed and stopped.
fn stopped() -> Unit {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    assert!(
        unit.fail(&lock(), "exit code 1", OnFailure::Stop.into())
            .is_some()
    );
    unit
}

fn waits_stopped(unit: &Unit) -> bool {
    unit.turn(&lock(), &View::default()) == Turn::Wait(Wait::Stopped("exit code 1".to_owned()))
}

#[test]
fn when_a_failed_operation_is_tried_again_is_published_only_if_it_waits() {
    for (back_off, retry_at) in [(0, None), (30_000, Some(Wall(1030)))] {
        let line = Reading::Good(line_of(&[ticket(1)]));
        let mut unit = hook(Reading::Good(record(1, 0)), line, &Journal::default());
        let now = unit.now.clone();
        unit.handle_time(Some(Wall(1000)), now);
        unit.start(&lock(), &View::default()).unwrap();
        let recovery = Recovery {
            back_off,
            ..Recovery::default()
        };
        unit.fail(&lock(), "exit code 1", recovery);
        assert_eq!(unit.record().locks[&lock()].retry_at, retry_at);
    }
}

#[test]
fn a_failure_that_stops_keeps_its_place_until_it_is_permitted_to_try_again() {
    let unit = stopped();
    let state = &unit.record().locks[&lock()];
    assert_eq!((state.done, state.stopped, state.attempt), (2, true, 1));
    assert_eq!(state.outcome, Some(Outcome::Failed));
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut waiting = committed(&unit, line);
    assert!(waits_stopped(&waiting));
    assert!(request(&mut waiting).joined, "asking again does not help");
    assert!(waiting.start(&lock(), &View::default()).is_err());
    let permitted = line_with(|line| line.retries.push(permission(3, 2)));
    let mut again = committed(&unit, permitted.clone());
    let attempt = again.start(&lock(), &View::default()).unwrap();
    assert_eq!((attempt.number, attempt.interrupted), (2, false));
    again.fail(&lock(), "exit code 1", OnFailure::Stop.into());
    let spent = committed(&again, permitted);
    assert!(waits_stopped(&spent), "the permission was for one attempt");
    let next = committed(
        &again,
        line_with(|line| line.retries.push(permission(3, 3))),
    );
    assert!(matches!(
        next.turn(&lock(), &View::default()),
        Turn::Start(_)
    ));
}

#[test]
fn a_stop_survives_a_hook_that_is_rolled_back_and_the_loss_of_the_disk() {
    let unit = stopped();
    let line = Reading::Good(line_of(&[ticket(3)]));
    let journal = unit.poll_journal(&Journal::default()).unwrap();
    let rolled_back = hook(Reading::Good(record(3, 2)), line.clone(), &journal);
    assert!(waits_stopped(&rolled_back));
    assert!(
        rolled_back
            .poll_record()
            .unwrap()
            .contains(r#""stopped":true"#)
    );
    let published = Reading::Good(unit.record().clone());
    let lost = hook(published.clone(), line, &Journal::default());
    assert!(waits_stopped(&lost));
    let permitted = line_with(|line| line.retries.push(permission(3, 2)));
    let mut lost = hook(published, permitted, &Journal::default());
    let attempt = lost.start(&lock(), &View::default()).unwrap();
    assert_eq!(attempt.number, 2, "a permission names the attempt");
}

#[test]
fn an_attempt_that_is_cut_off_after_a_permission_runs_again() {
    let permitted = line_with(|line| line.retries.push(permission(3, 2)));
    let mut unit = committed(&stopped(), permitted.clone());
    unit.start(&lock(), &View::default()).unwrap();
    let mut next = committed(&unit, permitted);
    let attempt = next.start(&lock(), &View::default()).unwrap();
    assert_eq!((attempt.number, attempt.interrupted), (3, true));
}

#[test]
fn a_failure_that_continues_ends_the_request_and_says_why() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(4, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    assert!(
        unit.fail(&lock(), "exit code 1", OnFailure::Continue.into())
            .is_some()
    );
    assert!(
        unit.fail(&lock(), "again", OnFailure::Continue.into())
            .is_none(),
        "it has ended"
    );
    let state = &unit.record().locks[&lock()];
    assert_eq!(
        (state.done, state.outcome.clone()),
        (3, Some(Outcome::Failed))
    );
    assert_eq!(state.reason.as_deref(), Some("exit code 1"));
    assert_eq!(
        unit.outstanding(&lock()),
        Some(ticket(4)),
        "asked for later"
    );
}

#[test]
fn what_ends_a_stopped_request_ends_the_stop() {
    let cancelled = |skip: bool| {
        line_with(|line| {
            line.cancelled.push(ticket(3));
            line.skipped.extend(skip.then(|| ticket(3)));
        })
    };
    for (line, outcome) in [
        (cancelled(false), Outcome::Cancelled),
        (cancelled(true), Outcome::Skipped),
    ] {
        let unit = committed(&stopped(), line);
        let state = &unit.record().locks[&lock()];
        assert_eq!((state.done, state.stopped), (3, false));
        assert_eq!(state.outcome, Some(outcome));
    }
    let mut unit = stopped();
    assert!(unit.withdraw(&lock(), None));
    assert!(!unit.record().locks[&lock()].stopped);
}

#[test]
fn nothing_starts_while_paused_not_even_what_was_cut_off() {
    let line = Reading::Good(line_of(&[ticket(3)]));
    let mut unit = hook(Reading::Good(record(3, 2)), line, &Journal::default());
    unit.start(&lock(), &View::default()).unwrap();
    let paused = line_with(|line| line.paused = Some("night".to_owned()));
    let next = committed(&unit, paused);
    let turn = next.turn(&lock(), &View::default());
    assert_eq!(turn, Turn::Wait(Wait::Paused("night".to_owned())));
}
