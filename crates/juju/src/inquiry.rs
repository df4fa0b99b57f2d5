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
        let _guard = self.state.lock()?;
        self.refresh()?;
        let unit = self.at_home(lock)?.load_unit()?;
        Ok(unit.record().locks.get(lock).cloned().unwrap_or_default())
    }

    /// What [`Hook::note`] kept under a name in this hook or an earlier one. It may be lost.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.session.notes.get(name).map(String::as_str)
    }

    /// Keeps a short text under a name, for later hooks on this endpoint.
    pub fn note(&mut self, name: &str, text: &str) {
        self.session.notes.insert(name.to_owned(), text.to_owned());
    }

    /// Adds something that a reader of the log should know; once, however often it is said.
    pub fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// What was asked for with the request that is served next, where something was.
    ///
    /// # Errors
    /// As [`Hook::record`].
    pub fn asked(&mut self, lock: &LockName) -> Result<Option<Operation>, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let payload = self.at_home(lock)?.load_unit()?.payload(lock);
        Ok(payload.map(|payload| Operation::from_payload(Some(payload))))
    }
}
