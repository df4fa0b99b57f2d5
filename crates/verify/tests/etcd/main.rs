//! The etcd in memory, of which simulations are made, beside a real one: the same is seen of both.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod memory;
mod random;
mod real;
mod step;
mod suite;

use ops_coordinator_etcd::message::kv::{
    Compare, DeleteRangeRequest, Op, PutRequest, RangeRequest, SortOrder, SortTarget, TxnRequest,
};
use ops_coordinator_etcd::message::prefix_end;
use ops_coordinator_etcd::message::watch::{Filter, WatchCreateRequest};
use ops_coordinator_trial::{Cluster, run};

use self::memory::Memory;
use self::real::Real;
use self::step::Step;

/// Plays cases, each on an empty store, and names all that show something else than they should.
macro_rules! play {
    ($cases:expr, $empty:expr) => {
        run(async {
            let mut wrong = Vec::new();
            for case in $cases {
                wrong.extend(case.play(&mut $empty).await.err());
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        })
    };
}

#[test]
fn the_one_in_memory_does_what_the_suite_says() {
    play!(suite::quick(), Memory::default());
    play!(suite::slow(), Memory::default());
}

#[test]
fn the_real_one_does_what_the_suite_says() {
    let cluster = Cluster::with_usual_times();
    play!(suite::quick(), Real::empty(&cluster).await);
}

#[test]
fn leases_of_the_real_one_end_as_the_suite_says() {
    let cluster = Cluster::with_usual_times();
    play!(suite::slow(), Real::empty(&cluster).await);
}

#[test]
fn of_the_same_random_steps_both_show_the_same() {
    let cluster = Cluster::with_usual_times();
    run(async {
        for seed in 0..6 {
            random::compare(seed, &cluster).await;
        }
    });
}

fn txn<const C: usize, const S: usize>(compare: [Compare; C], steps: [Op; S]) -> TxnRequest {
    TxnRequest {
        compare: compare.into(),
        success: steps.into_iter().map(Into::into).collect(),
        failure: Vec::new(),
    }
}

/// A transaction without a condition.
fn steps<const N: usize>(steps: [Op; N]) -> Step {
    Step::Txn(txn([], steps))
}

/// A transaction under the condition that the key was created at this revision.
fn at<const N: usize>(key: &str, revision: i64, steps: [Op; N]) -> Step {
    Step::Txn(txn([Compare::created_at(key.as_bytes(), revision)], steps))
}

/// Creates a key, or does this if it is there.
fn create<const N: usize>(key: &str, value: &str, otherwise: [Op; N]) -> Step {
    Step::Txn(TxnRequest {
        failure: otherwise.into_iter().map(Into::into).collect(),
        ..txn(
            [Compare::created_at(key.as_bytes(), 0)],
            [put(key, value, 0)],
        )
    })
}

fn put(key: &str, value: &str, lease: i64) -> Op {
    Op::Put(PutRequest {
        key: key.into(),
        value: value.into(),
        lease,
    })
}

fn delete(key: &str) -> Op {
    Op::DeleteRange(DeleteRangeRequest {
        key: key.into(),
        range_end: Vec::new(),
    })
}

fn range(key: &str) -> Op {
    Op::Range(single(key))
}

fn single(key: &str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        ..RangeRequest::default()
    }
}

/// Reads a key.
fn get(key: &str) -> Step {
    Step::Range(single(key))
}

/// Reads all keys.
fn all() -> Step {
    Step::Range(RangeRequest {
        key: vec![0],
        range_end: vec![0],
        ..RangeRequest::default()
    })
}

/// Reads the keys under a prefix.
fn sorted(prefix: &str, order: SortOrder, by: SortTarget, limit: i64, latest: i64) -> Step {
    Step::Range(RangeRequest {
        key: prefix.into(),
        range_end: prefix_end(prefix.as_bytes()),
        limit,
        sort_order: order.into(),
        sort_target: by.into(),
        max_create_revision: latest,
        ..RangeRequest::default()
    })
}

/// Begins a watch of a key, or of a range that ends before `end`.
fn watch<const N: usize>(key: &str, end: &str, from: i64, without: [Filter; N]) -> Step {
    Step::Watch(WatchCreateRequest {
        key: key.into(),
        range_end: end.into(),
        start_revision: from,
        filters: without.map(i32::from).into(),
        ..WatchCreateRequest::default()
    })
}
