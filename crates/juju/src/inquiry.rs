//! What a hook may want to know of its own unit's requests.

use ops_coordinator_core::{LockName, LockRecord};

use crate::hook::Hook;
use crate::{Error, Operation};

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
}
