//! Where a lock lives: on the endpoint that the charm names, or still on another one.
//!
//! A refresh may switch to another endpoint in the middle of a roll. Units of the old revision continue with the old
//! line, so the new one must not open beside it. For each lock:
//!
//! 1. the leader marks the lock as moved in the old line, and nothing joins that line any more;
//! 2. entries in the old line are served there; a unit with a place in it keeps that place;
//! 3. requests without a place are made again on the new endpoint;
//! 4. once the old line has nothing unfinished, the leader opens the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ops_coordinator_core::{
    Journal, LockLine, LockName, Order, Reading, Ticket, Turn, UnitRecord, Wait,
};

use crate::hook::Hook;
use crate::lead::Wanted;
use crate::session::Session;
use crate::state::{JOURNAL, SESSION, State};
use crate::{Errand, Error, Operation};

impl Hook {
    /// The hook on the endpoint where the lock lives for this unit: another one, as long as this unit has a place
    /// in the line there. A request without a place is first moved to this endpoint.
    pub(crate) fn at_home(&mut self, lock: &LockName) -> Result<&mut Hook, Error> {
        let home = if self.is_running(lock) {
            // How an operation ended must reach the journal first, whatever hook tools answer.
            let mut siblings = self.siblings.iter();
            let running = siblings.find(|(_, sibling)| sibling.is_running(lock));
            running.map(|(endpoint, _)| endpoint.clone())
        } else {
            self.look_after_siblings()?;
            self.find_home(lock)?
        };
        // Two steps, as the borrow of one sibling would last as long as that of all.
        match home {
            Some(endpoint) => self.meet(&endpoint),
            None => Ok(self),
        }
    }

    fn find_home(&mut self, lock: &LockName) -> Result<Option<String>, Error> {
        let Some(endpoint) = self.endpoint_of(lock)? else {
            return Ok(None);
        };
        let sibling = self.meet(&endpoint)?;
        let has_place = sibling.has_place(lock)?;
        // A cancellation is accepted by looking, and must not be forgotten with this process.
        sibling.publish()?;
        if !has_place {
            self.bring_over(lock, &endpoint)?;
        }
        Ok(has_place.then_some(endpoint))
    }

    fn has_place(&mut self, lock: &LockName) -> Result<bool, Error> {
        let turn = self.turn_here(lock)?;
        Ok(!matches!(
            turn,
            Turn::NotRequested | Turn::Wait(Wait::NotInLine | Wait::Moved(_))
        ))
    }

    /// Repeats here a request that this unit has made on another endpoint, and then withdraws it there. It has no
    /// place in the line there, so it can never have started.
    fn bring_over(&mut self, lock: &LockName, endpoint: &str) -> Result<(), Error> {
        let sibling = self.meet(endpoint)?.load_unit()?;
        if sibling.outstanding(lock).is_none() {
            return Ok(());
        }
        let state = sibling.record().locks.get(lock);
        let name = state.and_then(|state| state.operation.clone());
        let lost = sibling.is_lost(lock);
        let payload = sibling.payload(lock);
        let mut operation = payload.map(|payload| Operation::from_payload(Some(payload)));
        if lost {
            operation.get_or_insert_default().lost = true;
        }
        self.request_here(lock, name.as_deref(), operation)?;
        let reason = format!("asked for again on {}", self.state.endpoint());
        let sibling = self.meet(endpoint)?;
        sibling.load_unit()?.handle_withdraw(lock, Some(&reason));
        sibling.publish()
    }

    /// The first other endpoint whose journal has an outstanding request for the lock.
    fn endpoint_of(&mut self, lock: &LockName) -> Result<Option<String>, Error> {
        for endpoint in self.other_endpoints()? {
            let state = State::new(Rc::clone(self.state.machine()), &endpoint);
            state.adopt(&mut self.warnings)?;
            let journal: Option<Journal> = state.load(JOURNAL, &mut self.warnings)?;
            if journal.is_some_and(|journal| journal.is_outstanding(lock)) {
                return Ok(Some(endpoint));
            }
        }
        Ok(None)
    }

    /// Continues this unit's work on other endpoints: its latest state there may not be published yet, and after a
    /// lost disk only its databag shows that it has a request.
    pub(crate) fn look_after_siblings(&mut self) -> Result<(), Error> {
        for endpoint in self.other_endpoints()? {
            if self.is_told_of(&endpoint)? || !self.is_settled(&endpoint)? {
                self.attend(&endpoint)?;
            }
        }
        Ok(())
    }

    /// Whether the hook is about another endpoint that was used before, where the leader may need an answer from all
    /// units.
    fn is_told_of(&mut self, endpoint: &str) -> Result<bool, Error> {
        let event = self.environment.relation.as_ref();
        let about = event.is_some_and(|event| event.endpoint() == endpoint);
        Ok(about && self.session_of(endpoint)?.is_some())
    }

    /// At the end of a hook that is about no relation, checks whether one is gone on another endpoint that was used
    /// before. No event announces that.
    pub(crate) fn look_for_lost_relations(&mut self) -> Result<(), Error> {
        if self.environment.relation.is_some() {
            return Ok(());
        }
        for endpoint in self.other_endpoints()? {
            let Some(session) = self.session_of(&endpoint)? else {
                continue;
            };
            if self.siblings.contains_key(&endpoint) || self.noted(&old_line(&endpoint)).is_some() {
                continue;
            }
            let lowest = self.tools.relation_ids(&endpoint)?.into_iter().next();
            if lowest.map(|id| id.to_string()) != session.relation {
                self.attend(&endpoint)?;
            }
        }
        Ok(())
    }

    /// Reads what is new on another endpoint, and publishes there what this unit has to publish.
    fn attend(&mut self, endpoint: &str) -> Result<(), Error> {
        let sibling = self.meet(endpoint)?;
        sibling.load_unit()?;
        sibling.publish()?;
        sibling.save_session()
    }

    /// Whether all of this unit's state on another endpoint is known to be published. Costs no hook tool call.
    fn is_settled(&mut self, endpoint: &str) -> Result<bool, Error> {
        if self.siblings.contains_key(endpoint) {
            return Ok(true);
        }
        let Some(session) = self.session_of(endpoint)? else {
            return Ok(false);
        };
        let state = State::new(Rc::clone(self.state.machine()), endpoint);
        let Some(journal) = state.load::<Journal>(JOURNAL, &mut self.warnings)? else {
            return Ok(session.own.is_some());
        };
        let records = journal.locks.into_iter();
        let records: BTreeMap<_, _> = records.map(|(lock, kept)| (lock, kept.record)).collect();
        Ok(session.confirmed == Some(records))
    }

    /// The charm's other endpoints, except those that it uses side by side with this one: their locks are different
    /// ones, whatever their names.
    fn other_endpoints(&mut self) -> Result<Vec<String>, Error> {
        let declared = self.environment.peers.clone();
        let mut others = Vec::new();
        for endpoint in declared {
            if endpoint != self.state.endpoint() && !self.is_used_beside(&endpoint)? {
                others.push(endpoint);
            }
        }
        Ok(others)
    }

    /// Whether the charm uses that endpoint too in this hook, or did when it last used this one. After a refresh to
    /// this endpoint it does not.
    fn is_used_beside(&mut self, endpoint: &str) -> Result<bool, Error> {
        let Some(other) = self.session_of(endpoint)?.filter(|other| !other.met) else {
            return Ok(false);
        };
        let now = other.context == self.session.context;
        Ok(now || self.session.previous.as_ref() == Some(&other.context))
    }

    fn session_of(&mut self, endpoint: &str) -> Result<Option<Session>, Error> {
        let state = State::new(Rc::clone(self.state.machine()), endpoint);
        state.load(SESSION, &mut self.warnings)
    }

    /// This hook on another endpoint.
    fn meet(&mut self, endpoint: &str) -> Result<&mut Hook, Error> {
        let mut sibling = match self.siblings.remove(endpoint) {
            Some(mut sibling) => {
                sibling.refresh()?;
                sibling
            }
            None => Self::look(
                self.environment.clone(),
                Rc::clone(&self.transport),
                Rc::clone(self.state.machine()),
                endpoint,
                true,
            )?,
        };
        // What is concluded from both is as old as the older look: the charm may have read that databag too.
        let read_at = sibling.session.read_at.min(self.session.read_at);
        sibling.session.read_at = read_at;
        self.session.read_at = read_at;
        Ok(self.siblings.entry(endpoint.to_owned()).or_insert(sibling))
    }

    /// On the leader: the locks that must not join the line here yet, with the endpoint on which each still is, and
    /// those that have come back. Makes them leave the other endpoints.
    pub(crate) fn settle_homes(
        &mut self,
    ) -> Result<(BTreeMap<LockName, String>, Vec<Order>), Error> {
        let (mut held, mut orders) = (BTreeMap::new(), Vec::new());
        let others = self.other_endpoints()?;
        if others.is_empty() {
            return Ok((held, orders));
        }
        for lock in self.locks_to_open()? {
            for endpoint in &others {
                if !self.leave(endpoint, &lock)? {
                    held.insert(lock.clone(), endpoint.clone());
                }
            }
            if !held.contains_key(&lock) {
                orders.push(Order::TakeUp(lock));
            }
        }
        Ok((held, orders))
    }

    /// Locks that an operator's order must not open, because it does not check other endpoints first.
    pub(crate) fn unopened(&mut self) -> Result<BTreeMap<LockName, String>, Error> {
        let Some(other) = self.other_endpoints()?.into_iter().next() else {
            return Ok(BTreeMap::new());
        };
        let locks = self.locks_to_open()?.into_iter();
        Ok(locks.map(|lock| (lock, other.clone())).collect())
    }

    /// On the leader: maintains the line of an endpoint that the charm no longer uses, as long as it has entries: a
    /// unit there may be gone for good.
    pub(crate) fn tend_old_lines(&mut self) -> Result<(), Error> {
        for endpoint in self.other_endpoints()? {
            let over = old_line(&endpoint);
            let event = self.environment.relation.as_ref();
            if event.is_some_and(|relation| relation.endpoint() == endpoint) {
                self.session.notes.remove(&over);
            }
            if self.noted(&over).is_some() || self.session_of(&endpoint)?.is_none() {
                continue;
            }
            let sibling = self.meet(&endpoint)?;
            if sibling.somebody_is_in_line()? {
                let members = sibling.read_members()?;
                sibling.keep_line(members, &Wanted::only(&[], &BTreeMap::new()))?;
                sibling.save_session()?;
            } else if sibling.has_moved_away() {
                self.note(&over, "is over");
            }
        }
        Ok(())
    }

    /// Whether no lock has its line here any more.
    fn has_moved_away(&self) -> bool {
        let mut locks = self
            .line
            .good()
            .into_iter()
            .flat_map(|line| line.locks.values());
        locks.all(|line| line.moved.is_some())
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

    /// The requested locks that are not open here.
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

    /// Whether the lock has nothing unfinished on another endpoint. If the charm has used that endpoint and the lock is
    /// not marked as moved there, this marks it, and a later hook continues.
    fn leave(&mut self, endpoint: &str, lock: &LockName) -> Result<bool, Error> {
        let here = self.state.endpoint().to_owned();
        let sibling = self.meet(endpoint)?;
        let line = match &sibling.line {
            Reading::Good(line) => line.locks.get(lock).cloned().unwrap_or_default(),
            // Nobody has taken turns there, and this unit has never asked.
            Reading::Absent if sibling.session.previous.is_none() => return Ok(true),
            Reading::Absent => LockLine::default(),
            // What cannot be read may hold anything.
            Reading::Unreadable(_) | Reading::Foreign(_) => return Ok(false),
        };
        let marked = line.moved.as_ref() == Some(&here);
        if marked && sibling.has_run_out(lock, &line)? {
            return Ok(true);
        }
        let order = [Order::Move(lock.clone(), here)];
        let orders: &[Order] = if marked { &[] } else { &order };
        let members = sibling.read_members()?;
        sibling.keep_line(members, &Wanted::only(orders, &BTreeMap::new()))?;
        sibling.save_session()?;
        if sibling.session.wrote_line {
            // Where the agent is silent about own writes, no event brings the next step.
            self.wake(Errand::Hook);
        }
        Ok(false)
    }

    fn has_run_out(&mut self, lock: &LockName, line: &LockLine) -> Result<bool, Error> {
        let tickets: Vec<Ticket> = line.entries.iter().map(|e| e.ticket.clone()).collect();
        for ticket in tickets {
            if ticket.unit != self.environment.unit {
                self.read_peer(&ticket.unit);
            }
            if !self.is_finished(lock, &ticket)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The name of the note that an old line is over.
fn old_line(endpoint: &str) -> String {
    format!("the line of {endpoint}")
}
