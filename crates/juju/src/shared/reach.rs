//! Where etcd is: from what the charm declares to what a deputy can use.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use ops_coordinator_core::engine::Shared;
use ops_coordinator_core::{LockName, RelationId};
use ops_coordinator_excerpt::{LONG, excerpt, path as shown};

use super::SharedLock;
use super::access::Access;
use super::offer::{AUTHORITY, Authority, Offer};
use crate::{Error, Hook};

/// What keys begin with if the charm does not say so.
pub(super) const PREFIX: &str = "ops-coordinator/";

/// Why it is not known where etcd is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreached {
    /// The lock in etcd.
    pub(crate) name: LockName,
    /// The reason.
    pub(crate) why: String,
    /// Whether the relation with etcd is gone, and not only unfinished.
    pub(crate) is_gone: bool,
    /// Whether operations go without the lock in that case.
    pub(crate) optional: bool,
}

impl Unreached {
    /// What operations go without, and why, if they do.
    pub(super) fn waived(&self) -> Option<String> {
        let waived = self.is_gone && self.optional;
        waived.then(|| format!("goes without {} in etcd: {}", self.name, self.why))
    }
}

impl SharedLock {
    /// The same with the endpoints as they are known now, and all paths absolute.
    pub(crate) fn reach(mut self, charm_dir: &Path) -> Result<Self, Unreached> {
        if let Some(file) = self.endpoints_file.take() {
            let text = fs::read_to_string(charm_dir.join(&file)).unwrap_or_default();
            self.endpoints = Self::endpoints_in(&text);
            if self.endpoints.is_empty() {
                return Err(Unreached {
                    name: self.name,
                    why: format!("{} does not say yet where etcd is", shown(&file)),
                    is_gone: false,
                    optional: false,
                });
            }
        }
        for file in [&mut self.cacert, &mut self.cert, &mut self.key] {
            *file = file.take().map(|file| charm_dir.join(file));
        }
        Ok(self)
    }

    /// The same, told apart from what it was with other content of its files.
    fn in_edition(mut self, authority: Option<&str>, secret: Option<&str>) -> Self {
        let read = |file: &Option<PathBuf>| file.as_ref().and_then(|file| fs::read(file).ok());
        let known = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        let contents = [
            known(authority).or_else(|| read(&self.cacert)),
            // A secret of ours never gets another content.
            known(secret).or_else(|| read(&self.cert)),
            known(secret).or_else(|| read(&self.key)),
        ];
        if contents.iter().any(Option::is_some) {
            let mut hasher = DefaultHasher::new();
            contents.hash(&mut hasher);
            self.edition = Some(hasher.finish());
        }
        self
    }
}

/// What a relation says of etcd.
struct Found {
    id: RelationId,
    endpoints: Vec<String>,
    /// Who has signed the servers' certificates.
    authority: Option<String>,
    access: Option<Access>,
}

/// Where the authority of a relation is, in the unit's state.
pub(super) fn authority_file(relation: &str) -> String {
    format!("etcd-ca-{relation}.pem")
}

/// Why a relation does not say where etcd is.
pub(super) enum Missing {
    /// There is no such relation, or it is about to end.
    Relation,
    /// There are several.
    Choice,
    /// Something that it is to say.
    Word(String),
}

impl From<Error> for Missing {
    /// What Juju does not tell now, it may tell in the next hook: no reason for this one to fail.
    fn from(error: Error) -> Self {
        Self::Word(excerpt(&error.to_string()).up_to(LONG).to_string())
    }
}

impl Missing {
    /// Why a lock cannot be reached by this relation.
    fn of(&self, name: LockName, relation: &str, optional: bool) -> Unreached {
        Unreached {
            name,
            why: format!("relation {relation} {}", self.in_words()),
            is_gone: matches!(self, Self::Relation),
            optional,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Relation => "does not exist".to_owned(),
            Self::Choice => "leads to more than one etcd".to_owned(),
            Self::Word(what) => format!("is not ready: {what}"),
        }
    }
}

impl Hook {
    /// What operations would go without now, and why, if they would. It only looks for the relation.
    pub(super) fn waived_now(&self, declared: &SharedLock) -> Option<String> {
        let relation = declared.relation.as_ref()?;
        let missing = self.etcd_relation(relation).err()?;
        let unreached = missing.of(declared.name.clone(), relation, declared.optional);
        unreached.waived()
    }

    /// A shared lock as a deputy can use it now, or why it cannot.
    pub(super) fn reach(
        &mut self,
        mut declared: SharedLock,
    ) -> Result<Result<SharedLock, Unreached>, Error> {
        let (mut authority, mut secret) = (None, None);
        // The place in etcd is the same, whether the charm could do without or not.
        let optional = std::mem::take(&mut declared.optional);
        if let Some(relation) = declared.relation.take() {
            match self.look_at_relation(&relation, &declared) {
                Ok(found) => {
                    let knows_authority = found.authority.is_some();
                    self.remember(&found.id, &found.endpoints, knows_authority)?;
                    declared.endpoints = found.endpoints;
                    authority = found.authority;
                    if let Some(access) = found.access {
                        (declared.cert, declared.key) = (Some(access.cert), Some(access.key));
                        secret = Some(access.secret);
                    }
                }
                Err(missing) => {
                    return Ok(Err(missing.of(declared.name, &relation, optional)));
                }
            }
            if let Some(pem) = &authority {
                declared.cacert = Some(self.keep_authority(&relation, pem)?);
            }
        }
        let reached = declared.reach(&self.environment().charm_dir);
        Ok(reached.map(|lock| lock.in_edition(authority.as_deref(), secret.as_deref())))
    }

    /// The relation with etcd.
    pub(super) fn etcd_relation(&self, endpoint: &str) -> Result<RelationId, Missing> {
        let breaks = self.environment().relation_that_breaks();
        let ids = self.tools.relation_ids(endpoint)?.into_iter();
        let mut ids = ids.filter(|id| Some(id) != breaks);
        match (ids.next(), ids.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Missing::Relation),
            _ => Err(Missing::Choice),
        }
    }

    /// What the relation with etcd says, and what this unit comes in with if the charm names no certificate.
    fn look_at_relation(
        &mut self,
        endpoint: &str,
        declared: &SharedLock,
    ) -> Result<Found, Missing> {
        let prefix = declared.prefix.as_deref().unwrap_or(PREFIX);
        let id = &self.etcd_relation(endpoint)?;
        let application = self.tools.relation_application(id)?;
        let Some(application) = application.filter(|name| !name.is_empty()) else {
            return Err(Missing::Relation);
        };
        let access = match declared.cert {
            None => Some(self.access(id, prefix)?),
            Some(_) => None,
        };
        let databag = self.tools.relation_get_all(id, &application)?;
        let offer = Offer::read(&databag, prefix).map_err(Missing::Word)?;
        let authority = match offer.authority {
            Authority::None => None,
            Authority::Plain(pem) => Some(pem),
            Authority::Secret(uri) => {
                let mut content = self.tools.secret_get(&uri)?;
                let pem = content.remove(AUTHORITY).filter(|pem| !pem.is_empty());
                let missing = || Missing::Word(format!("its secret has no {AUTHORITY}"));
                Some(pem.ok_or_else(missing)?)
            }
        };
        Ok(Found {
            id: id.clone(),
            endpoints: offer.endpoints,
            authority,
            access,
        })
    }

    /// Writes the authority of a relation into a file of the unit's state, which only its owner may read, unless it is there
    /// already.
    fn keep_authority(&self, relation: &str, pem: &str) -> Result<PathBuf, Error> {
        let file = authority_file(relation);
        if self.machine.load(&file)?.as_deref() != Some(pem.as_bytes()) {
            self.machine.store(&file, pem.as_bytes(), true)?;
        }
        Ok(self.environment().state_dir().join(file))
    }

    /// The answer while it is not known where etcd is. A unit whose relation is gone wants nothing there: others may go on.
    pub(super) fn without_etcd(
        &mut self,
        endpoint: &str,
        lock: &LockName,
        unreached: Unreached,
    ) -> Result<Shared, Error> {
        if unreached.is_gone && self.wishes(endpoint)?.is_some() {
            self.change_wishes(endpoint, |wishes| drop(wishes.locks.remove(lock)))?;
        }
        if let Some(why) = unreached.waived() {
            self.waived.insert(lock.clone());
            return Ok(Shared::Waived { why });
        }
        let Unreached { name, why, .. } = unreached;
        Ok(Shared::Awaited {
            why: format!("waits for {name} in etcd: {why}"),
            in_short: format!("trouble with etcd, {name}"),
        })
    }
}
