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

use super::lead::Wanted;
use super::round::Round;
use super::site::Site;
use super::visit::Visit;
use super::{Need, Session};
use crate::{
    Errand, Journal, LockLine, LockName, Order, Reading, Ticket, Turn, UnitName, UnitRecord, Wait,
};

impl Visit {
    /// The endpoint where the lock lives for this unit: another than the charm's, as long as this unit has a place in
    /// the line there. A request without a place is first moved to the charm's endpoint.
    pub(super) fn at_home(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<&mut Site, Need> {
        // How an operation ended must reach the journal first, whatever hook tools answer.
        let home = if let Some(endpoint) = self.where_it_runs(round, lock)? {
            Some(endpoint)
        } else {
            self.look_after_others(round)?;
            self.find_home(round, lock)?
        };
        match home {
            Some(endpoint) if endpoint != round.facts.endpoint => self.meet(round, &endpoint),
            _ => self.here(round),
        }
    }

    /// The endpoint on which this hook is running the lock's operation, which another process of it may have begun.
    fn where_it_runs(&self, round: &Round<'_>, lock: &LockName) -> Result<Option<String>, Need> {
        let here = round.facts.endpoint.clone();
        for endpoint in self.other_endpoints(round)?.into_iter().chain([here]) {
            let session = self.session_of(round, &endpoint)?;
            let session = session.filter(|session| session.context == round.facts.context);
            if session.is_some_and(|session| session.running.contains(lock)) {
                return Ok(Some(endpoint));
            }
        }
        Ok(None)
    }

    fn find_home(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<String>, Need> {
        let Some(endpoint) = self.endpoint_of(round, lock)? else {
            return Ok(None);
        };
        let site = self.meet(round, &endpoint)?;
        let turn = site.turn(round, lock)?;
        // A cancellation is accepted by looking, and must not be forgotten with this process.
        site.publish(round);
        let has_no_place = matches!(
            turn,
            Turn::NotRequested | Turn::Wait(Wait::NotInLine | Wait::Moved(_) | Wait::Expects(_))
        );
        // What began by the line of a relation that is lost is inside, and goes first on the next one.
        let state = site.load_unit(round)?.record().locks.get(lock);
        let has_no_place = has_no_place && state.is_none_or(|state| !state.begun);
        if has_no_place {
            self.bring_over(round, lock, &endpoint)?;
        }
        Ok((!has_no_place).then_some(endpoint))
    }

    /// Repeats here a request that this unit has made on another endpoint, and then withdraws it there. It has no
    /// place in the line there and has not begun.
    fn bring_over(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        endpoint: &str,
    ) -> Result<(), Need> {
        let there = self.meet(round, endpoint)?.load_unit(round)?;
        there.expect_no_longer(lock);
        if there.outstanding(lock).is_none() {
            return Ok(());
        }
        let state = there.record().locks.get(lock);
        let operation = state.and_then(|state| state.operation.clone());
        let payload = there.payload(lock);
        let here = self.here(round)?;
        let unit = here.load_unit(round)?;
        unit.request(lock, operation.as_deref(), &payload);
        here.publish(round);
        let reason = format!("asked for again on {}", round.facts.endpoint);
        let there = self.meet(round, endpoint)?;
        there.load_unit(round)?.withdraw(lock, Some(&reason));
        there.publish(round);
        Ok(())
    }

    /// Takes along what was asked for while an operation ran that has ended on another endpoint in this hook. It has no
    /// place in the line there, and no event would bring this unit another hook.
    pub(super) fn take_along(&mut self, round: &mut Round<'_>) -> Result<(), Need> {
        for endpoint in self.other_endpoints(round)? {
            let session = self.session_of(round, &endpoint)?;
            let session = session.filter(|session| session.context == round.facts.context);
            if !session.is_some_and(|session| session.finished_operation) {
                continue;
            }
            let Some(journal) = self.journal_of(round, &endpoint)? else {
                continue;
            };
            let locks = journal.locks.keys();
            let locks: Vec<LockName> = locks
                .filter(|lock| journal.is_outstanding(lock))
                .cloned()
                .collect();
            for lock in locks {
                self.find_home(round, &lock)?;
            }
        }
        Ok(())
    }

    /// The first other endpoint whose journal has an outstanding request for the lock.
    fn endpoint_of(&self, round: &Round<'_>, lock: &LockName) -> Result<Option<String>, Need> {
        for endpoint in self.other_endpoints(round)? {
            let journal = self.journal_of(round, &endpoint)?;
            if journal.is_some_and(|journal| journal.is_outstanding(lock)) {
                return Ok(Some(endpoint));
            }
        }
        Ok(None)
    }

    /// Continues this unit's work on other endpoints: its latest state there may not be published yet, and after a
    /// lost disk only its databag shows that it has a request.
    pub(super) fn look_after_others(&mut self, round: &mut Round<'_>) -> Result<(), Need> {
        for endpoint in self.other_endpoints(round)? {
            if self.is_told_of(round, &endpoint)? || !self.is_settled(round, &endpoint)? {
                self.meet(round, &endpoint)?.publish_own(round)?;
            }
        }
        Ok(())
    }

    /// Whether the hook is about another endpoint that was used before, where the leader may need an answer from all
    /// units.
    fn is_told_of(&self, round: &Round<'_>, endpoint: &str) -> Result<bool, Need> {
        let event = round.facts.relation.as_ref();
        let about = event.is_some_and(|event| event.endpoint() == endpoint);
        Ok(about && self.session_of(round, endpoint)?.is_some())
    }

    /// At the end of a hook that is about no relation, checks whether one is gone on another endpoint that was used
    /// before. No event announces that.
    pub(super) fn look_for_lost_relations(&mut self, round: &mut Round<'_>) -> Result<(), Need> {
        if round.facts.relation.is_some() {
            return Ok(());
        }
        for endpoint in self.other_endpoints(round)? {
            let Some(session) = self.session_of(round, &endpoint)? else {
                continue;
            };
            let followed = session.relation.clone();
            let is_over = self
                .here(round)?
                .session
                .notes
                .contains_key(&old_line(&endpoint));
            if self.sites.contains_key(&endpoint) || is_over {
                continue;
            }
            if round.known.relations(&endpoint)?.first() != followed.as_ref() {
                self.meet(round, &endpoint)?.publish_own(round)?;
            }
        }
        Ok(())
    }

    /// Whether all of this unit's state on another endpoint is known to be published. Costs no hook tool call.
    fn is_settled(&self, round: &Round<'_>, endpoint: &str) -> Result<bool, Need> {
        if self.sites.contains_key(endpoint) {
            return Ok(true);
        }
        let Some(session) = self.session_of(round, endpoint)? else {
            return Ok(false);
        };
        let Some(journal) = self.journal_of(round, endpoint)? else {
            return Ok(session.own.is_some());
        };
        Ok(session.confirmed.as_ref() == Some(&journal.records()))
    }

    /// The charm's other endpoints, except those that it uses side by side with this one: their locks are different
    /// ones, whatever their names.
    pub(super) fn other_endpoints(&self, round: &Round<'_>) -> Result<Vec<String>, Need> {
        let mut others = Vec::new();
        for endpoint in &round.facts.peers {
            if *endpoint != round.facts.endpoint && !self.is_used_beside(round, endpoint)? {
                others.push(endpoint.clone());
            }
        }
        Ok(others)
    }

    /// Whether the charm uses that endpoint too in this hook, or did when it last used this one. After a refresh to
    /// this endpoint it does not.
    fn is_used_beside(&self, round: &Round<'_>, endpoint: &str) -> Result<bool, Need> {
        let other = self.session_of(round, endpoint)?;
        let Some(other) = other.filter(|other| !other.met) else {
            return Ok(false);
        };
        let here = self.session_of(round, &round.facts.endpoint)?;
        let last = here.and_then(|here| here.previous.as_ref());
        Ok(other.context == round.facts.context || last == Some(&other.context))
    }

    fn session_of<'a>(
        &'a self,
        round: &'a Round<'_>,
        endpoint: &str,
    ) -> Result<Option<&'a Session>, Need> {
        match self.sites.get(endpoint) {
            Some(site) => Ok(Some(&site.session)),
            None => Ok(round.known.stored(endpoint)?.session.as_ref()),
        }
    }

    pub(super) fn journal_of<'a>(
        &'a self,
        round: &'a Round<'_>,
        endpoint: &str,
    ) -> Result<Option<&'a Journal>, Need> {
        match self.sites.get(endpoint) {
            Some(site) => Ok(Some(site.journal())),
            None => Ok(round.known.stored(endpoint)?.journal.as_ref()),
        }
    }

    /// On the leader: the locks that must not join the line here yet, with the endpoint on which each still is, and
    /// those that have come back. Makes them leave the other endpoints.
    pub(super) fn settle_homes(
        &mut self,
        round: &mut Round<'_>,
        wanted: &[Order],
    ) -> Result<(BTreeMap<LockName, String>, Vec<Order>), Need> {
        let (mut held, mut orders) = (BTreeMap::new(), Vec::new());
        let others = self.other_endpoints(round)?;
        if others.is_empty() {
            return Ok((held, orders));
        }
        let site = self.here(round)?;
        let mut locks = site.locks_to_open(round)?;
        // A campaign needs nobody who asks.
        let rolled = wanted.iter().filter_map(|order| match order {
            Order::Roll(lock, _) if !site.is_open(lock) => Some(lock.clone()),
            _ => None,
        });
        locks.extend(rolled);
        for lock in locks {
            for endpoint in &others {
                if !self.leave(round, endpoint, &lock)? {
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
    pub(super) fn unopened(
        &mut self,
        round: &mut Round<'_>,
        orders: &[Order],
    ) -> Result<BTreeMap<LockName, String>, Need> {
        let Some(other) = self.other_endpoints(round)?.into_iter().next() else {
            return Ok(BTreeMap::new());
        };
        let site = self.here(round)?;
        let mut locks = site.locks_to_open(round)?;
        // A lock may be paused before anybody asks for it.
        let paused = orders.iter().filter_map(|order| match order {
            Order::Pause(lock, _) if !site.is_open(lock) => Some(lock.clone()),
            _ => None,
        });
        locks.extend(paused);
        let locks = locks.into_iter();
        Ok(locks.map(|lock| (lock, other.clone())).collect())
    }

    /// On the leader: maintains the line of an endpoint that the charm no longer uses, as long as it has entries: a
    /// unit there may be gone for good.
    pub(super) fn tend_old_lines(&mut self, round: &mut Round<'_>) -> Result<(), Need> {
        for endpoint in self.other_endpoints(round)? {
            let over = old_line(&endpoint);
            let event = round.facts.relation.as_ref();
            let notes = &mut self.here(round)?.session.notes;
            if event.is_some_and(|relation| relation.endpoint() == endpoint) {
                notes.remove(&over);
            }
            if notes.contains_key(&over) || self.session_of(round, &endpoint)?.is_none() {
                continue;
            }
            let here = round.facts.endpoint.clone();
            let site = self.meet(round, &endpoint)?;
            // A campaign ends with its place, even if nobody asks for its lock here.
            let rolled = site.locks_with_campaign();
            let orders: Vec<Order> = rolled
                .map(|lock| Order::Move(lock.clone(), here.clone()))
                .collect();
            let is_kept = site.is_to_be_opened(round)? || site.somebody_is_in_line(round)?;
            if is_kept || !orders.is_empty() {
                let members = site.read_members(round)?;
                site.keep_line(round, members, &Wanted::only(&orders, &BTreeMap::new()))?;
            } else if site.has_moved_away() {
                let notes = &mut self.here(round)?.session.notes;
                notes.insert(over, "is over".to_owned());
            }
        }
        Ok(())
    }

    /// Whether the lock has nothing unfinished on another endpoint. If the charm has used that endpoint and the lock is
    /// not marked as moved there, this marks it, and a later hook continues: without the mark, a unit that still
    /// runs the earlier charm would open the lock there once it leads.
    fn leave(
        &mut self,
        round: &mut Round<'_>,
        endpoint: &str,
        lock: &LockName,
    ) -> Result<bool, Need> {
        let here = round.facts.endpoint.clone();
        let site = self.meet(round, endpoint)?;
        let is_new = site.line == Reading::Absent && site.session.previous.is_none();
        if is_new && !site.is_to_be_opened(round)? && !site.is_known_to_others(round)? {
            // Nobody has taken turns there, and no unit has ever been there.
            return Ok(true);
        }
        let line = match &site.line {
            Reading::Good(line) => line.locks.get(lock).cloned().unwrap_or_default(),
            Reading::Absent => LockLine::default(),
            // What cannot be read may hold anything.
            Reading::Unreadable(_) | Reading::Foreign(_) => return Ok(false),
        };
        let marked = line.moved.as_ref() == Some(&here);
        if marked && site.has_run_out(round, lock, &line)? {
            return Ok(true);
        }
        let order = [Order::Move(lock.clone(), here)];
        let orders: &[Order] = if marked { &[] } else { &order };
        let members = site.read_members(round)?;
        site.keep_line(round, members, &Wanted::only(orders, &BTreeMap::new()))?;
        if site.session.wrote_line {
            // Where the agent is silent about own writes, no event brings the next step.
            self.here(round)?.wake(round, Errand::Hook);
        }
        Ok(false)
    }
}

impl Site {
    /// Whether any other unit has published a record here.
    fn is_known_to_others(&mut self, round: &mut Round<'_>) -> Result<bool, Need> {
        let members = self.read_members(round)?;
        let mut records = self.view.records().iter();
        Ok(records.any(|(unit, record)| members.contains(unit) && *record != Reading::Absent))
    }

    /// Whether no lock has its line here any more.
    fn has_moved_away(&self) -> bool {
        let lines = self.line.good().into_iter();
        let mut locks = lines.flat_map(|line| line.locks.values());
        locks.all(|line| line.moved.is_some())
    }

    /// Whether units may still be inside by the line of a relation that this unit or another one has lost. Where there
    /// is no line yet, their records tell.
    fn is_to_be_opened(&mut self, round: &mut Round<'_>) -> Result<bool, Need> {
        if self.line != Reading::Absent {
            let line = self.line.good();
            return Ok(line.is_some_and(|line| line.opening.is_some()));
        }
        self.read_members(round)?;
        let own = self.load_unit(round)?.record().clone();
        let others = self.view.records().values().filter_map(Reading::good);
        let mut records = others.chain([&own]);
        Ok(records.any(|record| record.beyond.is_some()))
    }

    fn somebody_is_in_line(&mut self, round: &mut Round<'_>) -> Result<bool, Need> {
        let locks = self.line.good().map(|line| line.locks.clone());
        for (lock, line) in locks.unwrap_or_default() {
            if !self.has_run_out(round, &lock, &line)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn has_run_out(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        line: &LockLine,
    ) -> Result<bool, Need> {
        let me = &round.facts.unit;
        let tickets: Vec<&Ticket> = line.entries.iter().map(|entry| &entry.ticket).collect();
        for ticket in tickets {
            let other: Option<&UnitName> = Some(&ticket.unit).filter(|unit| *unit != me);
            self.read_peers(round, other)?;
            if !self.is_finished(round, lock, ticket)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The locks that are requested, or for which a campaign is announced, and that are not open here.
    fn locks_to_open(&mut self, round: &mut Round<'_>) -> Result<BTreeSet<LockName>, Need> {
        let own = self.load_unit(round)?.record().clone();
        let others = self.view.records().values().filter_map(Reading::good);
        let asked = others.chain([&own]).flat_map(UnitRecord::asked);
        let lines = self.line.good().into_iter().flat_map(|line| &line.locks);
        let rolled = lines.filter(|(_, line)| rolls(line)).map(|(lock, _)| lock);
        let asked = asked.chain(rolled);
        Ok(asked.filter(|lock| !self.is_open(lock)).cloned().collect())
    }

    /// The locks that are open here and have a campaign.
    fn locks_with_campaign(&self) -> impl Iterator<Item = &LockName> {
        let lines = self.line.good().into_iter().flat_map(|line| &line.locks);
        let rolled = lines.filter(|(_, line)| line.moved.is_none() && rolls(line));
        rolled.map(|(lock, _)| lock)
    }

    fn is_open(&self, lock: &LockName) -> bool {
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        line.is_some_and(|line| line.moved.is_none())
    }
}

/// Whether a campaign was announced for the lock, and not ended early.
fn rolls(line: &LockLine) -> bool {
    line.campaign.as_ref().is_some_and(|now| !now.aborted)
}

/// The name of the note that an old line is over.
fn old_line(endpoint: &str) -> String {
    format!("the line of {endpoint}")
}
