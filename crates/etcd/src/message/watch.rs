//! `etcdserverpb.Watch`: what becomes of keys, as it happens.

use super::ResponseHeader;
use super::kv::KeyValue;

/// What a client says on a watch stream.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WatchRequest {
    /// What it says.
    #[prost(oneof = "Ask", tags = "1, 2")]
    pub ask: Option<Ask>,
}

/// The kinds of requests.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Ask {
    /// Begin to watch.
    #[prost(message, tag = "1")]
    Create(WatchCreateRequest),
    /// Stop.
    #[prost(message, tag = "2")]
    Cancel(WatchCancelRequest),
}

/// What a watch need not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Filter {
    /// Writes.
    NoPut = 0,
    /// Deletions.
    NoDelete = 1,
}

/// Begins to watch a key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WatchCreateRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The key after the last one; empty for a single key.
    #[prost(bytes = "vec", tag = "2")]
    pub range_end: Vec<u8>,
    /// The first revision to tell about.
    #[prost(int64, tag = "3")]
    pub start_revision: i64,
    /// What not to tell.
    #[prost(enumeration = "Filter", repeated, tag = "5")]
    pub filters: Vec<i32>,
    /// The watch's number on this stream, which the caller chooses.
    #[prost(int64, tag = "7")]
    pub watch_id: i64,
}

/// Stops a watch.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct WatchCancelRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub watch_id: i64,
}

/// What a watch tells.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WatchResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Which watch.
    #[prost(int64, tag = "2")]
    pub watch_id: i64,
    /// It has begun.
    #[prost(bool, tag = "3")]
    pub created: bool,
    /// It has ended, asked or not.
    #[prost(bool, tag = "4")]
    pub canceled: bool,
    /// If what it should tell about is forgotten: the first revision that is not.
    #[prost(int64, tag = "5")]
    pub compact_revision: i64,
    /// Why it has ended.
    #[prost(string, tag = "6")]
    pub cancel_reason: String,
    /// What happened.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
}

/// What happened to a key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Event {
    /// 0 if it was written, 1 if it was deleted.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    /// The key afterwards.
    #[prost(message, optional, tag = "2")]
    pub kv: Option<KeyValue>,
}
