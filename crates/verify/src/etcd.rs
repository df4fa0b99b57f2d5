//! An etcd in memory, in virtual time: revisions, leases, transactions and watches, as far as our requests use them. It
//! takes and gives the messages of the real one.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_etcd::grpc::Code;
use ops_coordinator_etcd::message::ResponseHeader;
use ops_coordinator_etcd::message::kv::{
    Compare, DeleteRangeRequest, DeleteRangeResponse, KeyValue, Number, Op, Outcome, PutRequest,
    PutResponse, RangeRequest, RangeResponse, RequestOp, ResponseOp, SortOrder, SortTarget,
    TxnRequest, TxnResponse,
};
use ops_coordinator_etcd::message::watch::{Event, Filter, WatchCreateRequest};

/// The shortest lease that a server with the usual election time-out grants, in seconds.
const TTL_MIN: i64 = 2;

/// What the server answers instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub Code);

/// A watch asks for what is forgotten; this is the first revision that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted(pub i64);

#[derive(Debug, Clone)]
struct Lease {
    /// In milliseconds.
    ttl: u64,
    ends: u64,
    keys: BTreeSet<Vec<u8>>,
}

/// The store of a cluster.
#[derive(Debug, Clone)]
pub struct Store {
    revision: i64,
    compacted: i64,
    keys: BTreeMap<Vec<u8>, KeyValue>,
    leases: BTreeMap<i64, Lease>,
    events: Vec<Event>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            // The first change is the second revision, as in a real one.
            revision: 1,
            compacted: 0,
            keys: BTreeMap::new(),
            leases: BTreeMap::new(),
            events: Vec::new(),
        }
    }
}

impl Store {
    /// The latest revision.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The numbers of all leases.
    pub fn leases(&self) -> impl Iterator<Item = i64> {
        self.leases.keys().copied()
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &KeyValue> {
        self.keys.values()
    }

    /// Grants a lease of so many seconds, and says how many it has.
    ///
    /// # Errors
    /// There is one of this number.
    pub fn grant(&mut self, now: u64, id: i64, seconds: i64) -> Result<i64, Refused> {
        if self.leases.contains_key(&id) {
            return Err(Refused(Code::FAILED_PRECONDITION));
        }
        let seconds = seconds.max(TTL_MIN);
        let ttl = seconds.unsigned_abs() * 1_000;
        let lease = Lease {
            ttl,
            ends: now + ttl,
            keys: BTreeSet::new(),
        };
        self.leases.insert(id, lease);
        Ok(seconds)
    }

    /// Renews a lease, and says how many seconds it has from now; 0 if there is none.
    pub fn keep_alive(&mut self, now: u64, id: i64) -> i64 {
        let Some(lease) = self.leases.get_mut(&id) else {
            return 0;
        };
        lease.ends = now + lease.ttl;
        i64::try_from(lease.ttl / 1_000).unwrap_or(i64::MAX)
    }

    /// Ends a lease, and deletes its keys in one revision.
    ///
    /// # Errors
    /// There is none.
    pub fn revoke(&mut self, id: i64) -> Result<(), Refused> {
        let lease = self.leases.remove(&id).ok_or(Refused(Code::NOT_FOUND))?;
        let next = self.revision + 1;
        for key in lease.keys {
            if self.keys.remove(&key).is_some() {
                self.revision = next;
                self.tell_end(key, next);
            }
        }
        Ok(())
    }

    /// When the next lease ends, unless it is renewed.
    pub fn next_end(&self) -> Option<u64> {
        self.leases.values().map(|lease| lease.ends).min()
    }

    /// Ends all leases whose time has come.
    pub fn expire(&mut self, now: u64) {
        let over = self.leases.iter().filter(|(_, lease)| lease.ends <= now);
        let over: Vec<i64> = over.map(|(id, _)| *id).collect();
        for id in over {
            let _ = self.revoke(id);
        }
    }

    /// Reads keys.
    pub fn range(&self, request: &RangeRequest) -> RangeResponse {
        let within = self.within(&request.key, &request.range_end);
        let count = within.len();
        let latest = request.max_create_revision;
        let kept = within.into_iter().map(|key| &self.keys[&key]);
        let mut kvs: Vec<KeyValue> = kept
            .filter(|kv| latest == 0 || kv.create_revision <= latest)
            .cloned()
            .collect();
        sort(&mut kvs, request);
        if let Some(limit) = usize::try_from(request.limit)
            .ok()
            .filter(|limit| *limit > 0)
        {
            kvs.truncate(limit);
        }
        RangeResponse {
            header: self.header(),
            kvs,
            count: i64::try_from(count).unwrap_or(i64::MAX),
        }
    }

    /// Carries out a transaction.
    ///
    /// # Errors
    /// It writes a key twice, or with a lease that does not exist; then nothing has happened.
    pub fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, Refused> {
        if writes_twice(&request.success) || writes_twice(&request.failure) {
            return Err(Refused(Code::INVALID_ARGUMENT));
        }
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        let steps = if succeeded {
            &request.success
        } else {
            &request.failure
        };
        self.check_leases(steps)?;
        let next = self.revision + 1;
        let responses = steps.iter().map(|step| self.step(step, next)).collect();
        Ok(TxnResponse {
            header: self.header(),
            succeeded,
            responses,
        })
    }

    /// Forgets what was before a revision.
    ///
    /// # Errors
    /// That revision is yet to come, or forgotten itself.
    pub fn compact(&mut self, revision: i64) -> Result<(), Refused> {
        if revision > self.revision || revision <= self.compacted {
            return Err(Refused(OUT_OF_RANGE));
        }
        self.compacted = revision;
        // Of that revision itself, older servers forget what was deleted (etcd issue 19179), newer ones do not.
        self.events.retain(|event| match event.kind {
            0 => mod_revision(event) >= revision,
            _ => mod_revision(event) > revision,
        });
        Ok(())
    }

    /// What a watch has to tell by now. It does not tell that again, and does not miss it when it is forgotten.
    ///
    /// # Errors
    /// It asks for what is forgotten; this ends it.
    pub fn hear(&self, watch: &mut WatchCreateRequest) -> Result<Vec<Event>, Compacted> {
        if watch.start_revision < self.compacted {
            return Err(Compacted(self.compacted));
        }
        let first = self
            .events
            .partition_point(|event| mod_revision(event) < watch.start_revision);
        let skips = |kind: i32| match kind {
            0 => watch.filters.contains(&i32::from(Filter::NoPut)),
            _ => watch.filters.contains(&i32::from(Filter::NoDelete)),
        };
        let told = self.events[first..].iter().filter(|event| {
            let key = event.kv.as_ref().map(|kv| &kv.key);
            key.is_some_and(|key| covers(&watch.key, &watch.range_end, key)) && !skips(event.kind)
        });
        let told = told.cloned().collect();
        watch.start_revision = watch.start_revision.max(self.revision + 1);
        Ok(told)
    }

    #[expect(clippy::unnecessary_wraps, reason = "as an answer has it")]
    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            revision: self.revision,
        })
    }

    fn within(&self, key: &[u8], end: &[u8]) -> Vec<Vec<u8>> {
        let keys = self.keys.range(key.to_vec()..).map(|(key, _)| key);
        keys.take_while(|other| covers(key, end, other))
            .cloned()
            .collect()
    }

    fn holds(&self, compare: &Compare) -> bool {
        let created = self
            .keys
            .get(&compare.key)
            .map_or(0, |kv| kv.create_revision);
        compare.number == Some(Number::CreateRevision(created))
    }

    /// Nothing of a transaction happens if one of its writes cannot.
    fn check_leases(&self, steps: &[RequestOp]) -> Result<(), Refused> {
        let exists = |step: &RequestOp| match &step.op {
            Some(Op::Put(put)) => put.lease == 0 || self.leases.contains_key(&put.lease),
            _ => true,
        };
        if steps.iter().all(exists) {
            Ok(())
        } else {
            Err(Refused(Code::NOT_FOUND))
        }
    }

    fn step(&mut self, step: &RequestOp, next: i64) -> ResponseOp {
        let outcome = step.op.as_ref().map(|op| match op {
            Op::Range(range) => Outcome::Range(self.range(range)),
            Op::Put(put) => {
                self.put(put, next);
                Outcome::Put(PutResponse {
                    header: self.header(),
                })
            }
            Op::DeleteRange(delete) => Outcome::DeleteRange(self.delete(delete, next)),
        });
        ResponseOp { outcome }
    }

    fn put(&mut self, put: &PutRequest, next: i64) {
        self.revision = next;
        let before = self.keys.get(&put.key);
        let kv = KeyValue {
            key: put.key.clone(),
            create_revision: before.map_or(next, |kv| kv.create_revision),
            mod_revision: next,
            version: before.map_or(0, |kv| kv.version) + 1,
            value: put.value.clone(),
            lease: put.lease,
        };
        if let Some(old) = before.and_then(|kv| self.leases.get_mut(&kv.lease)) {
            old.keys.remove(&put.key);
        }
        if let Some(lease) = self.leases.get_mut(&put.lease) {
            lease.keys.insert(put.key.clone());
        }
        self.keys.insert(put.key.clone(), kv.clone());
        self.events.push(Event {
            kind: 0,
            kv: Some(kv),
        });
    }

    fn delete(&mut self, delete: &DeleteRangeRequest, next: i64) -> DeleteRangeResponse {
        let keys = self.within(&delete.key, &delete.range_end);
        let deleted = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        for key in keys {
            let kv = self.keys.remove(&key);
            if let Some(lease) = kv.and_then(|kv| self.leases.get_mut(&kv.lease)) {
                lease.keys.remove(&key);
            }
            self.revision = next;
            self.tell_end(key, next);
        }
        DeleteRangeResponse {
            header: self.header(),
            deleted,
        }
    }

    fn tell_end(&mut self, key: Vec<u8>, revision: i64) {
        let kv = KeyValue {
            key,
            mod_revision: revision,
            ..KeyValue::default()
        };
        self.events.push(Event {
            kind: 1,
            kv: Some(kv),
        });
    }
}

/// "Out of range" of gRPC: what is forgotten, or yet to come.
const OUT_OF_RANGE: Code = Code(11);

fn mod_revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

/// Whether a range, or a single key if it has no end, covers this key.
fn covers(key: &[u8], end: &[u8], other: &[u8]) -> bool {
    match end {
        [] => key == other,
        // To the last key.
        [0] => key <= other,
        _ => key <= other && other < end,
    }
}

/// In the order that is asked for; what is equal in it, by key.
fn sort(kvs: &mut [KeyValue], request: &RangeRequest) {
    let compared = |one: &KeyValue, other: &KeyValue| match request.sort_target() {
        SortTarget::Key => one.key.cmp(&other.key),
        SortTarget::Version => one.version.cmp(&other.version),
        SortTarget::CreateRevision => one.create_revision.cmp(&other.create_revision),
        SortTarget::ModRevision => one.mod_revision.cmp(&other.mod_revision),
        SortTarget::Value => one.value.cmp(&other.value),
    };
    kvs.sort_by(|one, other| match request.sort_order() {
        SortOrder::Descending => compared(one, other).reverse(),
        SortOrder::Ascending | SortOrder::Unsorted => compared(one, other),
    });
}

/// Whether a transaction would write a key twice, or write one that it deletes.
fn writes_twice(steps: &[RequestOp]) -> bool {
    let written = |step: &RequestOp| match &step.op {
        Some(Op::Put(put)) => Some(put.key.clone()),
        _ => None,
    };
    let keys: Vec<Vec<u8>> = steps.iter().filter_map(written).collect();
    let deleted = |key: &Vec<u8>| {
        steps.iter().any(|step| {
            matches!(&step.op, Some(Op::DeleteRange(delete)) if covers(&delete.key, &delete.range_end, key))
        })
    };
    let distinct: BTreeSet<&Vec<u8>> = keys.iter().collect();
    distinct.len() < keys.len() || keys.iter().any(deleted)
}
