//! Where a relation has led, for the last hooks of a unit: Juju ends the relations of a unit that is removed, other than its peer
//! relations, before it runs `storage-detaching` and `stop`.

use ops_coordinator_core::RelationId;
use serde::{Deserialize, Serialize};

use super::SharedLock;
use super::reach::{PREFIX, authority_file};
use crate::{Error, Hook};

/// What a relation with etcd has said.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    relation: RelationId,
    endpoints: Vec<String>,
    /// Whether it has said who signed the servers' certificates, which is then in a file of its own.
    authority: bool,
}

impl Hook {
    /// Notes what a relation says, for the unit's last hooks, if this hook is about the relation of a shared lock; forgets it if
    /// that ends and the unit stays. [`Hook::release`] does this for all locks of [`Hook::set_shared`].
    ///
    /// # Errors
    /// A state file that cannot be used.
    pub fn remember_etcd(&mut self, shared: &SharedLock) -> Result<(), Error> {
        let Some(relation) = shared.relation.as_deref() else {
            return Ok(());
        };
        let environment = self.environment();
        let breaks = environment.relation_that_breaks();
        let breaks = breaks.filter(|id| id.endpoint() == relation).cloned();
        let changed = format!("{relation}-relation-changed");
        if environment.hook.as_deref() == Some(&changed) {
            let _guard = self.machine.lock()?;
            // It is noted on the way. What is missing, an operation will say.
            let _ = self.reach(shared.clone())?;
        } else if let Some(breaks) = breaks {
            let _guard = self.machine.lock()?;
            let known = self.known(relation)?;
            let is_that = known.is_some_and(|known| known.relation == breaks);
            if is_that && !self.leaves() {
                self.machine.remove(&note_file(relation))?;
            }
        }
        Ok(())
    }

    /// Notes what a relation says.
    pub(super) fn remember(
        &self,
        relation: &RelationId,
        endpoints: &[String],
        authority: bool,
    ) -> Result<(), Error> {
        let known = Known {
            relation: relation.clone(),
            endpoints: endpoints.to_vec(),
            authority,
        };
        if self.known(relation.endpoint())?.as_ref() == Some(&known) {
            return Ok(());
        }
        let file = note_file(relation.endpoint());
        // It has only text in it.
        let note = serde_json::to_vec(&known).unwrap_or_default();
        self.machine.store(&file, &note, true)
    }

    /// A shared lock as its relation has led to it before, if this unit is being removed; the etcd charm lets its application in
    /// as ever.
    pub(super) fn reach_as_before(
        &mut self,
        mut declared: SharedLock,
    ) -> Result<Option<SharedLock>, Error> {
        let Some(relation) = declared.relation.take() else {
            return Ok(None);
        };
        let Some(known) = self.known(&relation)? else {
            return Ok(None);
        };
        if !self.leaves() {
            return Ok(None);
        }
        let file = |name: String| self.environment().state_dir().join(name);
        if declared.cert.is_none() {
            let prefix = declared.prefix.as_deref().unwrap_or(PREFIX);
            let Ok(access) = self.copied_access(&known.relation, prefix) else {
                return Ok(None);
            };
            (declared.cert, declared.key) = (Some(access.cert), Some(access.key));
        }
        if known.authority {
            declared.cacert = Some(file(authority_file(&relation)));
        }
        declared.endpoints = known.endpoints;
        declared.optional = false;
        let charm_dir = self.environment().charm_dir.clone();
        Ok(declared.reach(&charm_dir).ok())
    }

    /// Whether this unit is being removed. Where the controller does not say so, it stays.
    fn leaves(&self) -> bool {
        let own = &self.environment().unit;
        self.tools.is_dying(own).unwrap_or(false)
    }

    fn known(&self, relation: &str) -> Result<Option<Known>, Error> {
        let note = self.machine.load(&note_file(relation))?;
        // One that is damaged is written anew.
        Ok(note.and_then(|note| serde_json::from_slice(&note).ok()))
    }
}

fn note_file(relation: &str) -> String {
    format!("etcd-at-{relation}.json")
}
