//! An entry in the line: a key with a lease, in the order of create revisions.
//!
//! The key is `PREFIX LOCK / LEASE`, for example `ops-coordinator/restart/3f2c9a41d0e6b857`. Its create revision is the
//! ticket, the place in the line, and the fencing token, all in one. The value is JSON:
//!
//! ```json
//! {"v":1,"limit":2,"who":"db-3 pid 4711","at":1790000000,"began":1790000012}
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use ops_coordinator_core::{LockName, Standing};
use serde::{Deserialize, Serialize};

use crate::message::kv::KeyValue;

/// The version of the value. A reader that does not know a version takes the entry for one with limit 1.
const VERSION: u64 = 1;
/// How much of `who` is kept.
const WHO: usize = 120;

/// Where the lines of an etcd cluster are: all keys begin with this.
pub const PREFIX: &str = "ops-coordinator/";

/// What an entry's value says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    v: u64,
    /// How many its owner would share the lock with, including itself.
    pub(crate) limit: u32,
    /// Who it is, for people.
    pub(crate) who: String,
    /// When it asked, by its own wall clock, in seconds since 1970; for people.
    pub(crate) at: u64,
    /// When it began, likewise; absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<u64>,
}

impl Note {
    /// The note of somebody who asks now.
    pub(crate) fn new(limit: u32, who: &str) -> Self {
        Self {
            v: VERSION,
            limit,
            who: who.chars().take(WHO).collect(),
            at: wall(),
            began: None,
        }
    }

    /// The same, of somebody who begins now.
    #[must_use]
    pub(crate) fn begun(&self) -> Self {
        Self {
            began: Some(wall()),
            ..self.clone()
        }
    }

    /// As the value of a key.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let note: Self = serde_json::from_slice(value).ok()?;
        (note.v == VERSION && note.limit > 0).then_some(note)
    }
}

fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}

/// An entry as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its key.
    pub(crate) key: Vec<u8>,
    /// The revision of the key's creation: the place in the line, and the token.
    pub(crate) token: i64,
    /// The lease that it goes with.
    pub(crate) lease: i64,
    /// What it says; `None` if that cannot be read. It counts all the same.
    pub(crate) note: Option<Note>,
}

impl From<KeyValue> for Entry {
    fn from(kv: KeyValue) -> Self {
        Self {
            note: Note::decode(&kv.value),
            key: kv.key,
            token: kv.create_revision,
            lease: kv.lease,
        }
    }
}

impl Entry {
    /// The limit that it asks for. Caution is the better guess where it cannot be read.
    pub(crate) fn limit(&self) -> u32 {
        self.note.as_ref().map_or(1, |note| note.limit)
    }

    /// Whether it has said that it has begun. It may have begun without having said so.
    pub(crate) fn has_begun(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.began.is_some())
    }
}

/// Where an entry stands, behind these. The limit in force is the lowest of its own and those ahead of it, so that
/// nobody is joined by more than it asked for, whoever disagrees about the limit.
pub(crate) fn standing<'a>(own: u32, ahead: impl IntoIterator<Item = &'a Entry>) -> Standing {
    let limit = ahead.into_iter().map(Entry::limit).fold(own, u32::min);
    Standing { limit, wave: 0 }
}

/// The prefix of a lock's keys.
pub(crate) fn lock_prefix(prefix: &str, lock: &LockName) -> String {
    format!("{prefix}{lock}/")
}

/// The key of a ticket with this lease.
pub(crate) fn key(prefix: &str, lock: &LockName, lease: i64) -> Vec<u8> {
    format!("{}{lease:016x}", lock_prefix(prefix, lock)).into_bytes()
}

/// The lock that a key belongs to, if it is one of ours.
pub(crate) fn lock_of(prefix: &str, key: &[u8]) -> Option<LockName> {
    let rest = str::from_utf8(key).ok()?.strip_prefix(prefix)?;
    let (lock, lease) = rest.split_once('/')?;
    let hex = lease.len() == 16 && lease.bytes().all(|b| b.is_ascii_hexdigit());
    lock.parse().ok().filter(|_| hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_lock() {
        let lock: LockName = "restart".parse().unwrap();
        let key = key(PREFIX, &lock, 0x2a);
        assert_eq!(key, b"ops-coordinator/restart/000000000000002a");
        assert_eq!(lock_of(PREFIX, &key), Some(lock));
        for foreign in [
            "other/restart/000000000000002a",
            "ops-coordinator/restart",
            "ops-coordinator/restart/x",
        ] {
            assert_eq!(lock_of(PREFIX, foreign.as_bytes()), None, "{foreign}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_read_counts_as_limit_one() {
        for value in [
            "",
            "{}",
            r#"{"v":2,"limit":9,"who":"x","at":0}"#,
            r#"{"v":1,"limit":0,"who":"x","at":0}"#,
        ] {
            let entry = Entry::from(KeyValue {
                value: value.as_bytes().to_vec(),
                ..KeyValue::default()
            });
            assert_eq!((entry.limit(), entry.has_begun()), (1, false), "{value}");
        }
    }
}
