//! New revisions of a charm.

use super::World;
use crate::application::Application;
use crate::error::LabError;
use crate::history::Happening;
use crate::settings::Millis;

impl World {
    /// What the newest revision of an application's charm declares.
    ///
    /// # Errors
    /// When the application does not exist.
    pub fn declared(&self, application: &str) -> Result<&Application, LabError> {
        let deployed = self.deployed.get(application);
        let missing = || LabError::NoApplication(application.to_owned());
        Ok(&deployed.ok_or_else(missing)?.declared)
    }

    /// A new revision of the charm for all units (`juju refresh`). The drivers' files are their own matter.
    /// With `force`, units in error take the new code as well, and do not get `upgrade-charm`.
    ///
    /// # Errors
    /// When the application does not exist.
    pub fn upgrade_charm(
        &mut self,
        application: &str,
        force: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        let declared = self.declared(application)?.clone();
        self.upgrade_charm_to(&declared, force, now)
    }

    /// A new revision that declares this, for the application of this name. A peer endpoint that the old one does not
    /// have gets its relation at once; each unit enters it once it has unpacked the new revision.
    ///
    /// # Errors
    /// When the application does not exist, or the new revision lacks an endpoint that has a relation.
    pub fn upgrade_charm_to(
        &mut self,
        revision: &Application,
        force: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        self.advance(now);
        let application = revision.name.as_str();
        let deployed = self.deployed_mut(application)?;
        let lacking = deployed
            .declared
            .peers
            .iter()
            .find(|endpoint| !revision.peers.contains(endpoint));
        if let Some(endpoint) = lacking {
            return Err(LabError::BreaksRelation {
                application: application.to_owned(),
                endpoint: endpoint.clone(),
            });
        }
        let declared = &mut deployed.declared;
        let added: Vec<String> = revision
            .peers
            .iter()
            .filter(|endpoint| !declared.peers.contains(endpoint))
            .cloned()
            .collect();
        declared.peers.clone_from(&revision.peers);
        declared.actions.clone_from(&revision.actions);
        declared
            .action_defaults
            .clone_from(&revision.action_defaults);
        declared.config_types.clone_from(&revision.config_types);
        // What was set when the application was deployed stands among the defaults, and stays.
        for (option, default) in &revision.config {
            declared
                .config
                .entry(option.clone())
                .or_insert_with(|| default.clone());
        }
        deployed.config_hash = deployed.hash_config();
        deployed.endpoints.push(revision.peers.clone());
        deployed.revision += 1;
        if force {
            deployed.forced_revision = deployed.revision;
        }
        for endpoint in added {
            let relation = self.make_relation(application, &endpoint);
            self.record(Happening::RelationAdded {
                application: application.to_owned(),
                endpoint,
                relation,
            });
        }
        self.tell_all(application);
        Ok(())
    }
}
