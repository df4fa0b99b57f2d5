//! The end of a hook: what the unit publishes last, and, if it leads, the line.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::leader::{Lead, Order, Plan, Postponed, lead};
use ops_coordinator_core::policy::{Policy, Request};
use ops_coordinator_core::{
    Incarnation, KEY, Line, LockName, Reading, Tick, Ticket, UnitName, UnitRecord, encode_line,
};

use crate::hook::Hook;
use crate::{Errand, Error, RelationId};

/// How long a unit may wait behind the same entry before the leader asks the controller whether that entry's unit
/// still exists, and the minimum time between two such questions, in milliseconds. Not every removal is announced:
/// Juju up to 3.6 still lists a unit whose machine was removed by force, and 4.0 to 4.2 any unit (juju #23326).
const STANDSTILL: u64 = 60_000;

/// Nothing joins the line.
pub(crate) struct Idle;

impl Policy for Idle {
    fn limit(&self, _lock: &LockName, _requests: usize) -> u32 {
        0
    }

    fn lookahead(&self, _lock: &LockName) -> u32 {
        0
    }

    fn order(&self, _lock: &LockName, _requests: &mut Vec<Request>, _last: Option<&UnitName>) {}
}

impl Hook {
    /// Ends the hook: publishes pending changes and, if this unit leads, maintains the line. It must be the
    /// last thing that the hook does, because the line may be written only for a short time after it was
    /// read. Calling it again is harmless.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn release(&mut self, policy: &dyn Policy, orders: &[Order]) -> Result<(), Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        if !self.session.running.is_empty() {
            // An operation that goes on without its hook may end before another hook has seen it.
            self.wake(Errand::Hook);
        }
        if self.relation.is_some() {
            if self.session.leader {
                self.publish_own()?;
                self.lead(policy, orders)?;
            } else if !self.only_waits()? {
                self.publish_own()?;
            }
        }
        self.look_after_siblings()?;
        self.look_for_lost_relations()?;
        for sibling in self.siblings.values_mut() {
            sibling.publish_own()?;
            sibling.save_session()?;
        }
        self.save_session()
    }

    fn publish_own(&mut self) -> Result<(), Error> {
        self.load_unit()?;
        self.publish()
    }

    /// Whether every request of this unit is waiting in the line, so that it has nothing to publish.
    fn only_waits(&mut self) -> Result<bool, Error> {
        let Some(tickets) = self.quiet_tickets() else {
            return Ok(false);
        };
        for (lock, _) in tickets {
            // What matters is the look at the line: should the turn have come in a hook that the charm
            // did not wire, it stays ours until a hook takes it.
            self.turn_here(&lock)?;
        }
        Ok(true)
    }

    fn lead(&mut self, policy: &dyn Policy, orders: &[Order]) -> Result<(), Error> {
        if self.session.wrote_line {
            return Ok(());
        }
        let members = self.read_members()?;
        self.tend_old_lines()?;
        let (held, mut all_orders) = self.settle_homes()?;
        all_orders.extend_from_slice(orders);
        let wanted = Wanted {
            policy,
            orders: &all_orders,
            held: &held,
            waits_elsewhere: false,
        };
        self.keep_line(members, &wanted).map(drop)
    }

    /// The other units that the relation lists, their records read.
    pub(crate) fn read_members(&mut self) -> Result<BTreeSet<UnitName>, Error> {
        let Some(relation) = &self.relation else {
            return Ok(BTreeSet::new());
        };
        let mut members = self.tools.relation_list(relation)?;
        for member in &members {
            self.read_peer(member);
        }
        members.retain(|unit| !self.session.departed.contains(unit));
        self.report_unreadable();
        Ok(members)
    }

    pub(crate) fn keep_line(
        &mut self,
        mut members: BTreeSet<UnitName>,
        wanted: &Wanted<'_>,
    ) -> Result<Kept, Error> {
        let Some(relation) = self.relation.clone() else {
            return Ok(Kept::Left("the peer relation does not exist".to_owned()));
        };
        if self.session.wrote_line || !self.session.leader {
            return Ok(Kept::Left(
                "this hook has already written the line".to_owned(),
            ));
        }
        self.forget_returned(&members);
        let mut alive = None;
        if self.stands_still(&members, wanted.waits_elsewhere)? {
            alive = self.ask_who_lives(&members);
        }
        members.retain(|unit| !self.session.gone.contains_key(unit));
        let mut plan = self.plan(wanted, &members, alive.as_ref())?;
        if let Plan::AskGoalState(_) = plan {
            let Some(alive) = self.ask_who_lives(&members) else {
                self.wake(Errand::Hook);
                return Ok(Kept::Left(
                    "the controller did not list the units".to_owned(),
                ));
            };
            plan = self.plan(wanted, &members, Some(&alive))?;
        }
        self.carry_out(&relation, plan)
    }

    fn carry_out(&mut self, relation: &RelationId, plan: Plan) -> Result<Kept, Error> {
        match plan {
            Plan::Keep { wake: false } | Plan::AskGoalState(_) => Ok(Kept::Unchanged),
            Plan::Keep { wake: true } => {
                self.wake(Errand::Hook);
                Ok(Kept::Unchanged)
            }
            Plan::Postpone(Postponed::FinishFirst(_)) => {
                self.wake(Errand::Hook);
                Ok(Kept::Left(
                    "this hook must publish its finished operation first".to_owned(),
                ))
            }
            Plan::Postpone(Postponed::LeaseBound(_)) | Plan::Write { .. }
                if !self.follows_the_lowest()? =>
            {
                Ok(Kept::Left("Juju now lists a lower relation".to_owned()))
            }
            Plan::Postpone(Postponed::LeaseBound(line)) => {
                self.leave_behind(relation, &line)?;
                Ok(Kept::Left(
                    "this hook took too long; a separate visit will write the line".to_owned(),
                ))
            }
            Plan::Write { line, wake } => {
                self.drop_pending()?;
                self.write_line(relation, &line, wake)
            }
            Plan::Frozen(why) => {
                self.warn(why.clone());
                Ok(Kept::Left(why))
            }
        }
    }

    /// A unit that appears again, or has a new incarnation under its old name, is not gone.
    fn forget_returned(&mut self, members: &BTreeSet<UnitName>) {
        let about = self.environment.remote_unit.as_ref();
        let view = &self.view;
        self.session.gone.retain(|unit, life| {
            members.contains(unit) && Some(unit) != about && *life == life_of(view, unit)
        });
    }

    /// Whether a unit has waited for a long time behind an entry that does not move, so that the leader should ask
    /// the controller once in a while.
    fn stands_still(
        &mut self,
        members: &BTreeSet<UnitName>,
        waits_elsewhere: bool,
    ) -> Result<bool, Error> {
        let now = self.state.machine().now();
        let first = self.first_in_line(members, waits_elsewhere)?;
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

    /// The first unfinished entry of each lock in which another unit waits.
    fn first_in_line(
        &mut self,
        members: &BTreeSet<UnitName>,
        waits_elsewhere: bool,
    ) -> Result<BTreeMap<LockName, Ticket>, Error> {
        self.load_unit()?;
        let (Some(unit), Some(line)) = (&self.unit, self.line.good()) else {
            return Ok(BTreeMap::new());
        };
        let (me, own) = (unit.name(), unit.record());
        let asks = |lock: &LockName, other: &UnitName| {
            let waits = |record: &UnitRecord| record.asked().any(|asked| asked == lock);
            let records = self.view.records().iter();
            let mut others = records.filter(|(unit, _)| members.contains(unit) && *unit != other);
            waits_elsewhere
                || others.any(|(_, record)| record.good().is_some_and(waits))
                || (other != me && waits(own))
        };
        let first = line.locks.iter().filter_map(|(lock, line)| {
            let mut tickets = line.entries.iter().map(|entry| &entry.ticket);
            let first = tickets.find(|ticket| !unit.finished(lock, ticket, &self.view))?;
            asks(lock, &first.unit).then(|| (lock.clone(), first.clone()))
        });
        Ok(first.collect())
    }

    /// The units that the controller knows. If it does not answer, the hook must not fail, or its finished operation
    /// would not be published.
    fn ask_who_lives(&mut self, members: &BTreeSet<UnitName>) -> Option<BTreeSet<UnitName>> {
        self.session.watch.asked_at = Some(self.state.machine().now());
        let alive = match self.tools.goal_state_units() {
            Ok(alive) => alive,
            Err(error) => {
                self.warn(format!("cannot tell which units are gone: {error}"));
                return None;
            }
        };
        for unit in members.difference(&alive) {
            let life = life_of(&self.view, unit);
            self.session.gone.insert(unit.clone(), life);
        }
        Some(alive)
    }

    fn write_line(
        &mut self,
        relation: &RelationId,
        line: &Line,
        wake: bool,
    ) -> Result<Kept, Error> {
        match self
            .tools
            .relation_set(relation, true, KEY, &encode_line(line))
        {
            Ok(()) => {
                self.session.wrote_line = true;
                if wake {
                    self.wake(Errand::Hook);
                }
                Ok(Kept::Written)
            }
            // Another unit leads by now and keeps the line. Failing the hook would lose what it did.
            Err(Error::Tool(refused)) => {
                let why = format!("lost leadership; the line was not written: {refused}");
                self.warn(why.clone());
                Ok(Kept::Left(why))
            }
            Err(error) => Err(error),
        }
    }

    fn plan(
        &mut self,
        wanted: &Wanted<'_>,
        members: &BTreeSet<UnitName>,
        alive: Option<&BTreeSet<UnitName>>,
    ) -> Result<Plan, Error> {
        let departing = self.environment.departing_unit.clone();
        let (read_at, now) = (self.session.read_at, self.state.machine().now());
        let finished_operation = self.session.finished_operation;
        let view = self.view.clone();
        let lost = self.session.lost;
        let unit = self.load_unit()?;
        let input = Lead {
            unit,
            view: &view,
            members,
            departing: departing.as_ref(),
            alive,
            read_at,
            now,
            finished_operation,
            orders: wanted.orders,
            held: wanted.held,
            lost,
        };
        Ok(lead(&input, wanted.policy))
    }

    fn report_unreadable(&mut self) {
        let faults = self.view.records().iter();
        let faults = faults.filter_map(|(unit, record)| Some((unit, record.fault()?)));
        let warnings =
            faults.map(|(unit, fault)| format!("ignoring the databag of {unit}: {fault}"));
        for warning in warnings.collect::<Vec<_>>() {
            self.warn(warning);
        }
    }
}

/// The desired change to the line.
pub(crate) struct Wanted<'a> {
    pub(crate) policy: &'a dyn Policy,
    pub(crate) orders: &'a [Order],
    pub(crate) held: &'a BTreeMap<LockName, String>,
    /// Whether a request on another endpoint waits until this line is empty.
    pub(crate) waits_elsewhere: bool,
}

impl<'a> Wanted<'a> {
    /// Only these orders; nobody joins.
    pub(crate) fn only(orders: &'a [Order], held: &'a BTreeMap<LockName, String>) -> Self {
        Self {
            policy: &Idle,
            orders,
            held,
            waits_elsewhere: true,
        }
    }
}

/// The result for the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was written.
    Written,
    /// It is already as desired.
    Unchanged,
    /// It was left unchanged, for this reason.
    Left(String),
}

fn life_of(view: &ops_coordinator_core::View, unit: &UnitName) -> Option<Incarnation> {
    let record = view.records().get(unit).and_then(Reading::good);
    record.map(|record| record.incarnation.clone())
}
