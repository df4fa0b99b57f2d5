//! The end of a hook on the leader: the line.

use std::collections::{BTreeMap, BTreeSet};

use super::pending::Pending;
use super::round::Round;
use super::site::Site;
use super::visit::Visit;
use super::{Effect, Need};
use crate::leader::{Lead, Plan, Postponed, WRITE_WITHIN, lead};
use crate::policy::{Policy, Request, Situation};
use crate::{
    Errand, Incarnation, Line, LockLine, LockName, Order, Reading, RelationId, Tick, Ticket,
    UnitName, UnitRecord, View, encode_line,
};

/// How long a unit may wait behind the same entry, or for the same unit to be available again, before the leader asks the
/// controller whether that unit still exists, and the minimum time between two such questions, in milliseconds. Not every removal is announced:
/// Juju up to 3.6 still lists a unit whose machine was removed by force, and 4.0 to 4.2 any unit (juju #23326).
const STANDSTILL: u64 = 60_000;

/// Nothing joins the line.
pub(super) struct Idle;

impl Policy for Idle {
    fn limit(&self, _lock: &LockName, _situation: &Situation<'_>) -> u32 {
        0
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        0
    }

    fn order(&self, _: &LockName, _: &mut Vec<Request>, _: &Situation<'_>) {}
}

/// The desired change to the line.
pub(super) struct Wanted<'a> {
    policy: &'a dyn Policy,
    orders: &'a [Order],
    held: &'a BTreeMap<LockName, String>,
    /// Whether a request on another endpoint waits until this line is empty.
    waits_elsewhere: bool,
    /// The lines of other endpoints on which this one depends, by relation.
    others: BTreeMap<RelationId, Option<String>>,
}

impl<'a> Wanted<'a> {
    /// Only these orders; nobody joins.
    pub(super) fn only(orders: &'a [Order], held: &'a BTreeMap<LockName, String>) -> Self {
        Self {
            policy: &Idle,
            orders,
            held,
            waits_elsewhere: true,
            others: BTreeMap::new(),
        }
    }
}

/// Why the line is left to a visit.
pub(super) const TOO_LATE: &str = "this hook took too long; a separate visit will write the line";
/// Why the line is left unchanged if a hook wants to write it twice.
const WROTE: &str = "this hook has already written the line";

/// The result for the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is to be written, like this.
    Written(Box<Line>),
    /// It is already as desired.
    Unchanged,
    /// It was left unchanged, for this reason.
    Left(String),
}

impl Visit {
    pub(super) fn lead(
        &mut self,
        round: &mut Round<'_>,
        policy: &dyn Policy,
        orders: &[Order],
    ) -> Result<Kept, Need> {
        if self.here(round)?.session.wrote_line {
            return Ok(Kept::Left(WROTE.to_owned()));
        }
        let members = self.here(round)?.recall_members(round)?;
        self.tend_old_lines(round)?;
        let (held, mut all_orders) = self.settle_homes(round, orders)?;
        all_orders.extend_from_slice(orders);
        let others = self.sites.values();
        let others = others.filter(|site| site.endpoint != round.facts.endpoint);
        let others = others.filter_map(|site| {
            let relation = site.session.relation.clone()?;
            Some((relation, site.session.line.clone()))
        });
        let wanted = Wanted {
            policy,
            orders: &all_orders,
            held: &held,
            waits_elsewhere: false,
            others: others.collect(),
        };
        let site = self.here(round)?;
        let kept = site.keep_line(round, members.clone(), &wanted)?;
        site.remember(round, &members);
        Ok(kept)
    }
}

impl Site {
    /// The other units that the relation lists, their records read.
    pub(super) fn read_members(
        &mut self,
        round: &mut Round<'_>,
    ) -> Result<BTreeSet<UnitName>, Need> {
        let Some(relation) = &self.session.relation else {
            return Ok(BTreeSet::new());
        };
        let members = round.known.members(relation)?;
        self.read_peers(round, members)?;
        let mut members = members.clone();
        self.forget_departed(&mut members);
        self.warn_of_faults(round);
        Ok(members)
    }

    pub(super) fn forget_departed(&self, members: &mut BTreeSet<UnitName>) {
        members.retain(|unit| !self.session.departed.contains(unit));
    }

    pub(super) fn warn_of_faults(&self, round: &mut Round<'_>) {
        for (unit, record) in self.view.records() {
            if let Some(fault) = record.fault() {
                round.warn(format!("ignoring the databag of {unit}: {fault}"));
            }
        }
    }

    pub(super) fn keep_line(
        &mut self,
        round: &mut Round<'_>,
        mut members: BTreeSet<UnitName>,
        wanted: &Wanted<'_>,
    ) -> Result<Kept, Need> {
        let left = |why: &str| Ok(Kept::Left(why.to_owned()));
        let Some(relation) = self.session.relation.clone() else {
            return left("the peer relation does not exist");
        };
        if self.session.wrote_line || !self.session.leader {
            return left(WROTE);
        }
        self.forget_returned(round, &members);
        let mut alive = None;
        if self.stands_still(round, &members, wanted.waits_elsewhere)? {
            alive = self.ask_who_lives(round, &members)?;
        }
        members.retain(|unit| !self.session.gone.contains_key(unit));
        self.note_finishes();
        let mut plan = self.plan(round, wanted, &members, alive.as_ref())?;
        if let Plan::AskGoalState(_) = plan {
            let Some(alive) = self.ask_who_lives(round, &members)? else {
                self.wake(round, Errand::Hook);
                return left("the controller did not list the units");
            };
            plan = self.plan(round, wanted, &members, Some(&alive))?;
        }
        self.carry_out(round, relation, plan, wanted)
    }

    fn carry_out(
        &mut self,
        round: &mut Round<'_>,
        relation: RelationId,
        plan: Plan,
        wanted: &Wanted<'_>,
    ) -> Result<Kept, Need> {
        let left = |why: &str| Ok(Kept::Left(why.to_owned()));
        match plan {
            Plan::Keep { wake: false } | Plan::AskGoalState(_) => Ok(Kept::Unchanged),
            Plan::Keep { wake: true } => {
                self.wake(round, Errand::Hook);
                Ok(Kept::Unchanged)
            }
            Plan::Postpone(Postponed::FinishFirst(_)) => {
                self.wake(round, Errand::Hook);
                left("this hook must publish its finished operation first")
            }
            Plan::Postpone(Postponed::LeaseBound(_)) | Plan::Write { .. }
                if !self.follows_the_lowest(round)? =>
            {
                left("Juju now lists a lower relation")
            }
            Plan::Postpone(Postponed::LeaseBound(line)) => {
                let pending = self.pending(relation, &line, wanted);
                self.leave_behind(round, pending);
                left(TOO_LATE)
            }
            Plan::Write { line, wake } => {
                round.tell(Effect::DropPending {
                    endpoint: self.endpoint.clone(),
                });
                let pending = self.pending(relation.clone(), &line, wanted);
                round.tell(Effect::PublishLine {
                    relation,
                    value: pending.line.clone(),
                    by: Tick(self.session.read_at.0 + WRITE_WITHIN),
                });
                self.unwritten = Some(Box::new(pending));
                self.session.wrote_line = true;
                if wake {
                    self.wake(round, Errand::Hook);
                }
                Ok(Kept::Written(Box::new(line)))
            }
            Plan::Frozen(why) => {
                round.warn(why.clone());
                Ok(Kept::Left(why))
            }
        }
    }

    fn pending(&self, relation: RelationId, line: &Line, wanted: &Wanted<'_>) -> Pending {
        let own = self.session.own.as_ref();
        Pending {
            relation,
            base: self.session.line.clone(),
            own: own.and_then(|own| own.value.clone()),
            others: wanted.others.clone(),
            line: encode_line(line),
        }
    }

    /// Leaves a line to a visit that a waker runs at once.
    fn leave_behind(&mut self, round: &mut Round<'_>, pending: Pending) {
        round.tell(Effect::StorePending {
            endpoint: self.endpoint.clone(),
            pending: Box::new(pending),
        });
        round.warn(format!(
            "this hook ran for more than {} s, so a separate visit will write the line",
            WRITE_WITHIN / 1000
        ));
        self.wake(round, Errand::Line);
    }

    /// Leaves the line to a visit after all that the last question was to write in this relation.
    pub(super) fn line_is_late(&mut self, round: &mut Round<'_>, relation: &RelationId) {
        let late = self.unwritten.take_if(|line| line.relation() == relation);
        if let Some(pending) = late {
            self.session.wrote_line = false;
            self.leave_behind(round, *pending);
        }
    }

    /// A unit that appears again, or has a new incarnation under its old name, is not gone.
    fn forget_returned(&mut self, round: &Round<'_>, members: &BTreeSet<UnitName>) {
        let about = round.facts.remote_unit.as_ref();
        let view = &self.view;
        self.session.gone.retain(|unit, life| {
            members.contains(unit) && Some(unit) != about && *life == life_of(view, unit)
        });
    }

    /// Whether a unit has waited for a long time behind an entry that does not move, so that the leader should ask
    /// the controller once in a while.
    fn stands_still(
        &mut self,
        round: &mut Round<'_>,
        members: &BTreeSet<UnitName>,
        waits_elsewhere: bool,
    ) -> Result<bool, Need> {
        let now = round.now;
        let first = self.first_in_line(round, members, waits_elsewhere)?;
        let watch = &mut self.session.watch;
        let known = std::mem::take(&mut watch.first);
        for (lock, ticket) in first {
            let since = known.get(&lock).filter(|(seen, _)| *seen == ticket);
            let since = since.map_or(now, |(_, since)| *since);
            watch.first.insert(lock, (ticket, since));
        }
        // A time in the future is from before the machine was booted.
        let age = |since: Tick| now.0.checked_sub(since.0);
        let long = |since: Tick| age(since).is_none_or(|age| age >= STANDSTILL);
        let stands = watch.first.values().any(|(_, since)| long(*since));
        Ok(stands && watch.asked_at.is_none_or(long))
    }

    /// What another unit waits for in each lock: the first unfinished entry, or where nobody is in the line a unit that is
    /// unavailable, as a ticket that it never had.
    fn first_in_line(
        &mut self,
        round: &mut Round<'_>,
        members: &BTreeSet<UnitName>,
        waits_elsewhere: bool,
    ) -> Result<BTreeMap<LockName, Ticket>, Need> {
        self.load_unit(round)?;
        let Some(unit) = &self.unit else {
            return Ok(BTreeMap::new());
        };
        let (me, own) = (unit.name(), unit.record());
        let line_of = |lock: &LockName| {
            let line = self.line.good().and_then(|line| line.locks.get(lock));
            line.cloned().unwrap_or_default()
        };
        let others = self.view.records().iter();
        let others = others.filter(|(unit, _)| members.contains(unit));
        let others = others.filter_map(|(unit, record)| Some((unit, record.good()?)));
        let asks = |lock: &LockName, line: &LockLine, besides: &UnitName| {
            // Whoever a campaign calls waits for its turn as well, and asks for nothing.
            let waits = |record: &UnitRecord| {
                let called = line.calls(record.locks.get(lock));
                called.is_some() || record.asked().any(|asked| asked == lock)
            };
            let mut all = others.clone().chain([(me, own)]);
            waits_elsewhere || all.any(|(unit, record)| unit != besides && waits(record))
        };
        let unavailable = others.clone().find_map(|(unit, record)| {
            record.unavailable.as_ref().map(|_| Ticket {
                unit: unit.clone(),
                incarnation: record.incarnation.clone(),
                seq: 0,
            })
        });
        let requested = others.clone().flat_map(|(_, record)| record.asked());
        let known = self.line.good().into_iter();
        let known = known.flat_map(|line| line.locks.keys());
        let locks: BTreeSet<&LockName> = known.chain(requested).chain(own.asked()).collect();
        let first = locks.into_iter().filter_map(|lock| {
            let line = line_of(lock);
            let mut tickets = line.entries.iter().map(|entry| &entry.ticket);
            let first = tickets.find(|ticket| !unit.finished(lock, ticket, &self.view));
            let first = first.cloned().or_else(|| unavailable.clone())?;
            asks(lock, &line, &first.unit).then(|| (lock.clone(), first))
        });
        Ok(first.collect())
    }

    /// The units that the controller knows. If it does not answer, the hook must not fail, or its finished operation
    /// would not be published.
    fn ask_who_lives(
        &mut self,
        round: &mut Round<'_>,
        members: &BTreeSet<UnitName>,
    ) -> Result<Option<BTreeSet<UnitName>>, Need> {
        self.session.watch.asked_at = Some(round.now);
        let alive = match round.known.goal_state()? {
            Ok(alive) => alive,
            Err(error) => {
                round.warn(format!("cannot tell which units are gone: {error}"));
                return Ok(None);
            }
        };
        for unit in members.difference(alive) {
            let life = life_of(&self.view, unit);
            self.session.gone.insert(unit.clone(), life);
        }
        Ok(Some(alive.clone()))
    }

    fn plan(
        &mut self,
        round: &mut Round<'_>,
        wanted: &Wanted<'_>,
        members: &BTreeSet<UnitName>,
        alive: Option<&BTreeSet<UnitName>>,
    ) -> Result<Plan, Need> {
        let unit = self.load_unit(round)?.clone();
        let input = Lead {
            unit: &unit,
            view: &self.view,
            members,
            departing: round.facts.departing_unit.as_ref(),
            alive,
            read_at: self.session.read_at,
            now: round.now,
            wall: round.wall,
            finished_operation: self.session.finished_operation,
            orders: wanted.orders,
            held: wanted.held,
            lost: self.session.lost,
            saw_finish: self.session.saw_finish,
            random: round.facts.random,
        };
        Ok(lead(&input, wanted.policy))
    }
}

fn life_of(view: &View, unit: &UnitName) -> Option<Incarnation> {
    let record = view.records().get(unit).and_then(Reading::good);
    record.map(|record| record.incarnation.clone())
}
