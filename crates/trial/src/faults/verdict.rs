//! What a run has shown.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use ops_coordinator_etcd::message::watch::Event;
use ops_coordinator_etcd::referee::{Act, Violation, judge};
use ops_coordinator_etcd::survey;

use super::Report;
use super::truth::truth;
use super::worker::Workers;
use crate::{Cluster, run};

/// Judges a run by what its workers say of themselves, and by what etcd has seen.
pub(super) fn verdict(workers: &Workers<'_>, history: Vec<Event>) -> Report {
    let limit = workers.plan.limit as usize;
    let acts = workers.log.acts();
    let entered = acts.iter().filter_map(|act| match act {
        Act::Enter(token) => Some(*token),
        _ => None,
    });
    let entered: BTreeSet<i64> = entered.collect();
    // What etcd has ended before the time that it had promised is no holder of ours any more, whatever it knows.
    let early = workers.log.early();
    let excused = |found: &Violation| match found {
        Violation::Overlap(inside) => {
            inside.iter().filter(|token| !early.contains(token)).count() <= limit
        }
        _ => false,
    };
    let found = judge(limit, &acts).into_iter();
    let found = found.filter(|found| !excused(found));
    let mut violations: Vec<String> = found.map(|found| format!("{found:?}")).collect();
    if !violations.is_empty() {
        violations.push(format!("{:?}", workers.log.lines()));
    }
    let lock = format!("{}lock/", workers.prefix);
    let events = history.into_iter().filter(|event| {
        event
            .kv
            .as_ref()
            .is_some_and(|kv| kv.key.starts_with(lock.as_bytes()))
    });
    let truth = truth(limit, &events.collect::<Vec<_>>());
    for (token, ahead) in truth.early {
        violations.push(format!(
            "the servers have seen {token} begin behind {ahead:?}"
        ));
    }
    for token in entered.difference(&truth.tokens) {
        violations.push(format!("{token} has begun, but the servers never had it"));
    }
    Report {
        violations,
        entered: entered.len(),
        early: early.len(),
        lost: workers.lost.load(Ordering::Relaxed),
        frozen: acts
            .iter()
            .filter(|act| matches!(act, Act::Freeze(_)))
            .count(),
        refused: workers.refused.load(Ordering::Relaxed),
        died: 0,
        versions: BTreeSet::new(),
    }
}

/// Keys or leases that are still there when every lease that was not renewed must have ended.
pub(super) fn leftovers(cluster: &Cluster, prefix: &str, ttl: Duration) -> Option<String> {
    let since = Instant::now();
    loop {
        let (queues, leases) = run(async {
            let client = cluster.client();
            (survey(&client, prefix, None).await, client.leases().await)
        });
        let (queues, leases) = (queues.expect("all is well"), leases.expect("all is well"));
        if queues.is_empty() && leases.is_empty() {
            return None;
        }
        if since.elapsed() > 10 * ttl {
            return Some(format!("left behind: {queues:?}, leases {leases:x?}"));
        }
        thread::sleep(Duration::from_millis(50));
    }
}
