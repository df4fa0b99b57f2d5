//! The end of a hook: what the unit publishes last, and the line where it leads.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::leader::{Lead, Order, Plan, Postponed, lead};
use ops_coordinator_core::policy::{Policy, Request};
use ops_coordinator_core::{
    Incarnation, KEY, Line, LockName, Reading, Tick, Ticket, UnitName, UnitRecord, decode_line,
    encode_line,
};

use crate::hook::Hook;
use crate::{Errand, Error, RelationId};

/// How long somebody may wait behind the same entry before the leader asks the controller whether its unit
/// is still there, and between two such questions, in milliseconds. Not every removal is told: Juju up to 3.6
/// goes on listing a unit whose machine was removed by force, and 4.0 to 4.2 any unit (juju #23326).
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
    /// Ends the hook: publishes what is still to be published and, where this unit leads, keeps the
    /// line. It must be the last thing that the hook does, because the line may be written only for a
    /// short while after it was read. Calling it again is harmless.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn release(&mut self, policy: &dyn Policy, orders: &[Order]) -> Result<(), Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        if self.relation.is_some() {
            if self.session.leader {
                self.publish_own()?;
                self.lead(policy, orders)?;
            } else if !self.only_waits()? {
                self.publish_own()?;
            }
        }
        for elder in self.elders.values_mut() {
            elder.publish_own()?;
            elder.save_session()?;
        }
        self.save_session()
    }

    fn publish_own(&mut self) -> Result<(), Error> {
        self.load_unit()?;
        self.publish()
    }

    /// Whether every request of this unit is in the line and waits there, so that it has nothing to say.
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
        self.keep_line(policy, members, &all_orders, &held)
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
        policy: &dyn Policy,
        mut members: BTreeSet<UnitName>,
        orders: &[Order],
        held: &BTreeSet<LockName>,
    ) -> Result<(), Error> {
        let Some(relation) = self.relation.clone() else {
            return Ok(());
        };
        if self.session.wrote_line || !self.session.leader {
            return Ok(());
        }
        self.forget_returned(&members);
        let mut alive = None;
        if self.stands_still(&members)? {
            alive = Some(self.ask_who_lives(&members)?);
        }
        members.retain(|unit| !self.session.gone.contains_key(unit));
        let mut question = Question {
            policy,
            members: &members,
            alive,
            orders,
            held,
        };
        let mut plan = self.plan(&question)?;
        if let Plan::AskGoalState(_) = plan {
            question.alive = Some(self.tools.goal_state_units()?);
            plan = self.plan(&question)?;
        }
        self.carry_out(&relation, plan)
    }

    fn carry_out(&mut self, relation: &RelationId, plan: Plan) -> Result<(), Error> {
        match plan {
            Plan::Keep { wake: false } | Plan::AskGoalState(_) => {}
            Plan::Keep { wake: true } | Plan::Postpone(Postponed::FinishFirst(_)) => {
                self.wake(Errand::Hook);
            }
            Plan::Postpone(Postponed::LeaseBound(_)) | Plan::Write { .. }
                if !self.follows_the_lowest()? => {}
            Plan::Postpone(Postponed::LeaseBound(line)) => self.leave_behind(relation, &line)?,
            Plan::Write { line, wake } => {
                self.drop_pending()?;
                self.write_line(relation, &line, wake)?;
            }
            Plan::Frozen(why) => self.warnings.push(why),
        }
        Ok(())
    }

    /// A unit that is told of again, or lives a new life under its old name, is not gone.
    fn forget_returned(&mut self, members: &BTreeSet<UnitName>) {
        let about = self.environment.remote_unit.as_ref();
        let view = &self.view;
        self.session.gone.retain(|unit, life| {
            members.contains(unit) && Some(unit) != about && *life == life_of(view, unit)
        });
    }

    /// Whether somebody has waited for long behind an entry that does not move, so that the controller should
    /// be asked, once in a while.
    fn stands_still(&mut self, members: &BTreeSet<UnitName>) -> Result<bool, Error> {
        let now = self.state.machine().now();
        let first = self.first_in_line(members)?;
        let watch = &mut self.session.watch;
        let known = std::mem::take(&mut watch.first);
        for (lock, ticket) in first {
            let since = known.get(&lock).filter(|(seen, _)| *seen == ticket);
            let since = since.map_or(now, |(_, since)| *since);
            watch.first.insert(lock, (ticket, since));
        }
        let long = |since: Tick| now.0.saturating_sub(since.0) >= STANDSTILL;
        let stands = watch.first.values().any(|(_, since)| long(*since));
        Ok(stands && watch.asked_at.is_none_or(long))
    }

    /// The first unfinished entry of each lock in which somebody else waits.
    fn first_in_line(
        &mut self,
        members: &BTreeSet<UnitName>,
    ) -> Result<BTreeMap<LockName, Ticket>, Error> {
        let own = self.load_unit()?.record().clone();
        let me = self.environment.unit.clone();
        let Some(line) = self.line.good() else {
            return Ok(BTreeMap::new());
        };
        let finished = |lock: &LockName, ticket: &Ticket| {
            if ticket.unit == me {
                own.finished(lock, ticket)
            } else {
                self.view.finished(lock, ticket)
            }
        };
        let asks = |lock: &LockName, other: &UnitName| {
            let waits = |record: &UnitRecord| record.asked().any(|asked| asked == lock);
            let records = self.view.records().iter();
            let mut others = records.filter(|(unit, _)| members.contains(unit) && *unit != other);
            others.any(|(_, record)| record.good().is_some_and(waits))
                || (*other != me && waits(&own))
        };
        let first = line.locks.iter().filter_map(|(lock, line)| {
            let mut tickets = line.entries.iter().map(|entry| &entry.ticket);
            let first = tickets.find(|ticket| !finished(lock, ticket))?;
            asks(lock, &first.unit).then(|| (lock.clone(), first.clone()))
        });
        Ok(first.collect())
    }

    fn ask_who_lives(&mut self, members: &BTreeSet<UnitName>) -> Result<BTreeSet<UnitName>, Error> {
        let alive = self.tools.goal_state_units()?;
        self.session.watch.asked_at = Some(self.state.machine().now());
        for unit in members.difference(&alive) {
            let life = life_of(&self.view, unit);
            self.session.gone.insert(unit.clone(), life);
        }
        Ok(alive)
    }

    fn write_line(&mut self, relation: &RelationId, line: &Line, wake: bool) -> Result<(), Error> {
        match self
            .tools
            .relation_set(relation, true, KEY, &encode_line(line))
        {
            Ok(()) => {
                self.session.wrote_line = true;
                if wake {
                    self.wake(Errand::Hook);
                }
                Ok(())
            }
            // Another unit leads by now and keeps the line. Failing the hook would lose what it did.
            Err(Error::Tool(refused)) => {
                self.warnings.push(format!(
                    "lost leadership; the line was not written: {refused}"
                ));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn plan(&mut self, question: &Question<'_>) -> Result<Plan, Error> {
        let departing = self.environment.departing_unit.clone();
        let (read_at, now) = (self.session.read_at, self.state.machine().now());
        let finished_operation = self.session.finished_operation;
        let view = self.view.clone();
        let carried = decode_line(self.session.carried.as_deref());
        let unit = self.load_unit()?;
        let input = Lead {
            unit,
            view: &view,
            members: question.members,
            departing: departing.as_ref(),
            alive: question.alive.as_ref(),
            read_at,
            now,
            finished_operation,
            orders: question.orders,
            held: question.held,
            carried: carried.good(),
        };
        Ok(lead(&input, question.policy))
    }

    fn report_unreadable(&mut self) {
        for (unit, record) in self.view.records() {
            if let Some(fault) = record.fault() {
                self.warnings
                    .push(format!("ignoring the databag of {unit}: {fault}"));
            }
        }
    }
}

/// What a plan is made from, beside what the hook itself knows.
struct Question<'a> {
    policy: &'a dyn Policy,
    members: &'a BTreeSet<UnitName>,
    alive: Option<BTreeSet<UnitName>>,
    orders: &'a [Order],
    held: &'a BTreeSet<LockName>,
}

fn life_of(view: &ops_coordinator_core::View, unit: &UnitName) -> Option<Incarnation> {
    let record = view.records().get(unit).and_then(Reading::good);
    record.map(|record| record.incarnation.clone())
}
