//! What the servers know: the keys of a run, from the first to the last revision.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_etcd::message::watch::Event;

/// The tickets that there were, and what was wrong with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Truth {
    /// Every token that was given.
    pub(super) tokens: BTreeSet<i64>,
    /// Tokens that said that they had begun, with those ahead of them at that revision, if those were too many.
    pub(super) early: Vec<(i64, Vec<i64>)>,
}

/// Reads the events of a lock with this limit.
pub(super) fn truth(limit: usize, events: &[Event]) -> Truth {
    let mut truth = Truth::default();
    let mut alive: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for event in events {
        let Some(kv) = &event.kv else {
            continue;
        };
        if event.kind != 0 {
            alive.remove(&kv.key);
            continue;
        }
        alive.insert(kv.key.clone(), kv.create_revision);
        truth.tokens.insert(kv.create_revision);
        // The only second write is that of one that has begun.
        let ahead = alive.values().filter(|token| **token < kv.create_revision);
        let ahead: Vec<i64> = ahead.copied().collect();
        if kv.version > 1 && ahead.len() >= limit {
            truth.early.push((kv.create_revision, ahead));
        }
    }
    truth
}

#[cfg(test)]
mod tests {
    use ops_coordinator_etcd::message::kv::KeyValue;

    use super::*;

    fn event(kind: i32, key: u8, create_revision: i64, version: i64) -> Event {
        let kv = KeyValue {
            key: vec![key],
            create_revision,
            version,
            ..KeyValue::default()
        };
        Event { kind, kv: Some(kv) }
    }

    #[test]
    fn one_that_begins_beside_another_is_found() {
        let (first, second) = (event(0, 1, 3, 1), event(0, 2, 4, 1));
        let begun = [event(0, 1, 3, 2), event(0, 2, 4, 2)];
        let good = [
            first.clone(),
            second.clone(),
            begun[0].clone(),
            event(1, 1, 0, 0),
            begun[1].clone(),
        ];
        assert_eq!(truth(1, &good).early, []);
        let bad = [first, second, begun[0].clone(), begun[1].clone()];
        assert_eq!(truth(1, &bad).early, [(4, vec![3])]);
        assert_eq!(truth(2, &bad).early, []);
        assert_eq!(truth(1, &bad).tokens, BTreeSet::from([3, 4]));
    }
}
