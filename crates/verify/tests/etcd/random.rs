//! Steps at random.

use fastrand::Rng;
use ops_coordinator_etcd::message::ResponseHeader;
use ops_coordinator_etcd::message::kv::{
    Compare, DeleteRangeRequest, Op, PutRequest, RangeRequest, RequestOp, SortOrder, SortTarget,
    TxnRequest,
};
use ops_coordinator_etcd::message::watch::{Filter, WatchCreateRequest};
use ops_coordinator_trial::Cluster;

use crate::memory::Memory;
use crate::real::Real;
use crate::step::{Seen, Step, Store};

/// How many steps a seed means, before the watches are looked at.
const STEPS: usize = 120;

/// Takes the steps of a seed with both, and fails at the first that shows different things.
pub(crate) async fn compare(seed: u64, cluster: &Cluster) {
    let mut real = Real::empty(cluster).await;
    let mut memory = Memory::default();
    let mut draw = Draw::new(seed);
    let mut taken = Vec::new();
    for _ in 0..STEPS {
        let step = draw.step();
        let [ours, theirs] = [memory.see(&step).await, real.see(&step).await];
        draw.learn(&step, &ours);
        taken.push(format!("{step:?}"));
        assert_same(seed, &taken, &ours, &theirs);
    }
    let mut told = 0;
    for watch in 0..draw.watches {
        let ours = memory.see(&Step::Told(watch, 0)).await;
        let wanted = match &ours {
            Seen::Told(events) => events.len(),
            _ => 1,
        };
        let theirs = real.see(&Step::Told(watch, wanted)).await;
        taken.push(format!("told by watch {watch}"));
        assert_same(seed, &taken, &ours, &theirs);
        told += wanted;
    }
    assert!(told > 0, "seed {seed}: the watches were of no use");
}

#[track_caller]
fn assert_same(seed: u64, taken: &[String], ours: &Seen, theirs: &Seen) {
    assert!(
        ours == theirs,
        "seed {seed}:\n{}\nin memory: {ours}\nreal:      {theirs}",
        taken.join("\n")
    );
}

/// Draws steps, and knows what they have led to.
struct Draw {
    rng: Rng,
    revision: i64,
    compacted: i64,
    watches: usize,
}

impl Draw {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            revision: 1,
            compacted: 0,
            watches: 0,
        }
    }

    fn step(&mut self) -> Step {
        match self.rng.u32(0..100) {
            0..12 => Step::Grant(self.lease(), self.rng.i64(60..90)),
            12..15 => Step::Renew(self.lease()),
            15..21 => Step::Revoke(self.lease()),
            21..24 => Step::Leases,
            24..27 => Step::Compact(self.rng.i64((self.revision - 9).max(1)..self.revision + 2)),
            27..33 if self.watches < 10 => Step::Watch(self.watch()),
            33..48 => Step::Range(self.range()),
            _ => Step::Txn(self.txn()),
        }
    }

    /// What a step has changed.
    fn learn(&mut self, step: &Step, seen: &Seen) {
        match (step, seen) {
            (Step::Compact(revision), Seen::Done) => self.compacted = *revision,
            (Step::Watch(_), _) => self.watches += 1,
            (_, Seen::Range(range)) => self.is_at(range.header.as_ref()),
            (_, Seen::Txn(txn)) => self.is_at(txn.header.as_ref()),
            _ => {}
        }
    }

    fn is_at(&mut self, header: Option<&ResponseHeader>) {
        self.revision = header.unwrap().revision;
    }

    fn lease(&mut self) -> i64 {
        self.rng.i64(1..4)
    }

    fn key(&mut self) -> Vec<u8> {
        let keys = ["a", "p/", "p/a", "p/b", "p/c", "q"];
        keys[self.rng.usize(..keys.len())].into()
    }

    /// A key, or a range.
    fn keys(&mut self) -> (Vec<u8>, Vec<u8>) {
        match self.rng.u32(0..4) {
            0 => (b"p/".into(), b"p0".into()),
            1 => (self.key(), vec![0]),
            _ => (self.key(), Vec::new()),
        }
    }

    fn range(&mut self) -> RangeRequest {
        let (key, range_end) = self.keys();
        let by = [
            SortTarget::Key,
            SortTarget::Version,
            SortTarget::CreateRevision,
            SortTarget::ModRevision,
            SortTarget::Value,
        ];
        let orders = [
            SortOrder::Unsorted,
            SortOrder::Ascending,
            SortOrder::Descending,
        ];
        RangeRequest {
            key,
            range_end,
            limit: self.rng.i64(0..4),
            sort_order: orders[self.rng.usize(..orders.len())].into(),
            sort_target: by[self.rng.usize(..by.len())].into(),
            max_create_revision: self.rng.i64(0..=self.revision),
            ..RangeRequest::default()
        }
    }

    fn txn(&mut self) -> TxnRequest {
        let compare = match self.rng.u32(0..4) {
            0 => vec![Compare::created_at(&self.key(), 0)],
            1 => {
                let revision = self.rng.i64((self.revision - 8).max(0)..=self.revision);
                vec![Compare::created_at(&self.key(), revision)]
            }
            2 => vec![
                Compare::created_at(&self.key(), 0),
                Compare::created_at(&self.key(), 0),
            ],
            _ => Vec::new(),
        };
        TxnRequest {
            compare,
            success: self.steps(),
            failure: self.steps(),
        }
    }

    fn steps(&mut self) -> Vec<RequestOp> {
        (0..self.rng.u32(0..4)).map(|_| self.op().into()).collect()
    }

    fn op(&mut self) -> Op {
        match self.rng.u32(0..10) {
            0..6 => Op::Put(PutRequest {
                key: self.key(),
                value: vec![self.rng.u8(b'a'..=b'd')],
                lease: if self.rng.u32(0..3) == 0 {
                    self.lease()
                } else {
                    0
                },
            }),
            6..8 => {
                let (key, mut range_end) = self.keys();
                // A server overlooks that a deletion without an end overlaps with a write of the same transaction.
                range_end.retain(|byte| *byte > 0);
                Op::DeleteRange(DeleteRangeRequest { key, range_end })
            }
            _ => Op::Range(self.range()),
        }
    }

    /// From the past, from now on, or later. Not from the revision up to which all is forgotten: whether a deletion at
    /// that one is still told depends on etcd's version.
    fn watch(&mut self) -> WatchCreateRequest {
        let (key, range_end) = self.keys();
        let from = self.rng.i64((self.revision - 10).max(2)..self.revision + 4);
        let filters: &[Filter] = match self.rng.u32(0..4) {
            0 => &[Filter::NoPut],
            1 => &[Filter::NoDelete],
            _ => &[],
        };
        WatchCreateRequest {
            key,
            range_end,
            start_revision: from + i64::from(from == self.compacted),
            filters: filters.iter().map(|filter| (*filter).into()).collect(),
            ..WatchCreateRequest::default()
        }
    }
}
