//! Operators' orders for the line, carried out on the leader.

use super::lead::{Kept, Wanted};
use super::round::Round;
use super::visit::Visit;
use super::{Carried, Need};
use crate::{Instructed, Instruction, LockName, Order, Reading, Ticket, UnitName};

impl Visit {
    /// The ticket with which a unit waits or works.
    pub(super) fn ticket_of(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        unit: &UnitName,
    ) -> Result<Option<Ticket>, Need> {
        let site = self.here(round)?;
        let asked = if *unit == round.facts.unit {
            site.load_unit(round)?.outstanding(lock)
        } else {
            site.read_peers(round, [unit])?;
            let record = site.view.records().get(unit).and_then(Reading::good);
            record.and_then(|record| record.outstanding(unit, lock))
        };
        if asked.is_some() {
            return Ok(asked);
        }
        // A unit whose databag cannot be read any more may still be in the line.
        let line = site.line.good().and_then(|line| line.locks.get(lock));
        let entries = line.map(|line| line.entries.clone()).unwrap_or_default();
        for ticket in entries.into_iter().map(|entry| entry.ticket) {
            if ticket.unit == *unit && !site.is_finished(round, lock, &ticket)? {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
    }

    pub(super) fn instruct(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        instruction: &Instruction,
    ) -> Result<Instructed, Need> {
        let (order, ticket) = match self.order_of(round, lock, instruction)? {
            Ok(order) => order,
            Err(refused) => return Ok(refused),
        };
        Ok(match self.carry_out(round, &[order])? {
            Carried::Out => Instructed::Done(ticket),
            Carried::AlreadySo => Instructed::AlreadySo(ticket),
            Carried::Not(why) => Instructed::Not(why),
        })
    }

    /// The order that an instruction stands for, and the ticket that it is about.
    pub(super) fn order_of(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        instruction: &Instruction,
    ) -> Result<Result<(Order, Option<Ticket>), Instructed>, Need> {
        let lock = lock.clone();
        Ok(Ok(match instruction {
            Instruction::Pause { reason } => (Order::Pause(lock, reason.clone()), None),
            Instruction::Resume => (Order::Resume(lock), None),
            Instruction::Retry(unit)
            | Instruction::Skip(unit)
            | Instruction::Cancel(unit)
            | Instruction::Force(unit) => {
                let Some(ticket) = self.ticket_of(round, &lock, unit)? else {
                    return Ok(Err(Instructed::NothingAsked(unit.clone())));
                };
                let named = ticket.clone();
                let order = match instruction {
                    Instruction::Skip(_) => Order::Skip(lock, named),
                    Instruction::Force(_) => Order::Force(lock, named),
                    Instruction::Retry(_) => match self.failed_attempt(round, &lock, unit)? {
                        Some(attempt) => Order::Retry(lock, named, attempt.saturating_add(1)),
                        None => return Ok(Err(Instructed::NotStopped(ticket))),
                    },
                    _ => Order::Cancel(lock, named),
                };
                (order, Some(ticket))
            }
        }))
    }

    /// The attempt after which a unit's operation has stopped; `None` if it has not, or its record cannot be read.
    fn failed_attempt(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        unit: &UnitName,
    ) -> Result<Option<u16>, Need> {
        let site = self.here(round)?;
        let record = if *unit == round.facts.unit {
            Some(site.load_unit(round)?.record())
        } else {
            site.read_peers(round, [unit])?;
            site.view.records().get(unit).and_then(Reading::good)
        };
        let state = record.and_then(|record| record.locks.get(lock));
        let stopped = state.filter(|state| state.stopped);
        Ok(stopped.map(|state| state.attempt))
    }

    pub(super) fn carry_out(
        &mut self,
        round: &mut Round<'_>,
        orders: &[Order],
    ) -> Result<Carried, Need> {
        let members = self.here(round)?.read_members(round)?;
        let held = self.unopened(round)?;
        let wanted = Wanted::only(orders, &held);
        let kept = self.here(round)?.keep_line(round, members, &wanted)?;
        Ok(match kept {
            Kept::Written => Carried::Out,
            Kept::Unchanged => Carried::AlreadySo,
            Kept::Left(why) => Carried::Not(why),
        })
    }
}
