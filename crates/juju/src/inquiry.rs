//! What a hook may want to know of its own unit's requests.

use std::collections::BTreeMap;

use ops_coordinator_core::{LockName, LockRecord, UnitName};

use crate::hook::Hook;
use crate::{Error, Operation, Place};

impl Hook {
    /// What this unit publishes of a lock, this hook's changes included.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn record(&mut self, lock: &LockName) -> Result<LockRecord, Error> {
        let unit = self.load_unit()?;
        Ok(unit.record().locks.get(lock).cloned().unwrap_or_default())
    }

    /// What was asked for with the request that is served next, where something was.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn asked(&mut self, lock: &LockName) -> Result<Option<Operation>, Error> {
        let payload = self.load_unit()?.payload(lock);
        Ok(payload.map(|payload| Operation::from_payload(Some(payload))))
    }

    /// For each lock of which a request of this unit is outstanding, the number of the one that is served
    /// next. Where the unit only waits, this reads nothing.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn outstanding(&mut self) -> Result<BTreeMap<LockName, u64>, Error> {
        if let Some(tickets) = self.quiet_tickets() {
            let numbers = tickets.into_iter();
            return Ok(numbers.map(|(lock, ticket)| (lock, ticket.seq)).collect());
        }
        let unit = self.load_unit()?;
        let locks = unit.record().locks.keys();
        Ok(locks
            .filter_map(|lock| Some((lock.clone(), unit.outstanding(lock)?.seq)))
            .collect())
    }

    /// The units that ask for a lock and are not in its line, in the order in which they would join it by
    /// [`Rotation`](ops_coordinator_core::policy::Rotation). Reads every unit's record.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn queue(&mut self, lock: &LockName) -> Result<Vec<UnitName>, Error> {
        let warnings = self.warnings.clone();
        let status = self.status()?;
        self.warnings = warnings;
        let asking = status.locks.get(lock).into_iter().flat_map(|lock| &lock.units);
        let asking = asking.filter(|unit| unit.place == Place::Requested);
        let mut queue: Vec<UnitName> = asking.map(|unit| unit.unit.clone()).collect();
        queue.sort();
        let line = self.line.good().and_then(|line| line.locks.get(lock));
        if let Some(last) = line.and_then(|line| line.entries.last()) {
            let next = queue.partition_point(|unit| unit <= &last.ticket.unit);
            queue.rotate_left(next);
        }
        Ok(queue)
    }
}
