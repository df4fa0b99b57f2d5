//! Operators' orders for the line, carried out on the leader.

use ops_coordinator_core::{LockName, Order, Reading, Ticket, UnitName};

use crate::Error;
use crate::hook::Hook;
use crate::lead::{Kept, Wanted};

impl Hook {
    /// The ticket with which a unit waits or works, as this leader sees it: an operator names only the unit. `None`
    /// if none is outstanding.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; a hook tool's failure; a state file that cannot be read.
    pub fn ticket_of(&mut self, lock: &LockName, unit: &UnitName) -> Result<Option<Ticket>, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        if !self.session.leader {
            return Err(Error::NotLeader);
        }
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
            if ticket.unit == *unit && !self.is_finished(lock, &ticket)? {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
    }

    /// Carries out orders at once, and changes nothing else in the line. Returns false if the line already is as
    /// ordered.
    ///
    /// # Errors
    /// [`Error::NotLeader`] on any other unit; [`Error::NotCarriedOut`] if the line could not be written; a hook
    /// tool's failure.
    pub fn carry_out_orders(&mut self, orders: &[Order]) -> Result<bool, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        if !self.session.leader {
            return Err(Error::NotLeader);
        }
        let members = self.read_members()?;
        let held = self.unopened()?;
        let kept = self.keep_line(members, &Wanted::only(orders, &held))?;
        self.save_session()?;
        match kept {
            Kept::Written => Ok(true),
            Kept::Unchanged => Ok(false),
            Kept::Left(why) => Err(Error::NotCarriedOut(why)),
        }
    }
}
