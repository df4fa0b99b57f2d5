//! Where a lock lives: on the endpoint that the charm names, or still on another one.
//!
//! A refresh may name another endpoint while a roll is under way. Units of the old revision go on with the old
//! line, so the new one must not open beside it. For each lock:
//!
//! 1. the leader marks the lock as moved in the old line, where nothing joins any more;
//! 2. what is in the old line runs out there; a unit that has a place in it keeps to it;
//! 3. what is not in it is asked for anew on the new endpoint;
//! 4. once the old line has nothing unfinished, the leader opens the new one.

use std::collections::BTreeSet;
use std::rc::Rc;

use ops_coordinator_core::{
    Journal, LockLine, LockName, Order, Reading, Ticket, Turn, UnitName, UnitRecord, Wait,
};

use crate::hook::Hook;
use crate::lead::Idle;
use crate::session::Session;
use crate::state::{JOURNAL, SESSION, State};
use crate::{Errand, Error, Operation};

impl Hook {
    /// The hook on the endpoint where the lock lives for this unit: another one, as long as this unit has a place
    /// in the line there. A request without a place comes over to this endpoint first.
    pub(crate) fn at_home(&mut self, lock: &LockName) -> Result<&mut Hook, Error> {
        let elder = match self.endpoint_of(lock)? {
            Some(endpoint) if !self.session.running.contains(lock) => {
                let has_place = self.meet(&endpoint)?.has_place(lock)?;
                if !has_place {
                    self.bring_over(lock, &endpoint)?;
                }
                has_place.then_some(endpoint)
            }
            _ => None,
        };
        // Two steps, as the borrow of one elder would last as long as that of all.
        match elder {
            Some(endpoint) => self.meet(&endpoint),
            None => Ok(self),
        }
    }

    fn has_place(&mut self, lock: &LockName) -> Result<bool, Error> {
        let turn = self.turn_here(lock)?;
        Ok(!matches!(
            turn,
            Turn::NotRequested | Turn::Wait(Wait::NotInLine | Wait::Moved(_))
        ))
    }

    /// Asks here for what this unit has asked for on another endpoint, and then takes it back there. As it has no
    /// place in the line there, it can never have started.
    fn bring_over(&mut self, lock: &LockName, endpoint: &str) -> Result<(), Error> {
        let elder = self.meet(endpoint)?.load_unit()?;
        if elder.outstanding(lock).is_none() {
            return Ok(());
        }
        let state = elder.record().locks.get(lock);
        let name = state.and_then(|state| state.operation.clone());
        let payload = elder.payload(lock);
        let operation = payload.map(|payload| Operation::from_payload(Some(payload)));
        self.request_here(lock, name.as_deref(), operation)?;
        let reason = format!("asked for again on {}", self.state.endpoint());
        let elder = self.meet(endpoint)?;
        elder.load_unit()?.handle_withdraw(lock, Some(&reason));
        elder.publish()
    }

    /// The first other endpoint whose journal has something outstanding for the lock.
    fn endpoint_of(&mut self, lock: &LockName) -> Result<Option<String>, Error> {
        for endpoint in self.other_endpoints() {
            let state = State::new(Rc::clone(self.state.machine()), &endpoint);
            let journal: Option<Journal> = state.load(JOURNAL, &mut self.warnings)?;
            if journal.is_some_and(|journal| Self::has_outstanding(&journal, lock)) {
                return Ok(Some(endpoint));
            }
        }
        Ok(None)
    }

    fn other_endpoints(&self) -> Vec<String> {
        let declared = self.environment.peers.iter();
        let others = declared.filter(|name| *name != self.state.endpoint());
        others.cloned().collect()
    }

    /// This hook on another endpoint.
    fn meet(&mut self, endpoint: &str) -> Result<&mut Hook, Error> {
        let elder = match self.elders.remove(endpoint) {
            Some(mut elder) => {
                elder.refresh()?;
                elder
            }
            None => Self::open(
                self.environment.clone(),
                Rc::clone(&self.transport),
                Rc::clone(self.state.machine()),
                endpoint,
            )?,
        };
        Ok(self.elders.entry(endpoint.to_owned()).or_insert(elder))
    }

    /// On the leader: the locks that are not to join the line here yet, and those that have come back. Sees to it
    /// that they leave the other endpoints.
    pub(crate) fn settle_homes(&mut self) -> Result<(BTreeSet<LockName>, Vec<Order>), Error> {
        let (mut held, mut orders) = (BTreeSet::new(), Vec::new());
        let others = self.other_endpoints();
        if others.is_empty() {
            return Ok((held, orders));
        }
        for lock in self.locks_to_open()? {
            let mut free = true;
            for endpoint in &others {
                free &= self.leave(endpoint, &lock)?;
            }
            if free {
                orders.push(Order::TakeUp(lock));
            } else {
                held.insert(lock);
            }
        }
        Ok((held, orders))
    }

    /// On the leader: looks after the line of an endpoint that the charm used before and uses no longer, as long
    /// as somebody is in it: a unit there may have gone for good.
    pub(crate) fn tend_old_lines(&mut self) -> Result<(), Error> {
        for endpoint in self.other_endpoints() {
            let over = format!("the line of {endpoint}");
            if self.noted(&over).is_some() || !self.was_used_before(&endpoint)? {
                continue;
            }
            let elder = self.meet(&endpoint)?;
            if elder.somebody_is_in_line()? {
                let members = elder.read_members()?;
                elder.keep_line(&Idle, members, &[], &BTreeSet::new())?;
                elder.save_session()?;
            } else {
                self.note(&over, "is over");
            }
        }
        Ok(())
    }

    /// Whether the charm used an endpoint in earlier hooks and not in this one.
    fn was_used_before(&mut self, endpoint: &str) -> Result<bool, Error> {
        let state = State::new(Rc::clone(self.state.machine()), endpoint);
        let last: Option<Session> = state.load(SESSION, &mut self.warnings)?;
        let before = last.is_some_and(|session| session.context != self.session.context);
        Ok(before || self.elders.contains_key(endpoint))
    }

    fn somebody_is_in_line(&mut self) -> Result<bool, Error> {
        let locks = self.line.good().map(|line| line.locks.clone());
        for (lock, line) in locks.unwrap_or_default() {
            if !self.has_run_out(&lock, &line)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The locks that somebody asks for and that are not open here.
    fn locks_to_open(&mut self) -> Result<BTreeSet<LockName>, Error> {
        let own = self.load_unit()?.record().clone();
        let others = self.view.records().values().filter_map(Reading::good);
        let asked = others.chain([&own]).flat_map(UnitRecord::asked);
        let is_open = |lock: &&LockName| {
            let line = self.line.good().and_then(|line| line.locks.get(*lock));
            line.is_some_and(|line| line.moved.is_none())
        };
        Ok(asked.filter(|lock| !is_open(lock)).cloned().collect())
    }

    /// Whether nothing of the lock is unfinished on another endpoint. Where it is not marked as moved there, this
    /// marks it, and a later hook goes on.
    fn leave(&mut self, endpoint: &str, lock: &LockName) -> Result<bool, Error> {
        let here = self.state.endpoint().to_owned();
        let elder = self.meet(endpoint)?;
        let Some(line) = elder.line.good().and_then(|line| line.locks.get(lock)) else {
            // What cannot be read may hold anything.
            return Ok(!matches!(
                elder.line,
                Reading::Unreadable(_) | Reading::Foreign(_)
            ));
        };
        let line = line.clone();
        let marked = line.moved.as_ref() == Some(&here);
        if marked && elder.has_run_out(lock, &line)? {
            return Ok(true);
        }
        let order = Order::Move(lock.clone(), here);
        let members = elder.read_members()?;
        elder.keep_line(&Idle, members, &[order], &BTreeSet::new())?;
        elder.save_session()?;
        if !marked {
            // Where the agent is silent about own writes, no event brings the next step.
            self.wake(Errand::Hook);
        }
        Ok(false)
    }

    fn has_run_out(&mut self, lock: &LockName, line: &LockLine) -> Result<bool, Error> {
        let tickets: Vec<Ticket> = line.entries.iter().map(|e| e.ticket.clone()).collect();
        let me: UnitName = self.environment.unit.clone();
        for ticket in tickets {
            let finished = if ticket.unit == me {
                self.load_unit()?.record().finished(lock, &ticket)
            } else {
                self.read_peer(&ticket.unit);
                self.view.finished(lock, &ticket)
            };
            if !finished {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
