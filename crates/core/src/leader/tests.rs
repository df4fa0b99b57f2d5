//! What the leader does about the line, case by case.

mod availability;
mod faults;
mod joining;
mod limits;
mod loss;
mod moves;
mod orders;
mod timing;
mod waves;

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
