//! What is done to an etcd, and what is seen of it.

use std::fmt;

use ops_coordinator_etcd::grpc::Code;
use ops_coordinator_etcd::message::kv::{
    KeyValue, Outcome, RangeRequest, RangeResponse, ResponseOp, TxnRequest, TxnResponse,
};
use ops_coordinator_etcd::message::watch::{Event, WatchCreateRequest};

/// One thing that is done. All revisions count from the store's first one, which is 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Asks for a lease: its number, and how many seconds it is to live.
    Grant(i64, i64),
    /// Renews a lease.
    Renew(i64),
    /// Ends a lease.
    Revoke(i64),
    /// Reads the numbers of all leases.
    Leases,
    /// Reads keys.
    Range(RangeRequest),
    /// Carries out a transaction.
    Txn(TxnRequest),
    /// Forgets what was before a revision.
    Compact(i64),
    /// Begins a watch. They are numbered from 0.
    Watch(WatchCreateRequest),
    /// Sees what a watch has told since it was last looked at. So many events, or the news that it has ended, must come;
    /// what comes beyond is seen too.
    Told(usize, usize),
    /// So many milliseconds pass.
    Pass(u64),
    /// Waits until a lease has ended by itself.
    Ends(i64),
}

/// A store, real or not.
pub(crate) trait Store {
    /// Does it, and returns what was seen.
    async fn see(&mut self, step: &Step) -> Seen;
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Done,
    Seconds(i64),
    Refused(Code),
    Leases(Vec<i64>),
    Range(RangeResponse),
    Txn(TxnResponse),
    Told(Vec<Event>),
    Forgotten(i64),
}

/// Short enough to be written by hand: `r3` is a revision, and `a 2 3 v2 x l7` is key `a`, created at 2, changed at 3,
/// in its second version, with the value `x` and lease 7.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Seconds(seconds) => write!(f, "{seconds} s"),
            Self::Refused(code) => write!(f, "refused {}", code.0),
            Self::Leases(leases) => write!(f, "leases {leases:?}"),
            Self::Range(range) => f.write_str(&in_words(range)),
            Self::Txn(txn) => {
                let revision = txn.header.as_ref().map_or(0, |header| header.revision);
                let steps: Vec<String> = txn.responses.iter().map(outcome).collect();
                let held = if txn.succeeded { "yes" } else { "no" };
                write!(f, "r{revision} {held} [{}]", steps.join("; "))
            }
            Self::Told(events) => {
                let events: Vec<String> = events.iter().map(event).collect();
                write!(f, "told [{}]", events.join("; "))
            }
            Self::Forgotten(first) => write!(f, "forgotten up to r{first}"),
        }
    }
}

fn in_words(range: &RangeResponse) -> String {
    let revision = range.header.as_ref().map_or(0, |header| header.revision);
    let keys: Vec<String> = range.kvs.iter().map(key).collect();
    format!("r{revision} {} of {}", keys.join(", "), range.count)
}

fn key(kv: &KeyValue) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (name, value) = (text(&kv.key), text(&kv.value));
    let (created, changed) = (kv.create_revision, kv.mod_revision);
    let lease = match kv.lease {
        0 => String::new(),
        lease => format!(" l{lease}"),
    };
    format!("{name} {created} {changed} v{} {value}{lease}", kv.version)
}

fn outcome(step: &ResponseOp) -> String {
    let revision = |header: &Option<_>| {
        let header: &Option<ops_coordinator_etcd::message::ResponseHeader> = header;
        header.as_ref().map_or(0, |header| header.revision)
    };
    match &step.outcome {
        Some(Outcome::Range(range)) => in_words(range),
        Some(Outcome::Put(put)) => format!("put r{}", revision(&put.header)),
        Some(Outcome::DeleteRange(delete)) => {
            format!("deleted {} r{}", delete.deleted, revision(&delete.header))
        }
        None => "nothing".to_owned(),
    }
}

fn event(event: &Event) -> String {
    let kv = event.kv.clone().unwrap_or_default();
    match event.kind {
        0 => format!("put {}", key(&kv)),
        _ => format!(
            "delete {} {}",
            String::from_utf8_lossy(&kv.key),
            kv.mod_revision
        ),
    }
}
