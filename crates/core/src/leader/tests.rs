//! What the leader does about the line, case by case.

mod availability;

use super::*;
use crate::fixture::{self, lock, record};
use crate::policy::{Request, Rotation, Rules, Situation, Waves};
use crate::unit::Own;
use crate::{
    Entry, Incarnation, LockRecord, Tick, Ticket, Unit, UnitRecord, View, decode_line, encode_line,
};

fn name(unit: u32) -> UnitName {
    format!("app/{unit}").parse().unwrap()
}

fn ticket(unit: u32, seq: u64) -> Ticket {
    Ticket {
        unit: name(unit),
        incarnation: Incarnation::from_random(unit),
        seq,
    }
}

/// A leader's hook, ready to be varied. The leader is app/0.
struct Case {
    units: BTreeMap<u32, Reading<UnitRecord>>,
    line: Reading<Line>,
    members: BTreeSet<UnitName>,
    departing: Option<UnitName>,
    alive: Option<BTreeSet<UnitName>>,
    now: u64,
    finished_operation: bool,
    saw_finish: bool,
    orders: Vec<Order>,
    held: BTreeMap<LockName, String>,
    lost: Option<u64>,
    asks_itself: bool,
    policy: Rotation,
}

impl Case {
    /// Units 0.. with `(seq, done)` each, and a line of these units' first tickets.
    fn new(units: &[(u64, u64)], line: &[u32]) -> Self {
        let units: BTreeMap<u32, _> = (0..)
            .zip(units)
            .map(|(unit, &(seq, done))| (unit, Reading::Good(record(unit, seq, done))))
            .collect();
        let mut case = Self {
            members: units.keys().skip(1).map(|&unit| name(unit)).collect(),
            units,
            line: Reading::Absent,
            departing: None,
            alive: None,
            now: 0,
            finished_operation: false,
            saw_finish: true,
            orders: Vec::new(),
            held: BTreeMap::new(),
            lost: None,
            asks_itself: false,
            policy: Rotation {
                limit: 1,
                lookahead: 2,
            },
        };
        if !line.is_empty() {
            let entries = line
                .iter()
                .map(|&unit| Entry {
                    at: None,
                    ticket: ticket(unit, 1),
                    limit: 1,
                    wave: 0,
                    unknown: BTreeMap::new(),
                })
                .collect();
            case.line = Reading::Good(Line {
                term: 4,
                version: 7,
                leader: name(0),
                opening: None,
                locks: BTreeMap::from([(
                    lock(),
                    LockLine {
                        entries,
                        ..LockLine::default()
                    },
                )]),
                unknown: BTreeMap::new(),
            });
        }
        case
    }

    fn edit(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    fn lead(&self) -> Plan {
        self.lead_by(&self.policy)
    }

    fn lead_by(&self, policy: &dyn Policy) -> Plan {
        self.with_input(|input| lead(input, policy))
    }

    fn with_input<R>(&self, work: impl FnOnce(&Lead<'_>) -> R) -> R {
        let own = Own {
            fresh: Incarnation::from_random(0),
            ..fixture::own(self.units[&0].clone(), self.line.clone())
        };
        let mut unit = Unit::open(name(0), own);
        if self.asks_itself {
            fixture::request(&mut unit, &lock());
        }
        let mut view = View::default();
        for (&other, record) in self.units.iter().skip(1) {
            view.handle_record(name(other), record.clone());
        }
        let input = Lead {
            unit: &unit,
            view: &view,
            members: &self.members,
            departing: self.departing.as_ref(),
            alive: self.alive.as_ref(),
            read_at: Tick(0),
            now: Tick(self.now),
            wall: None,
            finished_operation: self.finished_operation,
            orders: &self.orders,
            held: &self.held,
            lost: self.lost,
            saw_finish: self.saw_finish,
            random: 7,
        };
        work(&input)
    }

    /// Which invariant a line like the one that was read breaks with these changes, if any.
    fn broken_by(&self, change: impl FnOnce(&mut Line)) -> Option<&'static str> {
        let Reading::Good(mut line) = self.line.clone() else {
            panic!()
        };
        line.version += 1;
        change(&mut line);
        let judged = self.with_input(|input| may_follow(input, &line));
        judged.err().map(|violation| violation.invariant)
    }

    /// The line that the leader writes, as `unit#seq` texts.
    fn writes(&self) -> Vec<String> {
        match self.lead() {
            Plan::Write { line, .. } => line
                .locks
                .get(&lock())
                .map(|line| {
                    line.entries
                        .iter()
                        .map(|entry| entry.ticket.to_string())
                        .collect()
                })
                .unwrap_or_default(),
            other => panic!("nothing was written: {other:?}"),
        }
    }
}

#[test]
fn requests_join_the_line_up_to_limit_and_lookahead() {
    let case = Case::new(&[(1, 0); 9], &[]);
    assert_eq!(case.writes(), ["app/0#1", "app/1#1", "app/2#1"]);
}

#[test]
fn the_first_line_has_term_and_version_one_and_both_only_grow() {
    let Plan::Write { line, .. } = Case::new(&[(0, 0), (1, 0)], &[]).lead() else {
        panic!()
    };
    assert_eq!((line.term, line.version), (1, 1));
    let again = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]);
    let Plan::Write { line, .. } = again.lead() else {
        panic!()
    };
    assert_eq!((line.term, line.version), (4, 8));
    let other_leads = again.edit(|case| {
        let Reading::Good(line) = &mut case.line else {
            panic!()
        };
        line.leader = name(5);
    });
    let Plan::Write { line, .. } = other_leads.lead() else {
        panic!()
    };
    assert_eq!((line.term, line.version), (5, 8));
}

#[test]
fn an_idle_application_causes_no_write() {
    assert_eq!(
        Case::new(&[(0, 0), (3, 3)], &[]).lead(),
        Plan::Keep { wake: false }
    );
    assert_eq!(
        Case::new(&[(1, 1), (1, 1)], &[0, 1]).lead(),
        Plan::Keep { wake: false }
    );
}

#[test]
fn a_line_in_which_somebody_is_queued_is_left_alone() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)], &[1, 2]);
    assert_eq!(case.lead(), Plan::Keep { wake: false });
}

#[test]
fn once_nobody_is_queued_all_that_wait_join() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)], &[1])
        .edit(|case| case.policy = Rotation::default());
    assert_eq!(case.writes(), ["app/1#1", "app/2#1", "app/3#1", "app/4#1"]);
}

#[test]
fn a_request_alone_is_no_reason_to_write_while_nobody_more_may_run() {
    let quiet = |entries: &[u32]| {
        Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0)], entries).edit(|case| case.saw_finish = false)
    };
    assert_eq!(quiet(&[1]).lead(), Plan::Keep { wake: false });
    assert_eq!(quiet(&[]).writes(), ["app/1#1", "app/2#1", "app/3#1"]);
}

#[test]
fn finished_entries_make_room_and_the_rest_keeps_its_order() {
    let case = Case::new(&[(0, 0), (1, 1), (1, 0), (1, 0), (1, 0)], &[1, 3, 2]).edit(|case| {
        case.policy = Rotation {
            limit: 2,
            lookahead: 4,
        }
    });
    assert_eq!(case.writes(), ["app/3#1", "app/2#1", "app/4#1"]);
}

#[test]
fn a_unit_that_asks_again_goes_behind_those_that_wait() {
    let case = Case::new(&[(0, 0), (2, 1), (1, 0), (1, 0)], &[1]).edit(|case| {
        case.policy = Rotation {
            limit: 1,
            lookahead: 0,
        }
    });
    assert_eq!(case.writes(), ["app/2#1"]);
}

#[test]
fn an_unreadable_record_keeps_its_own_entry_and_holds_up_nothing_else() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0)], &[1]).edit(|case| {
        case.units
            .insert(1, Reading::Unreadable("garbage".to_owned()));
    });
    assert_eq!(case.writes(), ["app/1#1", "app/2#1", "app/3#1"]);
}

#[test]
fn a_record_of_an_unknown_major_version_holds_up_only_what_is_behind_its_own_entry() {
    let foreign = |case: &mut Case| drop(case.units.insert(2, Reading::Foreign(2)));
    let asks_for_nothing = Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(foreign);
    assert_eq!(
        asks_for_nothing.writes(),
        ["app/1#1"],
        "it is not guessed at"
    );
    let in_line = Case::new(&[(0, 0), (1, 0), (1, 0)], &[2]).edit(foreign);
    assert_eq!(
        in_line.writes(),
        ["app/2#1", "app/1#1"],
        "it keeps its place"
    );
}

#[test]
fn a_line_of_an_unknown_major_version_freezes_everything() {
    let case = Case::new(&[(1, 0)], &[]).edit(|case| case.line = Reading::Foreign(2));
    let Plan::Frozen(why) = case.lead() else {
        panic!()
    };
    assert!(why.contains("version 2"), "{why}");
}

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
fn a_lock_that_moves_takes_up_nobody_and_lets_its_entries_run_out() {
    let order = Order::Move(lock(), "peers".to_owned());
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[1]).edit(|case| case.orders.push(order));
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].moved.as_deref(), Some("peers"));
    assert_eq!(case.writes(), ["app/1#1"]);
    let later =
        Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(|case| case.line = Reading::Good(line));
    assert_eq!(later.lead(), Plan::Keep { wake: false });
    let back = later.edit(|case| case.orders.push(Order::TakeUp(lock())));
    assert_eq!(back.writes(), ["app/1#1", "app/2#1"]);
}

#[test]
fn a_lock_that_is_still_elsewhere_takes_up_nobody_and_is_not_opened_by_anything() {
    let held = |case: &mut Case| drop(case.held.insert(lock(), "cluster".to_owned()));
    let case = Case::new(&[(0, 0), (1, 0)], &[]).edit(held);
    assert_eq!(case.lead(), Plan::Keep { wake: false });
    let other: LockName = "backup".parse().unwrap();
    let written = Case::new(&[(0, 0), (1, 0)], &[]).edit(held).edit(|case| {
        let Some(Reading::Good(record)) = case.units.get_mut(&1) else {
            panic!()
        };
        record
            .locks
            .insert(other.clone(), record.locks[&lock()].clone());
    });
    let Plan::Write { line, .. } = written.lead() else {
        panic!()
    };
    assert_eq!(line.locks.keys().collect::<Vec<_>>(), [&other]);
    let cancelled = case.edit(|case| case.orders.push(Order::Cancel(lock(), ticket(1, 1))));
    let Plan::Write { line, .. } = cancelled.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].moved.as_deref(), Some("cluster"));
}

#[test]
fn a_lock_that_was_never_in_the_old_line_is_closed_there_too() {
    let order = Order::Move(lock(), "peers".to_owned());
    let case = Case::new(&[(0, 0)], &[]).edit(|case| case.orders.push(order));
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].moved.as_deref(), Some("peers"));
}

#[test]
fn a_leader_whose_own_databag_is_of_a_newer_version_does_not_stand_in_the_way() {
    let case = Case::new(&[(0, 0), (1, 0)], &[]).edit(|case| {
        case.units.insert(0, Reading::Foreign(2));
        case.asks_itself = true;
    });
    assert_eq!(case.writes(), ["app/1#1"]);
}

#[test]
fn what_was_asked_before_the_line_was_removed_by_hand_is_old() {
    let mut case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[]);
    let Some(Reading::Good(record)) = case.units.get_mut(&2) else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().asked = 500;
    case.policy.lookahead = 0;
    assert_eq!(case.writes(), ["app/1#1"], "of the same age, so by number");
}

/// Three units of which the leader has lost sight of relation 3.
fn after_a_loss() -> Case {
    Case::new(&[(1, 0), (1, 0), (1, 0)], &[]).edit(|case| {
        case.lost = Some(3);
        case.alive = Some((0..=2).map(name).collect());
    })
}

fn says_beyond(case: &mut Case, unit: u32, relation: u64) {
    let Some(Reading::Good(record)) = case.units.get_mut(&unit) else {
        panic!()
    };
    record.beyond = Some(relation);
}

fn announced(case: &Case) -> Case {
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!((line.opening, line.locks.len()), (Some(3), 0));
    let mut next = after_a_loss();
    next.line = Reading::Good(line);
    next
}

#[test]
fn after_the_loss_of_a_relation_nobody_joins_until_all_have_left_it() {
    let mut case = announced(&after_a_loss());
    assert_eq!(case.lead(), Plan::Keep { wake: false });
    says_beyond(&mut case, 2, 3);
    says_beyond(&mut case, 1, 2);
    assert_eq!(
        case.lead(),
        Plan::Keep { wake: false },
        "app/1 has left another one"
    );
    says_beyond(&mut case, 1, 3);
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.opening, None);
    assert_eq!(case.writes(), ["app/0#1", "app/1#1", "app/2#1"]);
}

#[test]
fn a_leader_that_has_lost_nothing_itself_learns_it_from_the_others() {
    let mut case = after_a_loss().edit(|case| case.lost = None);
    assert_eq!(case.writes(), ["app/0#1", "app/1#1", "app/2#1"]);
    says_beyond(&mut case, 2, 3);
    announced(&case);
}

#[test]
fn who_is_not_a_member_yet_may_follow_the_old_relation_and_only_the_controller_knows_of_it() {
    let mut case = announced(&after_a_loss()).edit(|case| {
        case.members.remove(&name(2));
    });
    says_beyond(&mut case, 1, 3);
    assert_eq!(case.lead(), Plan::Keep { wake: true });
    let unasked = case.edit(|case| case.alive = None);
    assert_eq!(unasked.lead(), Plan::AskGoalState(Vec::new()));
}

#[test]
fn whose_operation_had_begun_on_the_old_relation_goes_first_on_the_new_one() {
    let mut case = announced(&after_a_loss());
    says_beyond(&mut case, 1, 3);
    says_beyond(&mut case, 2, 3);
    let Some(Reading::Good(record)) = case.units.get_mut(&2) else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().begun = true;
    assert_eq!(case.writes(), ["app/2#1", "app/0#1", "app/1#1"]);
}

#[test]
fn whoever_leaves_while_inside_is_in_the_new_line_until_the_controller_has_forgotten_it() {
    let mut case = announced(&after_a_loss());
    says_beyond(&mut case, 1, 3);
    says_beyond(&mut case, 2, 3);
    let Some(Reading::Good(record)) = case.units.get_mut(&2) else {
        panic!()
    };
    record.locks.get_mut(&lock()).unwrap().begun = true;
    case.departing = Some(name(2));
    assert_eq!(case.writes(), ["app/2#1", "app/0#1", "app/1#1"]);
    case.members.remove(&name(2));
    let Plan::Write { line, wake } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks[&lock()].entries[0].ticket, ticket(2, 1));
    assert!(wake, "nothing tells when it is gone");
    case.alive = Some((0..=1).map(name).collect());
    assert_eq!(case.writes(), ["app/0#1", "app/1#1"]);
}

#[test]
fn a_request_that_is_not_in_view_of_the_leader_is_not_overtaken_twice_by_the_same_unit() {
    // app/0 and app/1 ask again as soon as they have had their turn; app/2 asks once, a little late.
    let mut case = Case::new(&[(0, 0), (0, 0), (0, 0)], &[]).edit(|case| case.policy.lookahead = 0);
    let ask = |case: &mut Case, unit: u32| {
        let version = case.line.good().map_or(0, |line| line.version);
        let Some(Reading::Good(record)) = case.units.get_mut(&unit) else {
            panic!()
        };
        let state = record.locks.get_mut(&lock()).unwrap();
        state.seq += 1;
        state.asked = version;
    };
    ask(&mut case, 0);
    ask(&mut case, 1);
    let mut turns = Vec::new();
    for round in 0..12 {
        if round == 3 {
            ask(&mut case, 2);
        }
        let Plan::Write { line, .. } = case.lead() else {
            panic!()
        };
        case.line = Reading::Good(line.clone());
        let next = line.locks[&lock()].entries[0].ticket.unit.number();
        turns.push(next);
        let Some(Reading::Good(record)) = case.units.get_mut(&next) else {
            panic!()
        };
        record.locks.get_mut(&lock()).unwrap().done += 1;
        if next != 2 {
            ask(&mut case, next);
        }
    }
    let served = turns.iter().position(|unit| *unit == 2).unwrap();
    for other in [0, 1] {
        let overtaken = turns[3..served].iter().filter(|unit| **unit == other);
        assert!(overtaken.count() <= 1, "{turns:?}");
    }
}

#[test]
fn a_corrupt_line_is_left_alone_and_the_reason_says_what_to_do() {
    let case = Case::new(&[(1, 0)], &[]).edit(|case| case.line = decode_line(Some("[]")));
    let Plan::Frozen(why) = case.lead() else {
        panic!()
    };
    assert!(why.contains("remove the key"), "{why}");
}

#[test]
fn a_line_read_too_long_ago_is_not_written() {
    let case = Case::new(&[(1, 0)], &[]);
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(
        case.edit(|case| case.now = WRITE_WITHIN).lead(),
        Plan::Postpone(Postponed::LeaseBound(line)),
        "a later visit may write it"
    );
}

#[test]
fn a_finish_goes_first_where_another_unit_in_the_line_will_wake_us() {
    let case =
        Case::new(&[(1, 1), (1, 0), (1, 0)], &[0, 1]).edit(|case| case.finished_operation = true);
    assert_eq!(case.lead(), Plan::Postpone(Postponed::FinishFirst(name(1))));
}

#[test]
fn an_entry_that_is_only_computed_wakes_nobody_so_it_is_published() {
    let case =
        Case::new(&[(1, 1), (1, 0), (1, 0)], &[0]).edit(|case| case.finished_operation = true);
    assert_eq!(case.writes(), ["app/1#1", "app/2#1"]);
}

#[test]
fn a_unit_that_the_relation_does_not_list_keeps_its_place_until_the_controller_forgets_it() {
    let case = Case::new(&[(0, 0), (1, 0), (1, 0)], &[2, 1])
        .edit(|case| case.members.retain(|member| member != &name(2)));
    assert_eq!(case.lead(), Plan::AskGoalState(vec![name(2)]));
    let leaving = case.edit(|case| case.alive = Some((0..=2).map(name).collect()));
    assert_eq!(leaving.lead(), Plan::Keep { wake: true });
    let gone = leaving.edit(|case| case.alive = Some((0..=1).map(name).collect()));
    assert_eq!(gone.writes(), ["app/1#1"]);
}

#[test]
fn what_a_unit_finished_after_it_departed_is_told_by_the_line() {
    // The leader has read it only because it waits behind it itself.
    let case = Case::new(&[(1, 0), (1, 0), (1, 1)], &[2, 1, 0]);
    let departed = case.edit(|case| {
        case.members.remove(&name(2));
    });
    assert_eq!(departed.writes(), ["app/1#1", "app/0#1"]);
}

#[test]
fn nothing_is_appended_for_a_unit_that_departs() {
    let case =
        Case::new(&[(0, 0), (1, 0), (1, 0)], &[]).edit(|case| case.departing = Some(name(1)));
    assert_eq!(case.writes(), ["app/2#1"]);
    let leaver_leads =
        Case::new(&[(1, 0), (1, 0)], &[]).edit(|case| case.departing = Some(name(0)));
    assert_eq!(leaver_leads.writes(), ["app/1#1"]);
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

#[test]
fn the_leaders_own_turn_is_announced_for_agents_that_send_no_event_for_their_own_write() {
    let Plan::Write { wake, .. } = Case::new(&[(1, 0)], &[]).lead() else {
        panic!()
    };
    assert!(wake);
    let Plan::Write { wake, .. } = Case::new(&[(0, 0), (1, 0)], &[]).lead() else {
        panic!()
    };
    assert!(!wake);
}

#[test]
fn a_cancellation_is_not_put_off_for_a_finish() {
    let case = Case::new(&[(1, 1), (1, 0)], &[0, 1]).edit(|case| {
        case.finished_operation = true;
        case.orders.push(Order::Cancel(lock(), ticket(1, 1)));
    });
    assert!(matches!(case.lead(), Plan::Write { .. }));
}

#[test]
fn a_lock_that_nobody_waits_for_gets_no_line_and_no_cancellation() {
    let other: LockName = "reload".parse().unwrap();
    let case = Case::new(&[(0, 0), (1, 0)], &[1]).edit(|case| {
        case.orders.push(Order::Cancel(lock(), ticket(1, 1)));
        if let Some(Reading::Good(record)) = case.units.get_mut(&1) {
            let idle = LockRecord {
                seq: 1,
                done: 1,
                ..LockRecord::default()
            };
            record.locks.insert(other.clone(), idle);
        }
    });
    let Plan::Write { line, .. } = case.lead() else {
        panic!()
    };
    assert_eq!(line.locks.keys().collect::<Vec<_>>(), [&lock()]);
    let asked = case.edit(|case| {
        if let Some(Reading::Good(record)) = case.units.get_mut(&1) {
            record.locks.insert(
                other.clone(),
                LockRecord {
                    seq: 1,
                    done: 0,
                    ..LockRecord::default()
                },
            );
        }
    });
    let Plan::Write { line, .. } = asked.lead() else {
        panic!()
    };
    assert!(line.locks[&other].cancelled.is_empty());
}

#[test]
fn a_line_that_may_not_follow_is_rejected_by_name() {
    let case = Case::new(&[(1, 1), (1, 0), (1, 0)], &[0, 1, 2]);
    let entries = |change: fn(&mut Vec<Entry>)| {
        move |line: &mut Line| {
            if let Some(lock) = line.locks.get_mut(&lock()) {
                change(&mut lock.entries);
            }
        }
    };
    assert_eq!(case.broken_by(|_| ()), None);
    assert_eq!(case.broken_by(|line| line.term += 1), None);
    assert_eq!(case.broken_by(entries(|all| drop(all.remove(0)))), None);
    let same_version = case.broken_by(|line| line.version -= 1);
    assert_eq!(same_version, Some("version-grows"));
    let earlier_term = case.broken_by(|line| line.term -= 1);
    assert_eq!(earlier_term, Some("version-grows"));
    assert_eq!(
        case.broken_by(entries(|all| all.swap(1, 2))),
        Some("line-keeps-order")
    );
    assert_eq!(
        case.broken_by(entries(|all| drop(all.remove(1)))),
        Some("only-what-is-over-leaves")
    );
    assert_eq!(
        case.broken_by(entries(|all| all[2].limit = 2)),
        Some("limits-only-fall")
    );
}

#[test]
fn a_limit_may_depend_on_how_many_take_part() {
    /// Half of those who are in the line or ask for it.
    struct Half;
    impl Policy for Half {
        fn limit(&self, _: &LockName, situation: &Situation<'_>) -> u32 {
            u32::try_from(situation.requests / 2).unwrap_or(u32::MAX)
        }
        fn lookahead(&self, _: &LockName) -> u32 {
            2
        }
        fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {}
    }
    let Plan::Write { line, .. } = Case::new(&[(1, 0); 6], &[0, 1]).lead_by(&Half) else {
        panic!()
    };
    let limits: Vec<u32> = line.locks[&lock()]
        .entries
        .iter()
        .map(|e| e.limit)
        .collect();
    assert_eq!(limits[2..], [3; 3], "six take part");
}

/// The limits in the line that was read, set to `limit`.
fn with_limits(mut case: Case, limit: u32) -> Case {
    if let Reading::Good(line) = &mut case.line {
        let entries = &mut line.locks.get_mut(&lock()).unwrap().entries;
        for entry in entries {
            entry.limit = limit;
        }
    }
    case
}

fn limits_under(case: &Case, rules: &Rules) -> Option<Vec<u32>> {
    match case.lead_by(rules) {
        Plan::Write { line, .. } => {
            let entries = &line.locks[&lock()].entries;
            Some(entries.iter().map(|entry| entry.limit).collect())
        }
        _ => None,
    }
}

fn limited(limit: &str) -> Rules {
    Rules {
        limit: limit.parse().unwrap(),
        ..Rules::default()
    }
}

#[test]
fn a_lower_limit_holds_at_once_for_entries_that_are_in_the_line() {
    let case = with_limits(Case::new(&[(1, 0); 4], &[0, 1, 2, 3]), 3);
    // The first would start either way.
    assert_eq!(limits_under(&case, &limited("1")), Some(vec![3, 1, 1, 1]));
    assert_eq!(limits_under(&case, &limited("2")), Some(vec![3, 3, 2, 2]));
    assert_eq!(limits_under(&case, &limited("3")), None, "nothing changes");
    assert_eq!(limits_under(&case, &limited("4")), None, "never raised");
    let Plan::Write { line, .. } = case.lead_by(&limited("1")) else {
        panic!()
    };
    let nobody_finished = |_: &Ticket| false;
    for (unit, starts) in [(0, true), (1, false), (2, false)] {
        let turn = line.locks[&lock()].turn(&ticket(unit, 1), nobody_finished);
        assert_eq!(matches!(turn, Turn::Start(_)), starts, "app/{unit}");
    }
}

#[test]
fn a_lower_limit_is_not_put_off_for_a_finish() {
    let case = with_limits(Case::new(&[(1, 1), (1, 0), (1, 0), (1, 0)], &[1, 2, 3]), 3);
    let case = case.edit(|case| case.finished_operation = true);
    assert_eq!(limits_under(&case, &limited("1")), Some(vec![3, 1, 1]));
}

#[test]
fn orders_alone_lower_no_limit() {
    struct Nobody;
    impl Policy for Nobody {
        fn limit(&self, _: &LockName, _: &Situation<'_>) -> u32 {
            0
        }
        fn lookahead(&self, _: &LockName) -> u32 {
            0
        }
        fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {}
    }
    let case = with_limits(Case::new(&[(1, 0); 3], &[0, 1, 2]), 3);
    assert_eq!(case.lead_by(&Nobody), Plan::Keep { wake: false });
}

#[test]
fn a_percentage_follows_the_number_of_units() {
    let four = Case::new(&[(1, 0); 4], &[]);
    assert_eq!(limits_under(&four, &limited("50%")), Some(vec![2; 4]));
    // Two of them leave: half of those that are left is one.
    let two = with_limits(Case::new(&[(1, 0); 4], &[0, 1, 2, 3]), 2).edit(|case| {
        case.members.retain(|unit| unit.number() < 2);
        case.alive = Some((0..4).map(name).collect());
    });
    assert_eq!(limits_under(&two, &limited("50%")), Some(vec![2, 1, 1, 1]));
}

/// Gives the units zones, by number.
fn in_zones(mut case: Case, zones: &[&str]) -> Case {
    for (unit, zone) in (0..).zip(zones) {
        if let Some(Reading::Good(record)) = case.units.get_mut(&unit) {
            record.zone = Some((*zone).to_owned());
        }
    }
    case
}

#[test]
fn a_zone_is_a_wave_and_its_late_units_still_join_it() {
    let rules = Rules {
        waves: Waves::Zone,
        ..Rules::default()
    };
    let zones = ["", "b", "a", "b", "a"];
    let case = in_zones(
        Case::new(&[(0, 0), (1, 0), (1, 0), (1, 0), (1, 0)], &[]),
        &zones,
    );
    let joins = |case: &Case| {
        let Plan::Write { line, .. } = case.lead_by(&rules) else {
            panic!()
        };
        let entries = line.locks[&lock()].entries.clone();
        let place = |entry: &Entry| (entry.ticket.unit.number(), entry.wave);
        (line, entries.iter().map(place).collect::<Vec<_>>())
    };
    let (line, places) = joins(&case);
    assert_eq!(places, [(2, 0), (4, 0), (1, 1), (3, 1)]);
    // The first wave is over, one of the second as well; another unit of that zone asks, and one of the first.
    let mut later = in_zones(
        Case::new(
            &[(0, 0), (1, 1), (1, 1), (1, 0), (1, 1), (1, 0), (1, 0)],
            &[],
        ),
        &["", "b", "a", "b", "a", "a", "b"],
    );
    later.line = Reading::Good(line);
    assert_eq!(joins(&later).1, [(3, 1), (6, 1), (5, 2)]);
}

#[test]
fn entries_of_the_first_wave_do_not_spell_it_out() {
    let Plan::Write { line, .. } = Case::new(&[(1, 0)], &[]).lead() else {
        panic!()
    };
    assert!(!encode_line(&line).contains("wave"));
}

#[test]
fn a_line_survives_the_wire_with_fields_that_we_do_not_know() {
    let text = concat!(
        r#"{"v":1,"term":1,"version":2,"by":"app/0","locks":{"restart":{"line":["#,
        r#"{"unit":"app/1","id":"00000001","seq":1,"limit":1,"wave":2,"token":9}],"#,
        r#""window":"night"}},"era":"new"}"#
    );
    let line = decode_line(Some(text));
    assert_eq!(encode_line(line.good().unwrap()), text);
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
