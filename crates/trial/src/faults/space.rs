//! A database that is full, and an operator who makes room as etcd's documentation says, and our hint.

use std::process::Command;
use std::time::Duration;

use ops_coordinator_etcd::grpc::Code;
use ops_coordinator_etcd::message::kv::{
    CompactionRequest, DeleteRangeRequest, Op, PutRequest, TxnRequest,
};
use ops_coordinator_etcd::message::prefix_end;
use ops_coordinator_etcd::{Client, Error};

use super::history::History;
use crate::{Cluster, run};

/// What a cluster's database may have.
pub(super) const QUOTA: u64 = 16 << 20;

const PREFIX: &[u8] = b"flood/";
/// etcd takes no more than 1.5 MiB at once.
const PIECE: usize = 512 << 10;

/// Fills the database until etcd refuses. Returns whether it has.
pub fn flood(cluster: &Cluster, quota: u64) -> bool {
    let refused = write(cluster, 2 * quota / PIECE as u64).err();
    let full = |error: &Error| matches!(error, Error::Refused { status, .. } if status.code == Code::RESOURCE_EXHAUSTED);
    refused.as_ref().is_some_and(full)
}

/// Writes so many pieces, until one is not taken.
fn write(cluster: &Cluster, pieces: u64) -> Result<(), Error> {
    let mut config = cluster.config();
    config.deadline = Duration::from_secs(1);
    let client = Client::new(config)?;
    run(async {
        for piece in 0..pieces {
            let put = PutRequest {
                key: [PREFIX, &piece.to_be_bytes()].concat(),
                value: vec![b'x'; PIECE],
                ..PutRequest::default()
            };
            client.put(&put).await?;
        }
        Ok(())
    })
}

/// Has every member need some room on its disk, which it may have in its files without our knowing.
pub(super) fn press(cluster: &Cluster) {
    // Whatever becomes of it.
    let _ = write(cluster, 2).and_then(|()| delete(cluster));
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
pub(super) fn drain(cluster: &Cluster, history: &mut History) -> bool {
    let drained = delete(cluster).and_then(|()| {
        let revision = history.save(cluster)?;
        compact(cluster, revision)
    });
    drained.is_ok() && disarm(cluster) && history.go_on(cluster).is_ok()
}

/// What an operator does about a full database, in a cluster whose past nobody needs: deletes what fills it, forgets the past,
/// and tells the cluster that there is room. Returns whether it agrees.
///
/// # Panics
/// When `etcdctl` is not installed.
pub fn make_room(cluster: &Cluster) -> bool {
    let revision = delete(cluster).and_then(|()| latest(cluster));
    revision.is_ok_and(|revision| compact(cluster, revision).is_ok()) && disarm(cluster)
}

fn delete(cluster: &Cluster) -> Result<(), Error> {
    let delete = DeleteRangeRequest {
        key: PREFIX.to_vec(),
        range_end: prefix_end(PREFIX),
    };
    let delete = TxnRequest {
        success: vec![Op::DeleteRange(delete).into()],
        ..TxnRequest::default()
    };
    run(async { cluster.client().txn(&delete).await.map(|_| ()) })
}

fn latest(cluster: &Cluster) -> Result<i64, Error> {
    let nothing = TxnRequest::default();
    let answer = run(async { cluster.client().txn(&nothing).await })?;
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

fn disarm(cluster: &Cluster) -> bool {
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
        told.expect("etcdctl is installed").status.success()
    };
    // Those that are down are defragmented the next time.
    let whole = told(&["defrag"]);
    told(&["alarm", "disarm"]) && whole
}
