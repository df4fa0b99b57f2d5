//! The etcd in memory.

use ops_coordinator_etcd::message::watch::{Event, WatchCreateRequest};
use ops_coordinator_verify::etcd::{self, Compacted, Refused};

use crate::step::{Seen, Step, Store};

/// A store whose time passes only when a step says so.
#[derive(Default)]
pub(crate) struct Memory {
    store: etcd::Store,
    now: u64,
    watches: Vec<Watch>,
}

/// A watch, and what it has heard.
struct Watch {
    create: WatchCreateRequest,
    heard: Result<Vec<Event>, Compacted>,
}

impl Watch {
    fn hear(&mut self, store: &etcd::Store) {
        if let Ok(heard) = &mut self.heard {
            match store.hear(&mut self.create) {
                Ok(events) => heard.extend(events),
                Err(compacted) => self.heard = Err(compacted),
            }
        }
    }
}

impl Store for Memory {
    async fn see(&mut self, step: &Step) -> Seen {
        let seen = self.take(step);
        // As a server does, it tells at once.
        for watch in &mut self.watches {
            watch.hear(&self.store);
        }
        seen
    }
}

impl Memory {
    fn take(&mut self, step: &Step) -> Seen {
        let (store, now) = (&mut self.store, self.now);
        match step {
            Step::Grant(id, seconds) => seen(store.grant(now, *id, *seconds), Seen::Seconds),
            Step::Renew(id) => Seen::Seconds(store.keep_alive(now, *id)),
            Step::Revoke(id) => seen(store.revoke(*id), |()| Seen::Done),
            Step::Leases => Seen::Leases(store.leases().collect()),
            Step::Range(range) => Seen::Range(store.range(range)),
            Step::Txn(txn) => seen(store.txn(txn), Seen::Txn),
            Step::Compact(revision) => seen(store.compact(*revision), |()| Seen::Done),
            Step::Watch(create) => {
                self.watches.push(Watch {
                    create: create.clone(),
                    heard: Ok(Vec::new()),
                });
                Seen::Done
            }
            Step::Told(watch, _) => {
                let watch = &mut self.watches[*watch];
                match &mut watch.heard {
                    Ok(events) => Seen::Told(std::mem::take(events)),
                    Err(Compacted(first)) => Seen::Forgotten(*first),
                }
            }
            Step::Pass(time) => {
                self.now += time;
                store.expire(self.now);
                Seen::Done
            }
            Step::Ends(lease) => {
                while store.leases().any(|other| other == *lease) {
                    self.now = store.next_end().unwrap_or(self.now);
                    store.expire(self.now);
                }
                Seen::Done
            }
        }
    }
}

fn seen<T>(answer: Result<T, Refused>, words: impl FnOnce(T) -> Seen) -> Seen {
    match answer {
        Ok(answer) => words(answer),
        Err(Refused(code)) => Seen::Refused(code),
    }
}
