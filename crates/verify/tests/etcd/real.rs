//! A real etcd.

use std::time::{Duration, Instant};

use ops_coordinator_etcd::message::ResponseHeader;
use ops_coordinator_etcd::message::kv::{
    CompactionRequest, DeleteRangeRequest, KeyValue, Number, Op, Outcome, RangeRequest,
    RangeResponse, RequestOp, ResponseOp, TxnRequest, TxnResponse,
};
use ops_coordinator_etcd::message::lease::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
};
use ops_coordinator_etcd::message::watch::{Event, WatchCreateRequest};
use ops_coordinator_etcd::{Client, Error, Watches};
use ops_coordinator_trial::Cluster;
use tokio::time::{sleep, timeout};

use crate::step::{Seen, Step, Store};

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing must come after a change. A server tells of the past ten times a second.
const QUIET: Duration = Duration::from_millis(300);

/// An empty store on a server. What a case before it has left is gone, but the revisions go on: what removed it was
/// revision 1 of the new one.
pub(crate) struct Real {
    client: Client,
    /// What the server's revisions are ahead of ours.
    ahead: i64,
    watches: Vec<Watches>,
    /// When something was last done of which a watch may have to tell.
    changed: Instant,
    /// When a watch was last begun.
    begun: Instant,
}

impl Real {
    pub(crate) async fn empty(cluster: &Cluster) -> Self {
        let client = cluster.client();
        for lease in client.leases().await.unwrap() {
            client.revoke(lease).await.unwrap();
        }
        let all = || DeleteRangeRequest {
            key: vec![0],
            range_end: vec![0],
        };
        let mut revision = 0;
        // In any case a revision of its own: what is compacted is in the past of the next case.
        let put = ops_coordinator_etcd::message::kv::PutRequest {
            key: b"last".to_vec(),
            ..Default::default()
        };
        for op in [Op::Put(put), Op::DeleteRange(all())] {
            let done = client.txn(&crate::txn([], [op])).await.unwrap();
            revision = done.header.unwrap().revision;
        }
        Self {
            client,
            ahead: revision - 1,
            watches: Vec::new(),
            changed: Instant::now(),
            begun: Instant::now(),
        }
    }

    /// A revision as the server counts.
    fn theirs(&self, revision: i64) -> i64 {
        // 0 means none.
        if revision == 0 {
            0
        } else {
            revision + self.ahead
        }
    }

    fn range(&self, range: &RangeRequest) -> RangeRequest {
        RangeRequest {
            max_create_revision: self.theirs(range.max_create_revision),
            ..range.clone()
        }
    }

    fn txn(&self, txn: &TxnRequest) -> TxnRequest {
        let mut txn = txn.clone();
        for compare in &mut txn.compare {
            if let Some(Number::CreateRevision(revision)) = &mut compare.number {
                *revision = self.theirs(*revision);
            }
        }
        let steps = |steps: Vec<RequestOp>| -> Vec<RequestOp> {
            let step = |step: RequestOp| match step.op {
                Some(Op::Range(range)) => Op::Range(self.range(&range)).into(),
                _ => step,
            };
            steps.into_iter().map(step).collect()
        };
        txn.success = steps(txn.success);
        txn.failure = steps(txn.failure);
        txn
    }

    fn our_header(&self, header: &mut Option<ResponseHeader>) {
        if let Some(header) = header {
            header.revision -= self.ahead;
        }
    }

    fn our_key(&self, kv: &mut KeyValue) {
        for revision in [&mut kv.create_revision, &mut kv.mod_revision] {
            if *revision != 0 {
                *revision -= self.ahead;
            }
        }
    }

    fn our_range(&self, mut range: RangeResponse) -> RangeResponse {
        self.our_header(&mut range.header);
        range.kvs.iter_mut().for_each(|kv| self.our_key(kv));
        range
    }

    fn our_txn(&self, mut txn: TxnResponse) -> TxnResponse {
        self.our_header(&mut txn.header);
        let step = |step: ResponseOp| {
            let outcome = step.outcome.map(|outcome| match outcome {
                Outcome::Range(range) => Outcome::Range(self.our_range(range)),
                Outcome::Put(mut put) => {
                    self.our_header(&mut put.header);
                    Outcome::Put(put)
                }
                Outcome::DeleteRange(mut delete) => {
                    self.our_header(&mut delete.header);
                    Outcome::DeleteRange(delete)
                }
            });
            ResponseOp { outcome }
        };
        txn.responses = txn.responses.into_iter().map(step).collect();
        txn
    }

    /// Begins a watch, and waits until the server says that it has.
    async fn watch(&mut self, create: &WatchCreateRequest) {
        let create = WatchCreateRequest {
            start_revision: self.theirs(create.start_revision),
            ..create.clone()
        };
        let mut watches = self.client.watch(create).await.unwrap();
        let first = timeout(PATIENCE, watches.next()).await.unwrap().unwrap();
        assert!(first.created && first.events.is_empty(), "{first:?}");
        self.watches.push(watches);
        self.begun = Instant::now();
    }

    async fn told(&mut self, watch: usize, wanted: usize) -> Seen {
        let mut told: Vec<Event> = Vec::new();
        loop {
            // What has arrived is read in any case.
            let quiet = left(self.changed).max(Duration::from_millis(5));
            let patience = if told.len() < wanted { PATIENCE } else { quiet };
            let Ok(answer) = timeout(patience, self.watches[watch].next()).await else {
                break;
            };
            let answer = answer.unwrap();
            if answer.compact_revision != 0 {
                assert!(answer.canceled, "{answer:?}");
                return Seen::Forgotten(answer.compact_revision - self.ahead);
            }
            told.extend(answer.events);
        }
        for event in &mut told {
            event.kv.iter_mut().for_each(|kv| self.our_key(kv));
        }
        Seen::Told(told)
    }

    async fn leases(&self) -> Vec<i64> {
        let mut leases = self.client.leases().await.unwrap();
        leases.sort_unstable();
        leases
    }
}

impl Store for Real {
    async fn see(&mut self, step: &Step) -> Seen {
        if matches!(step, Step::Compact(_)) {
            // A watch that asks about the past is to have told of it.
            sleep(left(self.begun)).await;
        }
        let seen = self.take(step).await;
        if !matches!(step, Step::Told(..)) {
            self.changed = Instant::now();
        }
        seen
    }
}

impl Real {
    async fn take(&mut self, step: &Step) -> Seen {
        let client = &self.client;
        match step {
            Step::Grant(id, ttl) => {
                let request = LeaseGrantRequest { id: *id, ttl: *ttl };
                let granted = client.grant(&request).await;
                seen(granted, |lease| Seen::Seconds(lease.ttl))
            }
            Step::Renew(id) => {
                let path = "/etcdserverpb.Lease/LeaseKeepAlive";
                let request = LeaseKeepAliveRequest { id: *id };
                let renewed: LeaseKeepAliveResponse = client.call(path, &request).await.unwrap();
                Seen::Seconds(renewed.ttl)
            }
            Step::Revoke(id) => seen(client.revoke(*id).await, |_| Seen::Done),
            Step::Leases => Seen::Leases(self.leases().await),
            Step::Range(range) => {
                let read = client.range(&self.range(range)).await;
                seen(read, |range| Seen::Range(self.our_range(range)))
            }
            Step::Txn(txn) => {
                let done = client.txn(&self.txn(txn)).await;
                seen(done, |txn| Seen::Txn(self.our_txn(txn)))
            }
            Step::Compact(revision) => {
                let request = CompactionRequest {
                    revision: self.theirs(*revision),
                    // Watches read what the disk still has.
                    physical: true,
                };
                seen(client.compact(&request).await, |_| Seen::Done)
            }
            Step::Watch(create) => {
                self.watch(create).await;
                Seen::Done
            }
            Step::Told(watch, wanted) => self.told(*watch, *wanted).await,
            Step::Pass(time) => {
                sleep(Duration::from_millis(*time)).await;
                Seen::Done
            }
            Step::Ends(lease) => {
                let gone = async {
                    while self.leases().await.contains(lease) {
                        sleep(Duration::from_millis(20)).await;
                    }
                };
                timeout(PATIENCE, gone).await.unwrap();
                Seen::Done
            }
        }
    }
}

/// How long it is to be quiet since then.
fn left(since: Instant) -> Duration {
    QUIET.saturating_sub(since.elapsed())
}

#[track_caller]
fn seen<T>(answer: Result<T, Error>, words: impl FnOnce(T) -> Seen) -> Seen {
    match answer {
        Ok(answer) => words(answer),
        Err(Error::Refused { status, .. }) => Seen::Refused(status.code),
        Err(other) => panic!("{other}"),
    }
}
