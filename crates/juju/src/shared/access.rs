//! How an application comes into the etcd to which a relation leads: with a certificate of its own.
//!
//! Its leader makes the certificate once for each relation, keeps it with its key in a secret of the application, and asks the
//! etcd charm for access ([`Demand`]). In the peer relation it tells the units which secret that is. All this is of one hook,
//! so Juju commits all of it or nothing. A unit believes only what an earlier hook has committed, and copies the certificate
//! and the key into files of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ops_coordinator_core::RelationId;
use ops_coordinator_excerpt::{LONG, excerpt};
use serde::{Deserialize, Serialize};

use super::SharedLock;
use super::demand::{CERTIFICATE, Demand, Proof, common_name};
use super::reach::{Missing, PREFIX};
use crate::tool::Bag;
use crate::{Error, Hook};

/// The key in the peer relation's databag of the application.
const TOLD: &str = "ops-coordinator-etcd";
/// The keys of the secret that all units read.
const OWN_CERTIFICATE: &str = "certificate";
const OWN_KEY: &str = "key";

/// What the leader tells the units of one relation with etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    relation: RelationId,
    prefix: String,
    secret: String,
    /// The context of the hook that has said so. Until that is over, it may yet be dropped.
    by: String,
}

/// What a unit notes about its copy.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    told: Told,
    /// The peer relation in which it was told.
    peer: RelationId,
}

/// A unit's certificate and its key.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    /// The secret from which they are.
    pub(super) secret: String,
}

impl Hook {
    /// On the leader, asks the etcd charm for access to the etcd to which the relation of a shared lock leads, if nobody has yet
    /// and the lock names no certificate; on other units, does nothing. The leader does this in [`Hook::release`], for all
    /// locks of [`Hook::set_shared`]. If it cannot be done, a warning says why.
    ///
    /// # Errors
    /// A state file that cannot be used.
    pub fn ask_for_access(&mut self, shared: &SharedLock) -> Result<(), Error> {
        let Some(relation) = shared.relation.as_ref().filter(|_| shared.cert.is_none()) else {
            return Ok(());
        };
        if !self.is_leader() {
            return Ok(());
        }
        let _guard = self.machine.lock()?;
        let prefix = shared.prefix.as_deref().unwrap_or(PREFIX);
        // Where the relation is missing, an operation that needs it says so.
        if let Err(Missing::Word(why)) = self.arrange_access(relation, prefix) {
            self.warn(format!("no access to etcd by relation {relation}: {why}"));
        }
        Ok(())
    }

    /// The same for all locks that this hook knows.
    pub(crate) fn ask_for_all_access(&mut self) -> Result<(), Error> {
        let answered = |lock| self.shared_answers.contains_key(lock);
        let asked = self.shared.iter().filter(|(lock, _)| !answered(lock));
        let asked: Vec<SharedLock> = asked.map(|(_, shared)| shared.clone()).collect();
        asked.iter().try_for_each(|shared| {
            self.ask_for_access(shared)?;
            self.remember_etcd(shared)
        })
    }

    /// What this unit comes in with, by the relation `etcd`.
    pub(super) fn access(&mut self, etcd: &RelationId, prefix: &str) -> Result<Access, Missing> {
        let endpoint = etcd.endpoint().to_owned();
        let mut kept = self.kept_access(etcd)?;
        if kept.is_none()
            && let Some(peer) = self.engine.relation().cloned()
        {
            let told = self.told_access(&peer)?.remove(&endpoint);
            if let Some(told) = told.filter(|told| told.relation == *etcd) {
                self.keep_access(told, &peer)?;
            }
            kept = self.kept_access(etcd)?;
        }
        let Some(kept) = kept else {
            return Err(Missing::Word(match self.is_leader() {
                true => "this hook asks for access when it ends".to_owned(),
                false => "the leader has not made the certificate yet".to_owned(),
            }));
        };
        self.access_with(kept, prefix)
    }

    /// What this unit has copied by the relation `etcd`, which may have ended since.
    pub(super) fn copied_access(&self, etcd: &RelationId, prefix: &str) -> Result<Access, Missing> {
        let kept = self.kept_access(etcd)?;
        let none = || Missing::Word("it has brought no certificate".to_owned());
        self.access_with(kept.ok_or_else(none)?, prefix)
    }

    fn access_with(&self, kept: Kept, prefix: &str) -> Result<Access, Missing> {
        let (asked, endpoint) = (&kept.told.prefix, kept.told.relation.endpoint());
        if !prefix.starts_with(asked) {
            let why = format!("it was made for the prefix {asked}, and gives none to {prefix}");
            return Err(Missing::Word(excerpt(&why).up_to(LONG).to_string()));
        }
        let file = |name: String| self.environment().state_dir().join(name);
        Ok(Access {
            cert: file(certificate_file(endpoint)),
            key: file(key_file(endpoint)),
            secret: kept.told.secret.clone(),
        })
    }

    /// The leader's part. It costs one hook tool once everything is done.
    fn arrange_access(&mut self, endpoint: &str, prefix: &str) -> Result<(), Missing> {
        let etcd = self.etcd_relation(endpoint)?;
        let Some(peer) = self.engine.relation().cloned() else {
            return Ok(());
        };
        if self
            .kept_access(&etcd)?
            .is_some_and(|kept| kept.peer == peer)
        {
            return Ok(());
        }
        let mut told = self.told_access(&peer)?;
        if let Some(one) = told.get(endpoint).filter(|one| one.relation == etcd) {
            return self.keep_access(one.clone(), &peer);
        }
        let application = self.environment().unit.application().to_owned();
        let databag = self.tools.relation_get_all(&etcd, &application)?;
        let demand = match Demand::read(&databag).map_err(Missing::Word)? {
            Some(demand) => demand,
            None => self.demand_access(&etcd, prefix)?,
        };
        let one = Told {
            relation: etcd,
            prefix: demand.prefix,
            secret: demand.secret,
            by: self.environment().context.clone(),
        };
        told.insert(endpoint.to_owned(), one);
        let text =
            serde_json::to_string(&told).map_err(|error| Missing::Word(error.to_string()))?;
        Ok(self.tools.relation_set(&peer, true, TOLD, &text)?)
    }

    /// Makes the certificate, and publishes it.
    fn demand_access(&mut self, etcd: &RelationId, prefix: &str) -> Result<Demand, Missing> {
        let environment = self.environment();
        let Some(model) = environment.model.clone() else {
            return Err(Missing::Word(
                "Juju does not say which model this is".to_owned(),
            ));
        };
        let name = common_name(environment.unit.application(), etcd, &model);
        // A version of Juju that does not know this tool cannot tell, and most relations are in one model.
        let elsewhere = match self.tools.relation_model(etcd) {
            Ok(other) => other != model,
            Err(Error::Tool(_)) => false,
            Err(error) => return Err(error.into()),
        };
        let made = self.machine.certify(&name).map_err(|error| {
            let why = format!("the certificate cannot be made: {error}");
            Missing::Word(excerpt(&why).up_to(LONG).to_string())
        })?;
        let (cert, key) = (&made.certificate, &made.key);
        // Juju refuses a second secret with a label, and one may be left that nobody knows of.
        let label = format!("ops-coordinator-{etcd}-{:08x}", self.machine.random());
        let secret = self.add_secret(&label, &[(OWN_CERTIFICATE, cert), (OWN_KEY, key)])?;
        let proof = if elsewhere {
            Proof::Plain(made.certificate)
        } else {
            let uri = self.add_secret(&format!("{label}-certificate"), &[(CERTIFICATE, cert)])?;
            self.tools.secret_grant(&uri, etcd)?;
            Proof::Secret(uri)
        };
        let prefix = prefix.to_owned();
        let demand = Demand { prefix, secret };
        let databag = demand.to_databag(&proof);
        self.tools.relation_set_all(etcd, true, &databag)?;
        Ok(demand)
    }

    /// Adds a secret by way of files that only this unit's owner may read.
    fn add_secret(&self, label: &str, values: &[(&str, &String)]) -> Result<String, Missing> {
        let name = |key: &str| format!("etcd-new-{key}");
        let directory = self.environment().state_dir();
        let paths = values
            .iter()
            .map(|(key, _)| (*key, directory.join(name(key))));
        let paths: Vec<(&str, PathBuf)> = paths.collect();
        let added = values
            .iter()
            .try_for_each(|(key, text)| self.machine.store(&name(key), text.as_bytes(), false))
            .and_then(|()| {
                let files = paths.iter().map(|(key, path)| (*key, path.as_path()));
                let files: Vec<(&str, &Path)> = files.collect();
                self.tools.secret_add(label, &files)
            });
        for (key, _) in values {
            self.machine.remove(&name(key))?;
        }
        Ok(added?)
    }

    /// What the leader tells in the peer relation, by the endpoints of relations with etcd.
    fn told_access(&self, peer: &RelationId) -> Result<BTreeMap<String, Told>, Missing> {
        let application = Bag::Application(self.environment().unit.application());
        let text = self.tools.relation_get(peer, TOLD, application)?;
        let told = text.map_or_else(|| Ok(BTreeMap::new()), |text| serde_json::from_str(&text));
        told.map_err(|error| Missing::Word(format!("what the leader says cannot be read: {error}")))
    }

    /// Copies what an earlier hook has committed into this unit's files; the note about it comes last.
    fn keep_access(&mut self, told: Told, peer: &RelationId) -> Result<(), Missing> {
        if told.by == self.environment().context {
            return Ok(());
        }
        let endpoint = told.relation.endpoint().to_owned();
        let mut content = self.tools.own_secret_get(&told.secret)?;
        let mut take = |key| content.remove(key).filter(|text| !text.is_empty());
        let (Some(certificate), Some(key)) = (take(OWN_CERTIFICATE), take(OWN_KEY)) else {
            return Err(Missing::Word(
                "the secret of its certificate is empty".to_owned(),
            ));
        };
        let peer = peer.clone();
        let note = serde_json::to_vec(&Kept { told, peer });
        let note = note.map_err(|error| Missing::Word(error.to_string()))?;
        for (file, content) in [
            (certificate_file(&endpoint), certificate.into_bytes()),
            (key_file(&endpoint), key.into_bytes()),
            (note_file(&endpoint), note),
        ] {
            if self.machine.load(&file)?.as_deref() != Some(&content) {
                self.machine.store(&file, &content, true)?;
            }
        }
        Ok(())
    }

    /// What this unit has copied for a relation.
    fn kept_access(&self, etcd: &RelationId) -> Result<Option<Kept>, Missing> {
        let note = self.machine.load(&note_file(etcd.endpoint()))?;
        // One that is damaged is written anew.
        let kept = note.and_then(|note| serde_json::from_slice::<Kept>(&note).ok());
        Ok(kept.filter(|kept| kept.told.relation == *etcd))
    }
}

fn certificate_file(endpoint: &str) -> String {
    format!("etcd-client-{endpoint}.pem")
}

fn key_file(endpoint: &str) -> String {
    format!("etcd-client-{endpoint}.key")
}

fn note_file(endpoint: &str) -> String {
    format!("etcd-client-{endpoint}.json")
}
