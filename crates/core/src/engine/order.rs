//! Operators' orders for the line, carried out on the leader.

use std::collections::BTreeMap;

use super::lead::{Idle, Kept, Wanted};
use super::round::Round;
use super::site::Site;
use super::visit::Visit;
use super::{Carried, Need};
use crate::policy::Policy;
use crate::{
    Call, Campaign, Errand, Instructed, Instruction, LockName, Order, Reading, Ticket, UnitName,
    UnitRecord,
};

impl Visit {
    /// The ticket with which a unit waits or works on the endpoint that the charm names.
    pub(super) fn ticket_of(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        unit: &UnitName,
    ) -> Result<Option<Ticket>, Need> {
        self.here(round)?.ticket_of(round, lock, unit)
    }

    pub(super) fn instruct(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        instruction: &Instruction,
    ) -> Result<Instructed, Need> {
        let places = self.places_of(round, lock)?;
        let whole = match instruction {
            Instruction::Pause { reason } => Some(Order::Pause(lock.clone(), reason.clone())),
            Instruction::Resume => Some(Order::Resume(lock.clone())),
            Instruction::Abort => Some(Order::Abort(lock.clone())),
            _ => None,
        };
        if let Some(order) = whole {
            return self.order_everywhere(round, &places, &order);
        }
        let (Instruction::Retry(unit)
        | Instruction::Skip(unit)
        | Instruction::Cancel(unit)
        | Instruction::Force(unit)) = instruction
        else {
            return Ok(Instructed::AlreadySo(None));
        };
        for endpoint in &places {
            let site = self.meet(round, endpoint)?;
            let Some(ticket) = site.ticket_of(round, lock, unit)? else {
                continue;
            };
            let (lock, named) = (lock.clone(), ticket.clone());
            let order = match instruction {
                Instruction::Skip(_) => Order::Skip(lock, named),
                Instruction::Force(_) => Order::Force(lock, named),
                Instruction::Retry(_) => match site.failed_attempt(round, &lock, unit)? {
                    Some(attempt) => Order::Retry(lock, named, attempt.saturating_add(1)),
                    None => return Ok(Instructed::NotStopped(ticket)),
                },
                _ => Order::Cancel(lock, named),
            };
            return Ok(match self.carry_out_at(round, endpoint, &[order])? {
                Carried::Out => Instructed::Done(Some(ticket)),
                Carried::AlreadySo => Instructed::AlreadySo(Some(ticket)),
                Carried::Not(why) => Instructed::Not(why),
            });
        }
        Ok(Instructed::NothingAsked(unit.clone()))
    }

    /// Rolls all units, by this policy; without one the leader's next hook fills the line.
    pub(super) fn roll(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        call: &Call,
        policy: Option<&dyn Policy>,
    ) -> Result<Instructed, Need> {
        let site = self.here(round)?;
        // The policy may count this unit, too.
        site.note_availability(round)?;
        let before = site.campaign(lock).map(|campaign| campaign.id.clone());
        site.load_unit(round)?.introduce();
        site.publish(round);
        let order = Order::Roll(lock.clone(), call.clone());
        Ok(match self.lead(round, policy.unwrap_or(&Idle), &[order])? {
            Kept::Unchanged => Instructed::AlreadySo(None),
            Kept::Left(why) => Instructed::Not(why),
            Kept::Written(line) => {
                if policy.is_none() {
                    self.here(round)?.look_who_joins(round);
                }
                let written = line.locks.get(lock).and_then(|line| line.campaign.as_ref());
                match written.map(|campaign| &campaign.id) == before.as_ref() {
                    true => Instructed::AlreadySo(None),
                    false => Instructed::Done(None),
                }
            }
        })
    }

    /// Where units take turns for a lock: on other endpoints as long as it has not run out there, and here.
    fn places_of(&mut self, round: &mut Round<'_>, lock: &LockName) -> Result<Vec<String>, Need> {
        let mut places = Vec::new();
        for endpoint in self.other_endpoints(round)? {
            let site = self.meet(round, &endpoint)?;
            let line = site.line.good().and_then(|line| line.locks.get(lock));
            if let Some(line) = line.cloned()
                && !site.has_run_out(round, lock, &line)?
            {
                places.push(endpoint);
            }
        }
        places.push(round.facts.endpoint.clone());
        Ok(places)
    }

    fn order_everywhere(
        &mut self,
        round: &mut Round<'_>,
        places: &[String],
        order: &Order,
    ) -> Result<Instructed, Need> {
        let mut all = Instructed::AlreadySo(None);
        for endpoint in places {
            match self.carry_out_at(round, endpoint, std::slice::from_ref(order))? {
                Carried::Out => all = Instructed::Done(None),
                Carried::AlreadySo => {}
                Carried::Not(why) => return Ok(Instructed::Not(why)),
            }
        }
        Ok(all)
    }

    pub(super) fn carry_out(
        &mut self,
        round: &mut Round<'_>,
        orders: &[Order],
    ) -> Result<Carried, Need> {
        let here = round.facts.endpoint.clone();
        self.carry_out_at(round, &here, orders)
    }

    fn carry_out_at(
        &mut self,
        round: &mut Round<'_>,
        endpoint: &str,
        orders: &[Order],
    ) -> Result<Carried, Need> {
        let held = if endpoint == round.facts.endpoint {
            self.unopened(round, orders)?
        } else {
            BTreeMap::new()
        };
        let site = self.meet(round, endpoint)?;
        let members = site.read_members(round)?;
        let wanted = Wanted::only(orders, &held);
        Ok(match site.keep_line(round, members, &wanted)? {
            Kept::Written(_) => {
                site.look_who_joins(round);
                Carried::Out
            }
            Kept::Unchanged => Carried::AlreadySo,
            Kept::Left(why) => Carried::Not(why),
        })
    }
}

impl Site {
    /// An order was written without the charm's policy, so nobody has joined the line by it; and Juju may be silent about a
    /// leader's own line.
    fn look_who_joins(&mut self, round: &mut Round<'_>) {
        self.wake(round, Errand::Hook);
    }

    /// The campaign that the leader has announced last for a lock.
    fn campaign(&self, lock: &LockName) -> Option<&Campaign> {
        let line = self.line.good()?.locks.get(lock)?;
        line.campaign.as_ref()
    }

    fn ticket_of(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        unit: &UnitName,
    ) -> Result<Option<Ticket>, Need> {
        let asked = self.record_of(round, unit)?;
        let asked = asked.and_then(|record| record.outstanding(unit, lock));
        if asked.is_some() {
            return Ok(asked);
        }
        // A unit whose databag cannot be read any more may still be in the line.
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        let entries = line.map(|line| line.entries.clone()).unwrap_or_default();
        for ticket in entries.into_iter().map(|entry| entry.ticket) {
            if ticket.unit == *unit && !self.is_finished(round, lock, &ticket)? {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
    }

    /// The attempt after which a unit's operation has stopped, or waits to be tried again; `None` if it has not, or its record cannot be read.
    fn failed_attempt(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        unit: &UnitName,
    ) -> Result<Option<u16>, Need> {
        let record = self.record_of(round, unit)?;
        let state = record.and_then(|record| record.locks.get(lock));
        let stopped = state.filter(|state| state.stopped || state.retry_at.is_some());
        Ok(stopped.map(|state| state.attempt))
    }

    fn record_of(
        &mut self,
        round: &mut Round<'_>,
        unit: &UnitName,
    ) -> Result<Option<&UnitRecord>, Need> {
        if *unit == round.facts.unit {
            return Ok(Some(self.load_unit(round)?.record()));
        }
        self.read_peers(round, [unit])?;
        Ok(self.view.records().get(unit).and_then(Reading::good))
    }
}
