//! The state files of one endpoint: read, written, and shared by the processes of a unit.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_core::engine::Session;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Machine};

/// State that outlives hooks and must not be lost.
pub(crate) const JOURNAL: &str = "journal.json";
/// The current hook, and what is carried to the next one.
pub(crate) const SESSION: &str = "session.json";
/// What a leader remembers of the other units; may be lost.
pub(crate) const ROSTER: &str = "roster.json";
/// A line that a hook could not write in time.
pub(crate) const PENDING: &str = "pending-line.json";

/// The state files of one endpoint, in a directory with the endpoint's name.
pub(crate) struct State {
    machine: Rc<dyn Machine>,
    endpoint: String,
    /// The files as this process last read or wrote them.
    seen: RefCell<BTreeMap<&'static str, Vec<u8>>>,
}

impl State {
    pub(crate) fn new(machine: Rc<dyn Machine>, endpoint: &str) -> Self {
        Self {
            machine,
            endpoint: endpoint.to_owned(),
            seen: RefCell::default(),
        }
    }

    pub(crate) fn machine(&self) -> &Rc<dyn Machine> {
        &self.machine
    }

    /// Keeps the unit's other processes away from its state files, until it is dropped.
    pub(crate) fn lock(&self) -> Result<Box<dyn Any>, Error> {
        self.machine.lock()
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.endpoint)
    }

    /// Loads a file. An unreadable file is renamed, with a warning.
    pub(crate) fn load<V: DeserializeOwned>(
        &self,
        name: &'static str,
        warnings: &mut Vec<String>,
    ) -> Result<Option<V>, Error> {
        let path = self.path(name);
        let Some(content) = self.machine.load(&path)? else {
            self.seen.borrow_mut().remove(name);
            return Ok(None);
        };
        match serde_json::from_slice(&content) {
            Ok(value) => {
                self.seen.borrow_mut().insert(name, content);
                Ok(Some(value))
            }
            Err(error) => {
                warnings.push(format!(
                    "cannot read the state file {path}, renamed to {path}.unreadable: {error}"
                ));
                self.machine.set_aside(&path)?;
                self.seen.borrow_mut().remove(name);
                Ok(None)
            }
        }
    }

    pub(crate) fn save<V: Serialize>(
        &self,
        name: &'static str,
        value: &V,
        durable: bool,
    ) -> Result<(), Error> {
        let path = self.path(name);
        let content = serde_json::to_vec(value).map_err(|error| Error::State {
            path: path.clone().into(),
            source: error.into(),
        })?;
        self.machine.store(&path, &content, durable)?;
        self.seen.borrow_mut().insert(name, content);
        Ok(())
    }

    pub(crate) fn remove(&self, name: &'static str) -> Result<(), Error> {
        self.seen.borrow_mut().remove(name);
        self.machine.remove(&self.path(name))
    }

    /// Whether another process has written the file since this one last read it.
    pub(crate) fn has_changed(&self, name: &'static str) -> Result<bool, Error> {
        let now = self.machine.load(&self.path(name))?;
        Ok(now.as_ref() != self.seen.borrow().get(name))
    }

    /// Migrates the state of an earlier version, which knew only one endpoint.
    pub(crate) fn adopt(&self, warnings: &mut Vec<String>) -> Result<(), Error> {
        if self.machine.load(&self.path(JOURNAL))?.is_some() {
            return Ok(());
        }
        let Some(journal) = self.machine.load(JOURNAL)? else {
            return Ok(());
        };
        let session = self.machine.load(SESSION)?;
        let of = session
            .as_deref()
            .and_then(|text| serde_json::from_slice::<Session>(text).ok());
        let of = of.as_ref().and_then(|session| session.relation());
        if of.is_some_and(|relation| relation.endpoint() != self.endpoint) {
            return Ok(());
        }
        // The old session tells whose journal it is, so it goes last: this may be cut off anywhere.
        if let Some(session) = &session {
            self.machine.store(&self.path(SESSION), session, false)?;
        }
        self.machine.store(&self.path(JOURNAL), &journal, true)?;
        self.machine.remove(JOURNAL)?;
        self.machine.remove(SESSION)?;
        warnings.push(format!(
            "migrated the state of an earlier version to the endpoint {}",
            self.endpoint
        ));
        Ok(())
    }
}
