//! What a unit wants in etcd.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ops_coordinator_core::LockName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::coordination::SharedTable;

/// A lock in etcd that an operation needs beside its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SharedLock {
    /// Its name in etcd.
    pub name: LockName,
    /// How many may be inside at once, over all who want it.
    pub limit: u32,
    /// How long its lease lives without being renewed, in seconds.
    pub ttl: u64,
    /// What all keys in etcd begin with; the usual prefix if absent.
    pub prefix: Option<String>,
    /// Where etcd is: `host`, `host:port`, `http://…` or `https://…`.
    pub endpoints: Vec<String>,
    /// The file in which the charm writes where etcd is, separated by commas, blanks or lines.
    pub endpoints_file: Option<PathBuf>,
    /// The relation with the etcd charm, which says where etcd is, and who signed the servers' certificates. Without a
    /// certificate here, the leader makes one and asks for access ([`Hook::ask_for_access`](crate::Hook::ask_for_access)).
    pub relation: Option<String>,
    /// Whether operations go without it while there is no such relation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// The authority that signed the servers' certificates.
    pub cacert: Option<PathBuf>,
    /// This unit's certificate.
    pub cert: Option<PathBuf>,
    /// The key of that certificate.
    pub key: Option<PathBuf>,
    /// Differs if the content of one of these files does: the deputy then reads them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edition: Option<u64>,
}

impl SharedLock {
    /// How long a lease lives if the charm does not say so, in seconds.
    pub const TTL: u64 = 30;

    /// A lock of this name for one at a time, at these endpoints.
    pub fn new(name: LockName, endpoints: Vec<String>) -> Self {
        Self {
            name,
            limit: 1,
            ttl: Self::TTL,
            prefix: None,
            endpoints,
            endpoints_file: None,
            cacert: None,
            cert: None,
            key: None,
            relation: None,
            optional: false,
            edition: None,
        }
    }

    /// Reads what `[locks.NAME.shared]` may say, from another source than `coordination.toml`.
    ///
    /// # Errors
    /// What is wrong, in the words in which an error of that file says it.
    pub fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        SharedTable::deserialize(from)?
            .checked()
            .map_err(D::Error::custom)
    }

    /// The endpoints in a text, separated by commas, blanks or lines.
    pub(crate) fn endpoints_in(text: &str) -> Vec<String> {
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        let parts = parts.filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }
}

/// A wish of one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The number of the request for which it is. Another request joins the line anew.
    pub seq: u64,
    /// What is wanted.
    pub lock: SharedLock,
    /// The token of the turn that a hook has taken: it need not be told of that one.
    pub taken: Option<i64>,
}

/// What a unit wants, by its own locks. Hooks write it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// The wishes.
    pub locks: BTreeMap<LockName, Wish>,
}

impl Wishes {
    /// Notes a wish. Returns whether it is new.
    pub(crate) fn ask(&mut self, lock: &LockName, seq: u64, wanted: SharedLock) -> bool {
        let known = self.locks.get(lock);
        if known.is_some_and(|wish| wish.seq == seq && wish.lock == wanted) {
            return false;
        }
        let taken = known.filter(|wish| wish.seq == seq);
        let wish = Wish {
            seq,
            taken: taken.and_then(|wish| wish.taken),
            lock: wanted,
        };
        self.locks.insert(lock.clone(), wish);
        true
    }
}
