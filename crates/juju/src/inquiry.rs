//! Queries about the unit's own requests.

use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_core::policy::{Policy, Request, Rotation};
use ops_coordinator_core::{Journal, LockName, LockRecord, Place, Reading, UnitName};

use crate::hook::Hook;
use crate::state::{JOURNAL, State};
use crate::{Error, Operation};

impl Hook {
    /// What this unit publishes about a lock, including this hook's changes.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn record(&mut self, lock: &LockName) -> Result<LockRecord, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let unit = self.at_home(lock)?.load_unit()?;
        Ok(unit.record().locks.get(lock).cloned().unwrap_or_default())
    }

    /// The text stored by [`Hook::note`] under a name, in this hook or an earlier one. It may be lost.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.session.notes.get(name).map(String::as_str)
    }

    /// Stores a short text under a name, for later hooks on this endpoint.
    pub fn note(&mut self, name: &str, text: &str) {
        self.session.notes.insert(name.to_owned(), text.to_owned());
    }

    /// Adds a warning for the log; only once, however often it is repeated.
    pub fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The payload of the request that is served next, if it has one.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn asked(&mut self, lock: &LockName) -> Result<Option<Operation>, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let payload = self.at_home(lock)?.load_unit()?.payload(lock);
        Ok(payload.map(|payload| Operation::from_payload(Some(payload))))
    }

    /// For each lock with an outstanding request of this unit, the number of the one that is served next, including
    /// those left on `siblings`, endpoints that the charm has used before. If the unit only waits, this calls no hook
    /// tool.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn outstanding(&mut self, siblings: &[String]) -> Result<BTreeMap<LockName, u64>, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let mut found = BTreeMap::new();
        if let Some(tickets) = self.quiet_tickets() {
            found.extend(tickets.into_iter().map(|(lock, ticket)| (lock, ticket.seq)));
        } else {
            let unit = self.load_unit()?;
            for lock in unit.record().locks.keys() {
                let ticket = unit.outstanding(lock);
                found.extend(ticket.map(|ticket| (lock.clone(), ticket.seq)));
            }
        }
        for endpoint in siblings {
            let state = State::new(Rc::clone(self.state.machine()), endpoint);
            let journal: Option<Journal> = state.load(JOURNAL, &mut self.warnings)?;
            for (lock, kept) in journal.into_iter().flat_map(|journal| journal.locks) {
                if kept.record.seq > kept.record.done {
                    found.entry(lock).or_insert(kept.record.done + 1);
                }
            }
        }
        Ok(found)
    }

    /// The units that have requested a lock and are not in its line, in the order in which they would join it under
    /// [`Rotation`]. Reads every unit's record.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn queue(&mut self, lock: &LockName) -> Result<Vec<UnitName>, Error> {
        let warnings = self.warnings.clone();
        let status = self.status()?;
        self.warnings = warnings;
        let asking = status.locks.get(lock).into_iter();
        let asking = asking.flat_map(|lock| &lock.units);
        let asking = asking.filter(|unit| unit.place == Place::Requested);
        let mut requests = Vec::new();
        for unit in asking.map(|unit| &unit.unit) {
            let record = if *unit == self.environment.unit {
                Some(self.load_unit()?.record())
            } else {
                self.view.records().get(unit).and_then(Reading::good)
            };
            let request = record.and_then(|record| Request::of(unit, lock, record));
            requests.extend(request);
        }
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        let last = line.and_then(|line| line.entries.last());
        Rotation::default().order(lock, &mut requests, last.map(|last| &last.ticket.unit));
        let queue = requests
            .into_iter()
            .map(|request| request.ticket.unit)
            .collect();
        Ok(queue)
    }
}
