//! What operators order.

use super::*;

#[test]
fn an_entry_that_an_operator_forces_leaves_at_once_and_does_not_come_back() {
    let forced = Order::Force(lock(), ticket(1, 1));
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]).edit(|case| case.orders.push(forced));
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(case.writes(), ["app/2#1"]);
    assert_eq!(line.locks[&lock()].cancelled, [ticket(1, 1)]);
    let later =
        Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(|case| case.line = Reading::Good(line));
    assert_eq!(
        later.lead(),
        Plan::Keep { wake: false },
        "its request joins no more"
    );
}

#[test]
fn a_cancelled_ticket_is_published_until_its_unit_has_finished_it() {
    let case = Case::new(&[(0, 0), (1, 0)], &[1])
        .edit(|case| case.orders.push(Order::Cancel(lock(), ticket(1, 1))));
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].cancelled, [ticket(1, 1)]);
    assert_eq!(
        line.locks[&lock()].entries.len(),
        1,
        "only its unit may finish it"
    );
    let accepted = Case::new(&[(0, 0), (1, 1)], &[1]).edit(|case| case.line = Reading::Good(line));
    let Plan::Write { line, .. } = accepted.lead() else {
        panic!()
    };
    assert_eq!(
        line.locks[&lock()],
        LockLine {
            entries: line.locks[&lock()].entries.clone(),
            ..LockLine::default()
        }
    );
}

/// The line that a leader writes for these orders, about app/1 in a line of three.
fn ordered(case: Case, orders: &[Order]) -> Line {
    let case = case.edit(|case| case.orders = orders.to_vec());
    let Plan::Write { line, .. } = case.lead() else {
        panic!("{:?}", case.lead())
    };
    line
}

fn next(line: Line) -> Case {
    Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(|case| case.line = Reading::Good(line))
}

#[test]
fn a_pause_is_written_once_and_the_line_is_kept_all_the_same() {
    let pause = Order::Pause(lock(), "night".to_owned());
    let case = || Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]);
    let mut line = ordered(case(), std::slice::from_ref(&pause));
    assert_eq!(line.locks[&lock()].paused.as_deref(), Some("night"));
    line.locks.get_mut(&lock()).unwrap().entries.truncate(1);
    let again = next(line.clone()).edit(|case| case.orders.push(pause));
    assert_eq!(again.writes(), ["app/1#1", "app/2#1"], "others join");
    let idle = next(line.clone()).edit(|case| {
        case.units.insert(2, Reading::Good(record(2, 0, 0)));
        case.orders.push(Order::Pause(lock(), "night".to_owned()));
    });
    assert_eq!(idle.lead(), Plan::Keep { wake: false }, "it is so already");
    let line = ordered(next(line), &[Order::Resume(lock())]);
    assert_eq!(line.locks[&lock()].paused, None);
}

#[test]
fn a_lock_can_be_paused_before_anybody_asks_and_resuming_what_runs_writes_nothing() {
    let case = || Case::new(&[(0, 0), (0, 0)], &[]);
    let line = ordered(case(), &[Order::Pause(lock(), "night".to_owned())]);
    assert_eq!(line.locks[&lock()].paused.as_deref(), Some("night"));
    let resume = case().edit(|case| case.orders.push(Order::Resume(lock())));
    assert_eq!(resume.lead(), Plan::Keep { wake: false });
}

#[test]
fn a_leader_does_not_wake_itself_for_a_turn_that_is_paused_or_stopped() {
    let wakes = |change: fn(&mut LockLine, &mut LockRecord)| {
        let case = Case::new(&[(1, 0), (1, 0)], &[0]).edit(|case| {
            let (Reading::Good(line), Some(Reading::Good(own))) =
                (&mut case.line, case.units.get_mut(&0))
            else {
                panic!()
            };
            let own = own.locks.get_mut(&lock()).unwrap();
            change(line.locks.get_mut(&lock()).unwrap(), own);
        });
        let Plan::Write { wake, .. } = case.lead() else {
            panic!()
        };
        wake
    };
    assert!(wakes(|_, _| ()));
    assert!(!wakes(|line, _| line.paused = Some(String::new())));
    assert!(!wakes(|_, own| own.stopped = true));
}

#[test]
fn a_permission_to_retry_is_published_and_goes_with_its_entry() {
    let case = || Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]);
    let retry = |attempt| Order::Retry(lock(), ticket(1, 1), attempt);
    let line = ordered(case(), &[retry(2)]);
    assert!(line.locks[&lock()].permits(&ticket(1, 1), 1));
    assert!(!line.locks[&lock()].permits(&ticket(1, 1), 2));
    let once = next(line.clone()).edit(|case| {
        case.orders.push(retry(2));
        case.policy.limit = 0;
        case.policy.lookahead = 0;
    });
    assert_eq!(once.lead(), Plan::Keep { wake: false }, "it is so already");
    let line = ordered(next(line), &[retry(3)]);
    assert_eq!(line.locks[&lock()].retries.len(), 1);
    assert!(line.locks[&lock()].permits(&ticket(1, 1), 2));
    let over =
        Case::new(&[(1, 0), (1, 1), (1, 0)], &[]).edit(|case| case.line = Reading::Good(line));
    let Plan::Write { line, .. } = over.lead() else {
        panic!()
    };
    assert!(line.locks[&lock()].retries.is_empty());
}

#[test]
fn a_skip_is_a_cancellation_with_a_mark_of_its_own() {
    let case = || Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]);
    let marks = |line: &Line| {
        let line = &line.locks[&lock()];
        (line.cancelled.len(), line.skipped.len(), line.forced.len())
    };
    let skip = Order::Skip(lock(), ticket(1, 1));
    let skipped = ordered(case(), std::slice::from_ref(&skip));
    assert_eq!(marks(&skipped), (1, 1, 0));
    let cancelled = ordered(case(), &[Order::Cancel(lock(), ticket(1, 1)), skip]);
    assert_eq!(marks(&cancelled), (1, 0, 0), "what is cancelled stays so");
    let forced = ordered(case(), &[Order::Force(lock(), ticket(1, 1))]);
    assert_eq!(marks(&forced), (1, 0, 1), "a trace of the risk");
    let answered =
        Case::new(&[(0, 0), (1, 1), (1, 0)], &[]).edit(|case| case.line = Reading::Good(forced));
    let Plan::Write { line, .. } = answered.lead() else {
        panic!()
    };
    assert_eq!(marks(&line), (0, 0, 0));
}

fn roll(lock: LockName, reason: &str) -> Order {
    let call = crate::Call {
        reason: reason.to_owned(),
        operation: None,
        payload: None,
    };
    Order::Roll(lock, call)
}

#[test]
fn an_order_is_about_one_lock() {
    let backup: LockName = "backup".parse().unwrap();
    let set = [
        roll(lock(), "keys"),
        Order::Pause(lock(), "night".to_owned()),
        Order::Move(lock(), "peers".to_owned()),
    ];
    let in_line = || Case::new(&[(0, 0), (1, 0), (1, 0)], &[1, 2]);
    let line = ordered(in_line(), &set);
    let state = &line.locks[&lock()];
    assert!(state.campaign.is_some() && state.paused.is_some() && state.moved.is_some());
    for other in [
        roll(backup.clone(), "cipher"),
        Order::Pause(backup.clone(), "noon".to_owned()),
        Order::Move(backup.clone(), "cluster".to_owned()),
    ] {
        let written = ordered(next(line.clone()), &[other]);
        assert_eq!(&written.locks[&lock()], state);
    }
    for other in [
        Order::Cancel(backup.clone(), ticket(1, 1)),
        Order::Skip(backup.clone(), ticket(1, 1)),
        Order::Force(backup.clone(), ticket(1, 1)),
        Order::Resume(backup.clone()),
        Order::Abort(backup.clone()),
        Order::TakeUp(backup),
    ] {
        let case = next(line.clone()).edit(|case| case.orders.push(other));
        assert_eq!(case.lead(), Plan::Keep { wake: false });
    }
}

#[test]
fn a_campaign_is_called_by_the_line_that_announces_it() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1, 2]);
    let line = ordered(case, &[roll(lock(), "keys")]);
    let campaign = line.locks[&lock()].campaign.as_ref().unwrap();
    assert_eq!(campaign.version, line.version);
}

#[test]
fn a_campaign_in_which_all_have_gone_cannot_be_aborted() {
    let alone = Case::new(&[(0, 0)], &[]);
    let mut line = ordered(alone, &[roll(lock(), "keys")]);
    let state = line.locks.get_mut(&lock()).unwrap();
    let campaign = state.campaign.as_mut().unwrap();
    let id = campaign.id.clone();
    state.entries.clear();
    let gone = Case::new(&[(1, 1)], &[]).edit(|case| {
        let Some(Reading::Good(record)) = case.units.get_mut(&0) else {
            panic!()
        };
        record.locks.get_mut(&lock()).unwrap().served = Some(id);
        case.line = Reading::Good(line);
        case.orders.push(Order::Abort(lock()));
    });
    assert_eq!(gone.lead(), Plan::Keep { wake: false });
}

#[test]
fn two_orders_in_one_hook_are_both_carried_out() {
    let roll = roll(lock(), "keys");
    let pause = Order::Pause(lock(), "night".to_owned());
    let skip = Order::Skip(lock(), ticket(1, 1));
    let retry = Order::Retry(lock(), ticket(1, 1), 2);
    let in_line = || Case::new(&[(0, 0), (1, 0), (1, 0)], &[1, 2]);
    for two in [[&roll, &skip], [&skip, &pause], [&pause, &retry]] {
        let orders = two.map(Clone::clone);
        let line = &ordered(in_line(), &orders).locks[&lock()];
        let done = |order: &Order| match order {
            Order::Roll(..) => line.campaign.is_some(),
            Order::Pause(..) => line.paused.is_some(),
            Order::Skip(..) => !line.cancelled.is_empty(),
            _ => !line.retries.is_empty(),
        };
        assert!(orders.iter().all(done), "{orders:?}");
    }
}
