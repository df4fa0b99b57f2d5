//! `etcdserverpb.KV`: keys, ranges, transactions.

use super::ResponseHeader;

/// A key as the store has it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct KeyValue {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The revision of its creation: no other key ever has the same one from another transaction.
    #[prost(int64, tag = "2")]
    pub create_revision: i64,
    /// The revision of its last change.
    #[prost(int64, tag = "3")]
    pub mod_revision: i64,
    /// How often it was written since its creation.
    #[prost(int64, tag = "4")]
    pub version: i64,
    /// The value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
    /// The lease that it goes with, or 0.
    #[prost(int64, tag = "6")]
    pub lease: i64,
}

/// In which order a range comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SortOrder {
    /// As the store likes.
    Unsorted = 0,
    /// Smallest first.
    Ascending = 1,
    /// Largest first.
    Descending = 2,
}

/// What a range is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SortTarget {
    /// The key.
    Key = 0,
    /// How often it was written.
    Version = 1,
    /// The revision of its creation.
    CreateRevision = 2,
    /// The revision of its last change.
    ModRevision = 3,
    /// The value.
    Value = 4,
}

/// Asks for keys. Linearizable unless `serializable` is set.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last one; empty for a single key.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// At most so many keys; 0 for all.
    #[prost(int64, tag = "3")]
    pub limit: i64,
    /// The order.
    #[prost(enumeration = "SortOrder", tag = "5")]
    pub sort_order: i32,
    /// What is compared.
    #[prost(enumeration = "SortTarget", tag = "6")]
    pub sort_target: i32,
    /// Whether a member may answer from what it has, which may be old.
    #[prost(bool, tag = "7")]
    pub serializable: bool,
    /// Without the values.
    #[prost(bool, tag = "8")]
    pub keys_only: bool,
    /// Only the number of keys.
    #[prost(bool, tag = "9")]
    pub count_only: bool,
    /// Only keys that were created no later than this; 0 for all.
    #[prost(int64, tag = "13")]
    pub max_create_revision: i64,
}

/// The keys.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RangeResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// In the order that was asked for.
    #[prost(message, repeated, tag = "2")]
    pub kvs: Vec<KeyValue>,
    /// How many keys there are in the range, whatever the limit.
    #[prost(int64, tag = "4")]
    pub count: i64,
}

/// Writes a key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutRequest {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
    /// The lease that it goes with, or 0.
    #[prost(int64, tag = "3")]
    pub lease: i64,
}

/// A key was written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PutResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Deletes keys.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteRangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last one; empty for a single key.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
}

/// Keys were deleted.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DeleteRangeResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// How many.
    #[prost(int64, tag = "2")]
    pub deleted: i64,
}

/// One step of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RequestOp {
    /// The step.
    #[prost(oneof = "Op", tags = "1, 2, 3")]
    pub op: Option<Op>,
}

/// The kinds of steps.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Op {
    /// Reads.
    #[prost(message, tag = "1")]
    Range(RangeRequest),
    /// Writes.
    #[prost(message, tag = "2")]
    Put(PutRequest),
    /// Deletes.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeRequest),
}

impl From<Op> for RequestOp {
    fn from(op: Op) -> Self {
        Self { op: Some(op) }
    }
}

/// What came of one step.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResponseOp {
    /// The result.
    #[prost(oneof = "Outcome", tags = "1, 2, 3")]
    pub outcome: Option<Outcome>,
}

/// The kinds of results.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Outcome {
    /// Of a read.
    #[prost(message, tag = "1")]
    Range(RangeResponse),
    /// Of a write.
    #[prost(message, tag = "2")]
    Put(PutResponse),
    /// Of a deletion.
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeResponse),
}

/// What a comparison looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CompareTarget {
    /// How often the key was written; 0 if it does not exist.
    Version = 0,
    /// The revision of its creation; 0 if it does not exist.
    Create = 1,
}

/// A condition of a transaction. Only equality is used, which is the number 0 and so is never written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Compare {
    /// What is compared.
    #[prost(enumeration = "CompareTarget", tag = "2")]
    pub target: i32,
    /// Of which key.
    #[prost(bytes = "vec", tag = "3")]
    pub key: Vec<u8>,
    /// With which number.
    #[prost(oneof = "Number", tags = "5")]
    pub number: Option<Number>,
}

/// What a key's property is compared with.
#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub enum Number {
    /// The revision of its creation.
    #[prost(int64, tag = "5")]
    CreateRevision(i64),
}

impl Compare {
    /// That the key was created at this revision; with 0, that it does not exist.
    pub fn created_at(key: &[u8], revision: i64) -> Self {
        Self {
            target: CompareTarget::Create.into(),
            key: key.to_vec(),
            number: Some(Number::CreateRevision(revision)),
        }
    }
}

/// Steps that happen together, if all conditions hold.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnRequest {
    /// The conditions.
    #[prost(message, repeated, tag = "1")]
    pub compare: Vec<Compare>,
    /// What to do if all hold.
    #[prost(message, repeated, tag = "2")]
    pub success: Vec<RequestOp>,
    /// What to do otherwise.
    #[prost(message, repeated, tag = "3")]
    pub failure: Vec<RequestOp>,
}

/// What came of a transaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TxnResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Whether all conditions held.
    #[prost(bool, tag = "2")]
    pub succeeded: bool,
    /// The results, in the order of the steps.
    #[prost(message, repeated, tag = "3")]
    pub responses: Vec<ResponseOp>,
}

impl TxnResponse {
    /// The keys that the first read of the transaction found.
    pub fn into_range(self) -> Vec<KeyValue> {
        let mut outcomes = self.responses.into_iter().filter_map(|step| step.outcome);
        outcomes
            .find_map(|outcome| match outcome {
                Outcome::Range(range) => Some(range.kvs),
                _ => None,
            })
            .unwrap_or_default()
    }
}

/// Forgets what was before a revision.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CompactionRequest {
    /// The first revision that stays.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// Whether to wait until it is gone from the disk.
    #[prost(bool, tag = "2")]
    pub physical: bool,
}

/// It is forgotten.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CompactionResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}
