//! One unit in one hook, on all of the charm's endpoints.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::round::Round;
use super::site::Site;
use super::{Need, Process, Start};
use crate::policy::Policy;
use crate::{
    Call, Errand, LockName, News, OnFailure, Order, Payload, Recovery, Requested, Turn, Unit, Wait,
};

/// One unit in one hook, on all of the charm's endpoints.
#[derive(Debug, Clone, Default)]
pub(super) struct Visit {
    pub(super) sites: BTreeMap<String, Site>,
}

impl Visit {
    fn site(&mut self, round: &mut Round<'_>, endpoint: &str) -> Result<&mut Site, Need> {
        Ok(match self.sites.entry(endpoint.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let met = endpoint != round.facts.endpoint;
                new.insert(Site::open(round, endpoint, met)?)
            }
        })
    }

    /// The endpoint that the charm names.
    pub(super) fn here(&mut self, round: &mut Round<'_>) -> Result<&mut Site, Need> {
        let endpoint = &round.facts.endpoint;
        self.site(round, endpoint)
    }

    /// Another endpoint.
    pub(super) fn meet(
        &mut self,
        round: &mut Round<'_>,
        endpoint: &str,
    ) -> Result<&mut Site, Need> {
        let here = self.here(round)?.session.read_at;
        let site = self.site(round, endpoint)?;
        // What is concluded from both is as old as the older look: the charm may have read that databag too.
        let read_at = site.session.read_at.min(here);
        site.session.read_at = read_at;
        self.here(round)?.session.read_at = read_at;
        self.site(round, endpoint)
    }

    /// What has happened to this unit's requests, on all endpoints.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        let units = self.sites.values_mut();
        let units = units.filter_map(|site| site.unit.as_mut());
        units.flat_map(Unit::take_news).collect()
    }

    pub(super) fn is_running(&self, lock: &LockName) -> bool {
        let mut sites = self.sites.values();
        sites.any(|site| site.session.running.contains(lock))
    }

    pub(super) fn request(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        operation: Option<&str>,
        payload: &Payload,
    ) -> Result<Requested, Need> {
        let site = self.at_home(round, lock)?;
        let unit = site.load_unit(round)?;
        let requested = unit.request(lock, operation, payload);
        site.publish(round);
        Ok(requested)
    }

    pub(super) fn withdraw(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        reason: Option<&str>,
    ) -> Result<bool, Need> {
        let site = self.at_home(round, lock)?;
        let withdrawn = site.load_unit(round)?.withdraw(lock, reason);
        site.publish(round);
        Ok(withdrawn)
    }

    pub(super) fn expect(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        call: &Call,
    ) -> Result<(), Need> {
        let here = round.facts.endpoint.clone();
        let site = self.at_home(round, lock)?;
        let unit = site.load_unit(round)?;
        unit.expect(lock, call.clone());
        if site.endpoint == here {
            site.store_journal(round);
        } else {
            // Nobody rolls all units where the lock is leaving.
            site.load_unit(round)?.expect_no_longer(lock);
            site.publish(round);
        }
        Ok(())
    }

    pub(super) fn pass(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        reason: Option<&str>,
    ) -> Result<bool, Need> {
        let site = self.at_home(round, lock)?;
        let passed = site.load_unit(round)?.pass(lock, reason);
        site.publish(round);
        Ok(passed)
    }

    pub(super) fn start(&mut self, round: &mut Round<'_>, lock: &LockName) -> Result<Start, Need> {
        self.at_home(round, lock)?.start(round, lock)
    }

    pub(super) fn shared_is_for(
        &mut self,
        round: &mut Round<'_>,
        endpoint: &str,
        lock: &LockName,
    ) -> Result<Option<u64>, Need> {
        let home = self.at_home(round, lock)?;
        if home.endpoint != endpoint {
            return Ok(None);
        }
        home.shared_is_for(round, lock)
    }

    pub(super) fn note_process(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        process: Process,
    ) -> Result<(), Need> {
        let site = self.at_home(round, lock)?;
        let at_work = site.session.processes.entry(lock.clone()).or_default();
        at_work.insert(process);
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        result: Result<(), &str>,
        served: Option<u64>,
    ) -> Result<(), Need> {
        if let Err(why) = result {
            return self.fail(round, lock, why, Recovery::default()).map(drop);
        }
        let site = self.at_home(round, lock)?;
        let ended = site.load_unit(round)?.finish(lock, result, served);
        site.end(round, lock, ended);
        Ok(())
    }

    pub(super) fn fail(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        why: &str,
        recovery: Recovery,
    ) -> Result<OnFailure, Need> {
        let site = self.at_home(round, lock)?;
        let then = site.load_unit(round)?.fail(lock, why, recovery);
        site.end(round, lock, then == Some(OnFailure::Continue));
        site.wake_for_retry(round, lock)?;
        Ok(then.unwrap_or(recovery.on_failure))
    }

    pub(super) fn put_on_trial(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        served: Option<u64>,
    ) -> Result<(), Need> {
        let site = self.at_home(round, lock)?;
        site.load_unit(round)?.put_on_trial(lock, served);
        site.end_work(lock);
        site.store_journal(round);
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        round: &mut Round<'_>,
        policy: &dyn Policy,
        orders: &[Order],
    ) -> Result<(), Need> {
        self.here(round)?;
        for site in self.sites.values_mut() {
            site.note_availability(round)?;
            site.wake_for_unseen_end(round);
        }
        self.take_along(round)?;
        let here = self.here(round)?;
        if here.session.relation.is_some() {
            here.wake_for_recovery(round);
            let rolls = here.tend_expectations(round)?;
            if here.session.leader {
                let all: Vec<Order> = rolls.iter().chain(orders).cloned().collect();
                if all.iter().any(|order| matches!(order, Order::Roll(..))) {
                    here.load_unit(round)?.introduce();
                }
                here.publish_own(round)?;
                let kept = self.lead(round, policy, &all)?;
                self.here(round)?.stand_alone(round, &rolls, &kept)?;
            } else if !here.only_waits(round)? {
                here.publish_own(round)?;
            }
        }
        self.look_after_others(round)?;
        self.look_for_lost_relations(round)?;
        for (endpoint, site) in &mut self.sites {
            if *endpoint != round.facts.endpoint {
                site.note_availability(round)?;
                site.publish_own(round)?;
            }
        }
        Ok(())
    }
}

impl Site {
    /// An operation has ended; `passes_on`: and with it the turn.
    pub(super) fn end(&mut self, round: &mut Round<'_>, lock: &LockName, passes_on: bool) {
        self.session.finished_operation |= passes_on;
        self.end_work(lock);
        self.publish(round);
    }

    /// Nothing works on the operation any more.
    pub(super) fn end_work(&mut self, lock: &LockName) {
        self.session.running.remove(lock);
        self.session.processes.remove(lock);
    }

    fn start(&mut self, round: &mut Round<'_>, lock: &LockName) -> Result<Start, Need> {
        if self.session.running.contains(lock) {
            // Another process of this very hook is at it.
            return Ok(Start::Waiting(Wait::Busy));
        }
        // Whatever is found to be missing now, another shared lock is not to be kept waiting for it.
        self.session.shared.remove(lock);
        if let Some(start) = self.look_at_check(round, lock)? {
            return Ok(start);
        }
        match self.turn(round, lock)? {
            Turn::Start(ticket) => {
                if let Some(wait) = self.backs_off(round, lock, &ticket)? {
                    return Ok(Start::Waiting(wait));
                }
            }
            Turn::Wait(wait) => {
                if wait == Wait::Busy {
                    // That it ends brings no event.
                    self.wake(round, Errand::Hook);
                }
                return Ok(Start::Waiting(wait));
            }
            Turn::NotRequested => return Ok(Start::NotRequested),
        }
        if !self.follows_the_lowest(round)? {
            return Ok(Start::Waiting(Wait::NotInLine));
        }
        if let Some(wait) = self.held_back(round, lock)? {
            return Ok(Start::Waiting(wait));
        }
        let view = self.view.clone();
        let unit = self.load_unit(round)?;
        let payload = unit.payload(lock);
        let attempt = match unit.start(lock, &view) {
            Ok(attempt) => attempt,
            Err(Turn::Wait(wait)) => return Ok(Start::Waiting(wait)),
            Err(_) => return Ok(Start::NotRequested),
        };
        self.store_journal(round);
        self.session.running.insert(lock.clone());
        if let Some(process) = round.facts.process {
            let at_work = self.session.processes.entry(lock.clone()).or_default();
            at_work.insert(process);
        }
        if !round.facts.will_be_retried {
            // Should this be cut off, or its commit refused, no other hook need come.
            self.wake(round, Errand::Hook);
        }
        Ok(Start::Begun(attempt, payload))
    }

    /// An operation that goes on without its hook, this one or an earlier one, may end before another hook sees it.
    fn wake_for_unseen_end(&mut self, round: &mut Round<'_>) {
        if !self.session.running.is_empty() || !self.session.orphans.is_empty() {
            self.wake(round, Errand::Hook);
        }
    }

    /// Whether every request of this unit is waiting in the line, so that it has nothing to publish.
    fn only_waits(&mut self, round: &mut Round<'_>) -> Result<bool, Need> {
        if round.facts.is_newborn(&self.session) || self.session.availability_is_news {
            return Ok(false);
        }
        let Some(tickets) = self.quiet_tickets(&round.facts.unit) else {
            return Ok(false);
        };
        for (lock, _) in tickets {
            // What matters is the look at the line: should the turn have come in a hook that the charm
            // did not wire, it stays ours until a hook takes it.
            self.turn(round, &lock)?;
        }
        Ok(true)
    }
}
