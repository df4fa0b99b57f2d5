//! Questions that change nothing: the unit's own requests, and who waits for whom and why.

use std::collections::BTreeMap;

use super::Need;
use super::round::Round;
use super::visit::Visit;
use crate::policy::{Policy, Request, Rotation, Situation};
use crate::{Journal, LockName, LockRecord, Payload, Place, Reading, Status, UnitName, UnitRecord};

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
            found.extend(tickets.into_iter().map(|(lock, ticket)| (lock, ticket.seq)));
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
    /// [`Rotation`].
    pub(super) fn queue(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
    ) -> Result<Vec<UnitName>, Need> {
        let records = self.records(round)?;
        let line = &self.here(round)?.line;
        let status = Status::of(line, &records);
        let asking = status.locks.get(lock).into_iter();
        let asking = asking.flat_map(|lock| &lock.units);
        let asking = asking.filter(|unit| unit.place == Place::Requested);
        let requests = asking.filter_map(|unit| {
            let record = records.get(&unit.unit).and_then(Reading::good)?;
            Request::of(&unit.unit, lock, record)
        });
        let mut requests: Vec<Request> = requests.collect();
        let line = line.good().and_then(|line| line.locks.get(lock));
        let last = line.and_then(|line| line.entries.last());
        let mut situation = Situation::new(&round.facts.unit);
        situation.last = last.map(|last| &last.ticket.unit);
        Rotation::default().order(lock, &mut requests, &situation);
        let queue = requests.into_iter().map(|request| request.ticket.unit);
        Ok(queue.collect())
    }

    pub(super) fn status(&mut self, round: &mut Round<'_>) -> Result<Status, Need> {
        let records = self.records(round)?;
        let mut status = Status::of(&self.here(round)?.line, &records);
        status.unit = Some(round.facts.unit.clone());
        Ok(status)
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
