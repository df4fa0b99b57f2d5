//! A database that is full, and an operator who makes room as etcd's documentation says, and our hint.

use std::process::Command;
use std::thread;
use std::time::Duration;

use ops_coordinator_etcd::grpc::Code;
use ops_coordinator_etcd::message::kv::{
    CompactionRequest, DeleteRangeRequest, DeleteRangeResponse, PutRequest, RangeRequest,
};
use ops_coordinator_etcd::message::prefix_end;
use ops_coordinator_etcd::{Client, Error};

use super::history::History;
use crate::{Cluster, run};

/// What a cluster's database may have.
pub(super) const QUOTA: u64 = 16 << 20;

const PREFIX: &[u8] = b"flood/";
/// How a call names the deletion of keys: in a transaction it may be refused for want of space.
pub(super) const DELETE: &str = "/etcdserverpb.KV/DeleteRange";

/// etcd takes no more than 1.5 MiB at once.
const PIECE: u64 = 512 << 10;
/// How many are written at once.
const TOGETHER: u64 = 8;

/// Fills the database until etcd refuses, to more than the quota, as far as nothing else goes wrong: writes that come together
/// do that. Then some versions, 3.5.1 among them, take no transaction, not even one that only reads.
///
/// # Errors
/// In words, what kept us from it.
///
/// # Panics
/// Never.
pub fn flood(cluster: &Cluster, quota: u64) -> Result<(), String> {
    let batches = quota / (TOGETHER * PIECE) + 2;
    for batch in 0..batches {
        let written: Vec<Result<(), Error>> = thread::scope(|scope| {
            let pieces = batch * TOGETHER..(batch + 1) * TOGETHER;
            let writers: Vec<_> = pieces
                .map(|piece| scope.spawn(move || put(cluster, piece)))
                .collect();
            let written = writers.into_iter().map(thread::ScopedJoinHandle::join);
            written
                .map(|done| done.expect("it does not panic"))
                .collect()
        });
        match written.into_iter().find_map(Result::err) {
            None => {}
            Some(Error::Refused { status, .. }) if status.code == Code::RESOURCE_EXHAUSTED => {
                return Ok(());
            }
            Some(error) => return Err(error.to_string()),
        }
        // The size is known with the next batch of writes, ten of which a second has.
        thread::sleep(Duration::from_millis(150));
    }
    Err("it is still not full".to_owned())
}

/// Writes a large key.
fn put(cluster: &Cluster, piece: u64) -> Result<(), Error> {
    let put = PutRequest {
        key: [PREFIX, &piece.to_be_bytes()].concat(),
        value: vec![b'x'; usize::try_from(PIECE).unwrap_or_default()],
        ..PutRequest::default()
    };
    let mut config = cluster.config();
    config.deadline = Duration::from_secs(2);
    let client = Client::new(config)?;
    run(async { client.put(&put).await.map(|_| ()) })
}

/// Has every member need some room on its disk, which it may have in its files without our knowing.
pub(super) fn press(cluster: &Cluster) {
    // Whatever becomes of it.
    let _ = put(cluster, 0).and_then(|()| delete(cluster));
}

/// Forgets what was before now, so that the database stays small.
///
/// # Panics
/// When etcd does not do its part.
pub(super) fn forget(cluster: &Cluster) {
    let forgotten = latest(cluster).and_then(|revision| compact(cluster, revision));
    forgotten.expect("all is well");
}

/// As [`make_room`], for a run, whose history is saved first.
///
/// # Errors
/// In words, why it is full all the same.
pub(super) fn drain(cluster: &Cluster, history: &mut History) -> Result<(), String> {
    let words = |error: Error| error.to_string();
    delete(cluster).map_err(words)?;
    let revision = history.save(cluster).map_err(words)?;
    compact(cluster, revision).map_err(words)?;
    disarm(cluster)?;
    history.go_on(cluster).map_err(words)
}

/// What an operator does about a full database, in a cluster whose past nobody needs: deletes what fills it, forgets the past,
/// and tells the cluster that there is room.
///
/// # Errors
/// In words, why it is full all the same.
///
/// # Panics
/// When `etcdctl` is not installed.
pub fn make_room(cluster: &Cluster) -> Result<(), String> {
    let revision = delete(cluster).and_then(|()| latest(cluster));
    let compacted = revision.and_then(|revision| compact(cluster, revision));
    compacted.map_err(|error| error.to_string())?;
    disarm(cluster)
}

fn delete(cluster: &Cluster) -> Result<(), Error> {
    let delete = DeleteRangeRequest {
        key: PREFIX.to_vec(),
        range_end: prefix_end(PREFIX),
    };
    run(async {
        let deleted: Result<DeleteRangeResponse, Error> =
            cluster.client().call(DELETE, &delete).await;
        deleted.map(|_| ())
    })
}

fn latest(cluster: &Cluster) -> Result<i64, Error> {
    let nothing = RangeRequest {
        key: PREFIX.to_vec(),
        ..RangeRequest::default()
    };
    let answer = run(async { cluster.client().range(&nothing).await })?;
    Ok(answer.header.map_or(0, |header| header.revision))
}

/// Forgets what was before this revision.
fn compact(cluster: &Cluster, revision: i64) -> Result<(), Error> {
    let request = CompactionRequest {
        revision,
        physical: true,
    };
    match run(async { cluster.client().compact(&request).await }) {
        // A first attempt has got that far.
        Err(Error::Refused { status, .. }) if status.message.contains("compacted") => Ok(()),
        other => other.map(|_| ()),
    }
}

fn disarm(cluster: &Cluster) -> Result<(), String> {
    let members = (0..cluster.len()).filter(|member| cluster.has_files(*member));
    let ports = cluster.ports();
    let endpoints: Vec<String> = members
        .map(|one| format!("127.0.0.1:{}", ports[one]))
        .collect();
    let told = |words: &[&str]| {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(words);
        command.arg("--command-timeout=5s");
        let told = command.arg("--endpoints").arg(endpoints.join(",")).output();
        let told = told.expect("etcdctl is installed");
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        told.status.success().then_some(()).ok_or(said)
    };
    // Those that are down are defragmented the next time.
    let whole = told(&["defrag"]);
    told(&["alarm", "disarm"]).and(whole)
}
