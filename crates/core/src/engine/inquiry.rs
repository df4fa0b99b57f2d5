//! Questions that change nothing: the unit's own requests, and who waits for whom and why.

use std::collections::{BTreeMap, BTreeSet};

use super::Need;
use super::round::Round;
use super::site::Site;
use super::visit::Visit;
use crate::metrics::metrics;
use crate::policy::Policy;
use crate::{
    Invitation, Journal, LockName, LockRecord, Observer, Payload, Place, Reading, RollPlan, Status,
    Turn, UnitName, UnitRecord,
};

impl Visit {
    pub(super) fn record(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<LockRecord, Need> {
        let unit = self.at_home(round, lock)?.load_unit(round)?;
        Ok(unit.record().locks.get(lock).cloned().unwrap_or_default())
    }

    pub(super) fn payload(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Payload, Need> {
        let unit = self.at_home(round, lock)?.load_unit(round)?;
        Ok(unit.payload(lock))
    }

    /// What a campaign has this unit do now.
    pub(super) fn invitation(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Option<Invitation>, Need> {
        let site = self.at_home(round, lock)?;
        match site.turn(round, lock)? {
            Turn::Start(_) => Ok(site.load_unit(round)?.invitation(lock)),
            Turn::Wait(_) | Turn::NotRequested => Ok(None),
        }
    }

    /// The locks for which a campaign has invited this unit and its turn has come, although it has no request of its own.
    pub(super) fn invitations(&mut self, round: &mut Round<'_>) -> Result<Vec<LockName>, Need> {
        let me = round.facts.unit.clone();
        let here = self.here(round)?;
        let line = here.line.good();
        let locks = line.into_iter().flat_map(|line| &line.locks);
        let in_line = locks.filter(|(lock, line)| {
            let mut entries = line.entries.iter();
            // What it has asked for itself, it knows without a look at its databag.
            entries.any(|entry| entry.ticket.unit == me) && !here.journal().is_outstanding(lock)
        });
        let locks: Vec<LockName> = in_line.map(|(lock, _)| lock.clone()).collect();
        let mut found = Vec::new();
        for lock in locks {
            if self.invitation(round, &lock)?.is_some() {
                found.push(lock);
            }
        }
        Ok(found)
    }

    /// For each lock with an outstanding request of this unit, the number of the one that is served next, including
    /// those left on `others`, endpoints that the charm has used before.
    pub(super) fn outstanding(
        &mut self,
        round: &mut Round<'_>,
        others: &[String],
    ) -> Result<BTreeMap<LockName, u64>, Need> {
        let mut found = BTreeMap::new();
        let site = self.here(round)?;
        if let Some(tickets) = site.quiet_tickets(&round.facts.unit) {
            let own = |lock: &LockName| site.journal().is_outstanding(lock);
            let tickets = tickets.into_iter().filter(|(lock, _)| own(lock));
            found.extend(tickets.map(|(lock, ticket)| (lock, ticket.seq)));
        } else {
            let unit = site.load_unit(round)?;
            for lock in unit.record().locks.keys() {
                let ticket = unit.outstanding(lock);
                found.extend(ticket.map(|ticket| (lock.clone(), ticket.seq)));
            }
        }
        for endpoint in others {
            let journal = self.journal_of(round, endpoint)?;
            for (lock, record) in journal.into_iter().flat_map(Journal::records) {
                if record.seq > record.done {
                    found.entry(lock).or_insert(record.done + 1);
                }
            }
        }
        Ok(found)
    }

    /// The units that have requested a lock and are not in its line, in the order in which they would join it under
    /// [`Rotation`](crate::policy::Rotation).
    pub(super) fn queue(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Vec<UnitName>, Need> {
        let records = self.records(round)?;
        let mut status = Status::of(&self.here(round)?.line, &records);
        let units = status.locks.remove(lock).map(|lock| lock.units);
        let asking = units.into_iter().flatten();
        let asking = asking.filter(|unit| unit.place == Place::Requested);
        Ok(asking.map(|unit| unit.unit).collect())
    }

    pub(super) fn plan(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        policy: &dyn Policy,
    ) -> Result<RollPlan, Need> {
        let records = self.records(round)?;
        let site = self.here(round)?;
        let mut here = BTreeSet::from([round.facts.unit.clone()]);
        if let Some(relation) = &site.session.relation {
            here.extend(round.known.members(relation)?.iter().cloned());
        }
        here.retain(|unit| !site.session.departed.contains(unit));
        Ok(RollPlan::of(lock, &site.line, &records, &here, policy))
    }

    pub(super) fn status(&mut self, round: &mut Round<'_>) -> Result<Status, Need> {
        let records = self.records(round)?;
        let site = self.here(round)?;
        let mut observer = site.observer(round);
        if let Some(relation) = &site.session.relation {
            let mut members = round.known.members(relation)?.clone();
            members.retain(|unit| !site.session.departed.contains(unit));
            members.insert(round.facts.unit.clone());
            observer.members = Some(members);
        }
        Ok(Status::seen_by(observer, &site.line, &records))
    }

    pub(super) fn summary(&mut self, round: &mut Round<'_>) -> Result<Option<String>, Need> {
        let site = self.here(round)?;
        let own = match (
            site.quiet_tickets(&round.facts.unit),
            &site.journal().incarnation,
        ) {
            (Some(_), Some(incarnation)) => UnitRecord {
                locks: site.journal().records(),
                ..UnitRecord::new(incarnation.clone())
            },
            _ => site.load_unit(round)?.record().clone(),
        };
        for lock in own.asked() {
            // Reads who could end the wait, unless this hook has done that already.
            site.turn(round, lock)?;
        }
        let mut records = site.view.records().clone();
        records.insert(round.facts.unit.clone(), Reading::Good(own));
        let mut status = Status::seen_by(site.observer(round), &site.line, &records);
        // That is over when the hook is, or else the next hook says how it went.
        let running = &site.session.running;
        status.locks.retain(|lock, _| !running.contains(lock));
        Ok(status.summary(&round.facts.unit))
    }

    pub(super) fn metrics(&mut self, round: &mut Round<'_>) -> Result<String, Need> {
        let site = self.here(round)?;
        Ok(metrics(&round.facts.unit, site.journal()))
    }

    /// Every unit's record, this one's included.
    fn records(
        &mut self,
        round: &mut Round<'_>,
    ) -> Result<BTreeMap<UnitName, Reading<UnitRecord>>, Need> {
        let site = self.here(round)?;
        let own = site.load_unit(round)?.record().clone();
        if let Some(relation) = &site.session.relation {
            let members = round.known.members(relation)?;
            site.read_peers(round, members)?;
        }
        let mut records = site.view.records().clone();
        records.insert(round.facts.unit.clone(), Reading::Good(own));
        Ok(records)
    }
}

impl Site {
    /// What this unit knows besides the databags.
    fn observer(&self, round: &Round<'_>) -> Observer {
        let line = self.line.good();
        let started = self.journal().locks.iter();
        let started = started.filter_map(|(lock, kept)| Some((lock.clone(), kept.started?)));
        let running = self.session.running.iter();
        let running = running.chain(self.session.orphans.keys());
        Observer {
            unit: Some(round.facts.unit.clone()),
            leads: self.session.leader,
            members: None,
            now: round.wall,
            finished: line.map_or_else(BTreeMap::new, |line| self.view.finished_of(line)),
            started: started.collect(),
            running: running.cloned().collect(),
        }
    }
}
