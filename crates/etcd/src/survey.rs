//! Who holds what, and who waits: what `status` shows.

use std::collections::BTreeMap;

use ops_coordinator_core::LockName;
use serde::Serialize;

use crate::entry::{Entry, lock_of, lock_prefix, standing};
use crate::message::kv::{RangeRequest, SortOrder, SortTarget};
use crate::message::prefix_end;
use crate::{Client, Error};

/// A lock's line as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// The lock.
    pub lock: LockName,
    /// Its entries, in the order of the line.
    pub entries: Vec<Place>,
}

/// Somebody in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Who it is; `None` if its entry cannot be read.
    pub who: Option<String>,
    /// Whether it is its turn.
    pub holds: bool,
    /// How many it would share the lock with, including itself.
    pub limit: u32,
    /// Its place in line, and the token that its command sees.
    pub token: i64,
    /// Its lease, as `etcdctl lease` names it.
    pub lease: String,
    /// When it asked, in seconds since 1970, by its own clock.
    pub asked: Option<u64>,
    /// When it began, likewise; absent if it has not said so.
    pub began: Option<u64>,
}

/// Reads the line of one lock, or all lines under the prefix. A lock that nobody asks for is not among them.
///
/// # Errors
/// As [`Client::call`].
pub async fn survey(
    client: &Client,
    prefix: &str,
    lock: Option<&LockName>,
) -> Result<Vec<Queue>, Error> {
    let start = lock.map_or(prefix.to_owned(), |lock| lock_prefix(prefix, lock));
    let start = start.into_bytes();
    let request = RangeRequest {
        range_end: prefix_end(&start),
        key: start,
        sort_order: SortOrder::Ascending.into(),
        sort_target: SortTarget::CreateRevision.into(),
        ..RangeRequest::default()
    };
    let mut queues: BTreeMap<LockName, Vec<Entry>> = BTreeMap::new();
    for kv in client.range(&request).await?.kvs {
        if let Some(lock) = lock_of(prefix, &kv.key) {
            queues.entry(lock).or_default().push(kv.into());
        }
    }
    let queues = queues.into_iter().map(|(lock, entries)| Queue {
        lock,
        entries: places(entries),
    });
    Ok(queues.collect())
}

fn places(entries: Vec<Entry>) -> Vec<Place> {
    let holds = |index: usize| {
        let (ahead, own) = (&entries[..index], &entries[index]);
        let own = standing(own.limit(), ahead);
        own.may_start(ahead.iter().map(|_| own))
    };
    let held: Vec<bool> = (0..entries.len()).map(holds).collect();
    let places = entries.into_iter().zip(held).map(|(entry, holds)| Place {
        holds,
        limit: entry.limit(),
        token: entry.token,
        lease: format!("{:x}", entry.lease),
        asked: entry.note.as_ref().map(|note| note.at),
        began: entry.note.as_ref().and_then(|note| note.began),
        who: entry.note.map(|note| note.who),
    });
    places.collect()
}
