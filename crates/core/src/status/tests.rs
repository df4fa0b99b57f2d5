use super::*;
use crate::fixture::lock;
use crate::{Campaign, CampaignId, Entry, Incarnation, LockLine, LockRecord};

fn name(unit: u32) -> UnitName {
    format!("app/{unit}").parse().unwrap()
}

/// A line in which entries were appended at 100.
fn line(units: &[u32], limit: u32) -> Line {
    let entry = |&unit: &u32| Entry {
        ticket: ticket(unit),
        limit,
        wave: 0,
        at: Some(Wall(100)),
        unknown: BTreeMap::new(),
    };
    let entries = units.iter().map(entry).collect();
    let lines = LockLine {
        entries,
        ..LockLine::default()
    };
    Line {
        term: 1,
        version: 1,
        leader: name(0),
        opening: None,
        locks: BTreeMap::from([(lock(), lines)]),
        unknown: BTreeMap::new(),
    }
}

fn ticket(unit: u32) -> Ticket {
    Ticket {
        unit: name(unit),
        incarnation: Incarnation::from_random(unit),
        seq: 1,
    }
}

fn record(unit: u32, state: LockRecord) -> (UnitName, Reading<UnitRecord>) {
    let mut record = UnitRecord::new(Incarnation::from_random(unit));
    record.locks.insert(lock(), state);
    (name(unit), Reading::Good(record))
}

/// Asked at 50.
fn asks(unit: u32) -> (UnitName, Reading<UnitRecord>) {
    let state = LockRecord {
        seq: 1,
        requested_at: Some(Wall(50)),
        ..LockRecord::default()
    };
    record(unit, state)
}

fn ended(unit: u32, outcome: Outcome, at: u64) -> (UnitName, Reading<UnitRecord>) {
    let failed = outcome == Outcome::Failed;
    let state = LockRecord {
        seq: 1,
        done: u64::from(!failed),
        attempt: 2,
        reason: failed.then(|| "exit code 1".to_owned()),
        outcome: Some(outcome),
        requested_at: Some(Wall(50)),
        ended_at: Some(Wall(at)),
        ..LockRecord::default()
    };
    record(unit, state)
}

fn done(unit: u32, at: u64) -> (UnitName, Reading<UnitRecord>) {
    ended(unit, Outcome::Done, at)
}

/// The lock as this unit sees it, with the unit's own journal.
fn seen_by(
    observer: Observer,
    line: Line,
    records: impl IntoIterator<Item = (UnitName, Reading<UnitRecord>)>,
) -> LockStatus {
    let records = records.into_iter().collect();
    let mut status = Status::seen_by(observer, &Reading::Good(line), &records);
    status.locks.remove(&lock()).unwrap()
}

fn seen(
    line: Line,
    records: impl IntoIterator<Item = (UnitName, Reading<UnitRecord>)>,
) -> LockStatus {
    seen_by(Observer::default(), line, records)
}

fn observer(unit: u32) -> Observer {
    Observer {
        unit: Some(name(unit)),
        ..Observer::default()
    }
}

/// Of each unit: its place, since when, and why.
fn said(status: &LockStatus) -> Vec<(String, Option<u64>, &str)> {
    let units = status.units.iter();
    let said = units.map(|unit| {
        let since = unit.since.map(|since| since.0);
        (unit.place(), since, unit.wait.as_deref().unwrap_or("-"))
    });
    said.collect()
}

fn says(status: &LockStatus, unit: u32) -> &str {
    let unit = status.unit(&name(unit)).unwrap();
    unit.wait.as_deref().unwrap_or("-")
}

fn place(text: &str, since: u64, why: &'static str) -> (String, Option<u64>, &'static str) {
    (text.to_owned(), Some(since), why)
}

#[test]
fn a_request_has_asked_then_moves_up_the_line_and_is_then_over() {
    let records = [done(0, 300), asks(1), asks(2), asks(3), asks(4)];
    let status = seen(line(&[0, 1, 2], 1), records);
    let wanted = [
        place("its turn", 300, "running or failed, see its log"),
        place("2nd in line", 50, "behind app/1"),
        place("requested", 50, "queued, 1st behind app/1, app/2"),
        place("requested", 50, "queued, 2nd behind app/1, app/2"),
        place("idle", 300, "-"),
    ];
    assert_eq!(said(&status), wanted);
    let second = status.unit(&name(2)).unwrap();
    assert_eq!((second.place, second.position), (Place::InLine, Some(2)));
    assert_eq!(second.waits_for, [name(1)]);
    assert_eq!(
        (second.ticket.as_deref(), second.number),
        (Some("app/2#1"), Some(1))
    );
    assert_eq!(status.unit(&name(9)), None);
}

#[test]
fn a_turn_began_with_the_finish_that_made_room_or_when_the_entry_was_appended() {
    let since = |status: LockStatus, unit| status.unit(&name(unit)).unwrap().since;
    let first = seen(line(&[1], 1), [asks(1)]);
    assert_eq!(since(first, 1), Some(Wall(100)), "when it was appended");
    let records = || {
        [
            done(0, 400),
            done(1, 200),
            done(2, 300),
            asks(3),
            asks(4),
            asks(5),
        ]
    };
    let serial = seen(line(&[0, 1, 2, 3], 1), records());
    assert_eq!(since(serial, 3), Some(Wall(400)), "after all before it");
    let pairs = seen(line(&[0, 1, 2, 3, 4], 2), records());
    assert_eq!(
        since(pairs.clone(), 3),
        Some(Wall(300)),
        "after the second of three"
    );
    assert_eq!(since(pairs, 4), Some(Wall(400)));
    let wide = seen(line(&[0, 1, 2, 3], 9), records());
    assert_eq!(since(wide, 3), Some(Wall(100)), "it never had to wait");
    let mut old = line(&[0, 1], 1);
    old.locks.get_mut(&lock()).unwrap().entries[1].at = None;
    let told_by_nobody = seen(old, [asks(0), asks(1)]);
    assert_eq!(since(told_by_nobody, 1), Some(Wall(50)));
}

#[test]
fn a_failure_is_said_of_its_unit_and_of_all_that_it_stops() {
    let records = [ended(1, Outcome::Failed, 200), asks(2), asks(3)];
    let status = seen(line(&[1, 2], 1), records);
    let failed = "attempt 2 failed: exit code 1; its next hook tries again";
    let wanted = [
        place("its turn", 200, failed),
        place("2nd in line", 50, "stopped, app/1 failed: exit code 1"),
        place("requested", 50, "stopped, app/1 failed: exit code 1"),
    ];
    assert_eq!(said(&status), wanted);
    let first = status.unit(&name(1)).unwrap();
    assert_eq!(first.attempt, Some(2));
    assert_eq!(first.outcome, Some(Outcome::Failed));
    assert_eq!(first.reason.as_deref(), Some("exit code 1"));
    let second = status.unit(&name(2)).unwrap();
    assert_eq!(
        second.summary().unwrap(),
        "stopped, app/1 failed: exit code 1"
    );
}

#[test]
fn how_a_check_stands_is_said_of_its_unit_and_to_those_behind_it() {
    let on_trial = |ok: bool| {
        let state = LockRecord {
            seq: 1,
            attempt: 1,
            reason: (!ok).then(|| "no answer".to_owned()),
            check: Some(CheckStanding {
                ok,
                since: Some(Wall(3_600)),
                until: ok.then_some(Wall(3_660)),
            }),
            ..LockRecord::default()
        };
        seen(line(&[1, 2], 1), [record(1, state), asks(2)])
    };
    let soaking = on_trial(true);
    let words = "soaking until 01:01:00 UTC; its check has held since 01:00:00";
    assert_eq!(says(&soaking, 1), words);
    assert_eq!(says(&soaking, 2), "behind app/1, which is soaking");
    assert_eq!(soaking.units[0].attempt, Some(1));
    let failing = on_trial(false);
    let words = "its check has failed since 01:00:00 UTC: no answer";
    assert_eq!(says(&failing, 1), words);
    assert_eq!(says(&failing, 2), "behind app/1, whose check fails");
}

#[test]
fn when_a_failure_is_tried_again_is_said() {
    let (unit, mut failed) = ended(1, Outcome::Failed, 120);
    if let Reading::Good(record) = &mut failed {
        let state = record.locks.get_mut(&lock()).unwrap();
        state.retry_at = Some(Wall(3_600));
    }
    let status = seen(line(&[1], 1), [(unit, failed)]);
    let words = "attempt 2 failed: exit code 1; tries again at 01:00:00 UTC";
    assert_eq!(says(&status, 1), words);
}

#[test]
fn what_an_earlier_request_came_to_is_not_said_of_the_next_one() {
    let mut again = done(1, 90);
    let Reading::Good(record) = &mut again.1 else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().seq = 2;
    let mut line = line(&[1], 1);
    line.locks.get_mut(&lock()).unwrap().entries[0].ticket.seq = 2;
    let status = seen(line, [again]);
    let unit = status.unit(&name(1)).unwrap();
    assert_eq!(
        unit.attempt, None,
        "the published attempt is the last request's"
    );
    assert_eq!(unit.wait.as_deref(), Some("running or failed, see its log"));
    assert_eq!(unit.since, Some(Wall(100)));
}

#[test]
fn a_unit_knows_more_of_itself_than_others_do() {
    let own = |ended, running: bool| Observer {
        started: BTreeMap::from([(
            lock(),
            Started {
                seq: 1,
                attempt: 3,
                ended,
                at: Some(Wall(150)),
            },
        )]),
        running: running.then(lock).into_iter().collect(),
        ..observer(1)
    };
    let look = |observer| seen_by(observer, line(&[1, 2], 1), [asks(1), asks(2)]);
    let running = look(own(false, true));
    assert_eq!(says(&running, 1), "running, attempt 3");
    assert_eq!(
        said(&running)[0].1,
        Some(150),
        "since when, its journal says"
    );
    assert_eq!(running.unit(&name(1)).unwrap().attempt, Some(3));
    assert_eq!(
        says(&look(own(false, false)), 1),
        "attempt 3 was interrupted; its next hook begins another"
    );
    assert_eq!(says(&look(observer(1)), 1), "its next hook begins");
    assert_eq!(
        says(&look(observer(2)), 1),
        "running or failed, see its log"
    );
}

#[test]
fn who_is_not_put_in_line_waits_for_the_leader_unless_the_line_is_long_enough() {
    let nobody_waits = seen(line(&[1], 2), [asks(1), asks(2)]);
    let wanted = "waits for the leader app/0 to put it in the line";
    assert_eq!(says(&nobody_waits, 2), wanted);
    let leads = Observer {
        leads: true,
        ..observer(2)
    };
    let new_leader = seen_by(leads, line(&[], 1), [asks(1), asks(2)]);
    assert_eq!(
        says(&new_leader, 1),
        "waits for the leader app/2 to put it in the line"
    );
    let absent = Status::of(&Reading::Absent, &[asks(1)].into());
    assert_eq!(
        says(&absent.locks[&lock()], 1),
        "waits for the leader to put it in the line"
    );
}

#[test]
fn a_unit_that_leaves_is_told_from_one_that_works() {
    let members = Observer {
        members: Some([name(0), name(2)].into()),
        ..observer(2)
    };
    let status = seen_by(members, line(&[1, 2], 1), [asks(2)]);
    assert_eq!(says(&status, 1), "leaving, until Juju forgets it");
    assert_eq!(
        says(&status, 2),
        "behind app/1, which is leaving, until Juju forgets it"
    );
}

#[test]
fn what_an_operator_has_ordered_is_said() {
    let order = |change: fn(&mut LockLine)| {
        let mut line = line(&[1], 1);
        change(line.locks.get_mut(&lock()).unwrap());
        seen(line, [asks(1), asks(2)])
    };
    let paused = order(|line| line.paused = Some("night".to_owned()));
    assert_eq!(says(&paused, 1), "paused: night");
    assert_eq!(paused.paused.as_deref(), Some("night"));
    let cancelled = order(|line| line.cancelled = vec![ticket(1), ticket(2)]);
    assert_eq!(says(&cancelled, 1), "cancelled by an operator");
    assert_eq!(says(&cancelled, 2), "cancelled by an operator");
    let failed = [ended(1, Outcome::Failed, 200), asks(2)];
    let mut line = line(&[1], 1);
    line.locks.get_mut(&lock()).unwrap().cancelled = vec![ticket(2)];
    let cancelled_behind_a_failure = seen(line, failed);
    assert_eq!(
        says(&cancelled_behind_a_failure, 2),
        "cancelled by an operator"
    );
    let moved = order(|line| line.moved = Some("peers".to_owned()));
    assert_eq!(says(&moved, 2), "the lock has moved to the endpoint peers");
}

#[test]
fn of_many_units_ahead_the_first_few_are_named() {
    let status = seen(line(&[0, 1, 2, 3, 4, 5], 1), (0..6).map(asks));
    assert_eq!(says(&status, 5), "behind app/0, app/1, app/2 and 2 more");
    let status = seen(line(&[0, 1, 2, 3], 4), (0..6).map(asks));
    let queued = "queued, 2nd behind app/0, app/1, app/2 and 1 more";
    assert_eq!(says(&status, 5), queued);
}

#[test]
fn one_line_says_what_a_unit_waits_for_and_nothing_if_it_waits_for_nothing() {
    let records = [asks(1), asks(2), done(3, 9)].into();
    let status = Status::of(&Reading::Good(line(&[1, 2], 1)), &records);
    assert_eq!(
        status.summary(&name(2)).unwrap(),
        "restart: 2nd in line, behind app/1"
    );
    assert_eq!(status.summary(&name(3)), None);
    assert_eq!(status.summary(&name(4)), None);
}

#[test]
fn what_cannot_be_read_is_told() {
    let unreadable = (name(1), Reading::Unreadable("expected value".to_owned()));
    let status = Status::of(&Reading::Good(line(&[0], 1)), &[unreadable].into());
    let unit = status.locks[&lock()].unit(&name(1)).unwrap();
    assert_eq!(unit.place, Place::Unreadable);
    assert!(unit.wait.as_ref().unwrap().contains("expected value"));
    let garbage = Reading::Unreadable("expected value".to_owned());
    let status = Status::of(&garbage, &[asks(1)].into());
    assert!(status.warnings[0].starts_with("the line: "), "{status:?}");
    assert_eq!(
        says(&status.locks[&lock()], 1),
        "the line cannot be read, see the warning"
    );
}

#[test]
fn a_line_that_is_not_open_yet_is_told() {
    let mut line = line(&[], 1);
    line.opening = Some(3);
    let status = Status::of(&Reading::Good(line), &[asks(1)].into());
    assert!(status.warnings[0].contains("relation 3"), "{status:?}");
    assert!(says(&status.locks[&lock()], 1).starts_with("the line is not open yet"));
}

#[test]
fn a_table_for_people_says_how_long_each_has_been_where_it_is() {
    let mut upgrade = asks(3);
    if let Reading::Good(record) = &mut upgrade.1 {
        record.locks.get_mut(&lock()).unwrap().operation = Some("upgrade".to_owned());
    }
    let records = [
        done(0, 300),
        ended(1, Outcome::Failed, 1000),
        asks(2),
        upgrade,
    ];
    let at = |now| {
        let observer = Observer {
            now: Some(Wall(now)),
            ..Observer::default()
        };
        let line = Reading::Good(line(&[0, 1, 2], 1));
        Status::seen_by(observer, &line, &records.clone().into()).table()
    };
    let table = "\
lock restart
UNIT    PLACE         SINCE  DONE  OPERATION  WHY
app/1   its turn      2 min     0  -          attempt 2 failed: exit code 1; its next hook tries again
app/2   2nd in line  18 min     0  -          stopped, app/1 failed: exit code 1
app/3   requested    18 min     0  upgrade    stopped, app/1 failed: exit code 1
app/0*  idle         14 min     1  -          done
";
    assert_eq!(at(1140), table);
    let since = |text: &str| at(1000 + 86_400 * 9).contains(text);
    assert!(since("   9 d "), "{}", at(1000 + 86_400 * 9));
}

#[test]
fn a_campaign_is_shown_with_its_progress_and_with_those_whom_it_still_calls() {
    let campaign = Campaign {
        id: CampaignId::new(1, 7),
        version: 1,
        reason: "new keys".to_owned(),
        operation: Some("rotate".to_owned()),
        payload: None,
        aborted: false,
        cancelled_before: Vec::new(),
        at: Some(Wall(90)),
        unknown: BTreeMap::new(),
    };
    let gone = |unit| {
        let state = LockRecord {
            seq: 1,
            done: 1,
            served: Some(CampaignId::new(1, 7)),
            outcome: Some(Outcome::Done),
            ended_at: Some(Wall(120)),
            ..LockRecord::default()
        };
        record(unit, state)
    };
    let idle = |unit| record(unit, LockRecord::default());
    let mut line = line(&[0, 1, 2], 1);
    line.locks.get_mut(&lock()).unwrap().campaign = Some(campaign);
    let units = [
        gone(0),
        idle(1),
        idle(2),
        idle(3),
        (name(4), Reading::Absent),
    ];
    let status = seen(line.clone(), units.clone());
    let expected = [
        ("its turn", Some(120), "running or failed, see its log"),
        ("2nd in line", Some(100), "behind app/1"),
        (
            "called",
            Some(90),
            "the leader invites it when the line runs short",
        ),
        (
            "called",
            Some(90),
            "asks in its next hook: nobody knows its record yet",
        ),
        ("idle", Some(120), "-"),
    ];
    let expected = expected.map(|(place, since, why)| (place.to_owned(), since, why));
    assert_eq!(said(&status), expected);
    let operations = status.units.iter().map(|unit| unit.operation.as_deref());
    assert_eq!(operations.take(4).collect::<Vec<_>>(), [Some("rotate"); 4]);
    let campaign = status.campaign.unwrap();
    assert_eq!((campaign.gone.len(), campaign.left.len()), (1, 4));
    assert_eq!(
        campaign.summary(),
        "campaign 'new keys': 1 of 5 units have gone"
    );
    let lines = line.locks.get_mut(&lock()).unwrap();
    lines.campaign.as_mut().unwrap().aborted = true;
    let status = seen(line.clone(), units);
    assert_eq!(
        status.campaign.unwrap().summary(),
        "campaign 'new keys' aborted"
    );
    let status = seen(line, [gone(0)]);
    let campaign = CampaignStatus {
        aborted: false,
        ..status.campaign.unwrap()
    };
    assert_eq!(campaign.summary(), "campaign 'new keys' done");
}

#[test]
fn units_that_are_unavailable_are_named_with_the_reason() {
    let broken = |(unit, mut record): (UnitName, Reading<UnitRecord>)| {
        if let Reading::Good(record) = &mut record {
            record.unavailable = Some("the disk is full".to_owned());
        }
        (unit, record)
    };
    let never_asked = (
        name(3),
        Reading::Good(UnitRecord::new(Incarnation::from_random(3))),
    );
    let records = [asks(1), broken(asks(2)), broken(never_asked)];
    let status = Status::of(&Reading::Good(line(&[], 1)), &records.into());
    let lock = &status.locks[&lock()];
    assert_eq!(
        says(lock, 1),
        "waits for the leader app/0 to put it in the line; unavailable: app/2, app/3"
    );
    let table = status.table();
    let row = |unit: &str| table.lines().find(|row| row.starts_with(unit)).unwrap();
    let repair = "waits for the leader app/0 to put it in the line; unavailable: the disk is full";
    assert!(row("app/2").ends_with(repair), "{table}");
    assert!(row("app/3").contains("idle"), "{table}");
    assert!(
        row("app/3").ends_with("  unavailable: the disk is full"),
        "{table}"
    );
}
