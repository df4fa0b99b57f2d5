//! What an operator wants of the line, carried out on the leader.

use std::collections::BTreeSet;

use ops_coordinator_core::{LockName, Order, Reading, Ticket, UnitName};

use crate::Error;
use crate::hook::Hook;
use crate::lead::Idle;

impl Hook {
    /// The ticket that a unit waits or works with, as this leader sees it: an operator names only the unit. `None`
    /// where nothing is outstanding.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; a hook tool's failure; a state file that cannot be read.
    pub fn ticket_of(&mut self, lock: &LockName, unit: &UnitName) -> Result<Option<Ticket>, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        if !self.session.leader {
            return Err(Error::NotLeader);
        }
        let finished = |hook: &mut Self, ticket: &Ticket| -> Result<bool, Error> {
            Ok(if *unit == hook.environment.unit {
                hook.load_unit()?.record().finished(lock, ticket)
            } else {
                hook.view.finished(lock, ticket)
            })
        };
        let asked = if *unit == self.environment.unit {
            self.load_unit()?.outstanding(lock)
        } else {
            self.read_peer(unit);
            let record = self.view.records().get(unit).and_then(Reading::good);
            record.and_then(|record| record.outstanding(unit, lock))
        };
        if asked.is_some() {
            return Ok(asked);
        }
        // A unit whose databag cannot be read any more may still be in the line.
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        let entries = line.map(|line| line.entries.clone()).unwrap_or_default();
        for ticket in entries.into_iter().map(|entry| entry.ticket) {
            if ticket.unit == *unit && !finished(self, &ticket)? {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
    }

    /// Carries out orders at once, and changes nothing else about the line. Whether the line was written; it was
    /// not where it already is as ordered.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; a hook tool's failure.
    pub fn carry_out_orders(&mut self, orders: &[Order]) -> Result<bool, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        if !self.session.leader {
            return Err(Error::NotLeader);
        }
        let members = self.read_members()?;
        self.keep_line(&Idle, members, orders, &BTreeSet::new())?;
        self.save_session()?;
        Ok(self.session.wrote_line)
    }
}
