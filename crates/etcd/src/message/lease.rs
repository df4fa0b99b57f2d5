//! `etcdserverpb.Lease`: what makes a key go when its owner does.

use super::ResponseHeader;

/// Asks for a lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseGrantRequest {
    /// How long it lives without being renewed, in seconds.
    #[prost(int64, tag = "1")]
    pub ttl: i64,
    /// Its number, which the caller chooses.
    #[prost(int64, tag = "2")]
    pub id: i64,
}

/// A lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseGrantResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Its number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives, in seconds: at least what was asked for.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Ends a lease, and with it the keys that go with it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseRevokeRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// The lease has ended.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseRevokeResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
}

/// Renews a lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseKeepAliveRequest {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// What a renewal found.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseKeepAliveResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// The lease's number.
    #[prost(int64, tag = "2")]
    pub id: i64,
    /// How long it lives from now, in seconds; 0 or less if there is no such lease.
    #[prost(int64, tag = "3")]
    pub ttl: i64,
}

/// Asks for all leases.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct LeaseLeasesRequest {}

/// All leases.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseLeasesResponse {
    /// The answer's header.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// Each of them.
    #[prost(message, repeated, tag = "2")]
    pub leases: Vec<LeaseStatus>,
}

/// A lease in the list.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeaseStatus {
    /// Its number.
    #[prost(int64, tag = "1")]
    pub id: i64,
}
