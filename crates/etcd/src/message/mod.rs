//! The messages of etcd's gRPC API that the line needs, kept by hand so that a build needs no `protoc`.
//!
//! Field numbers and types are those of etcd's `api/etcdserverpb/rpc.proto` and `api/mvccpb/kv.proto`, which are the
//! same in 3.4, 3.5 and 3.6; the API is stable within version 3. Fields that nothing here reads are left out: protobuf
//! skips what it does not know.

pub mod kv;
pub mod lease;
pub mod watch;

/// What every answer begins with.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ResponseHeader {
    /// The revision of the store when the answer was given.
    #[prost(int64, tag = "3")]
    pub revision: i64,
}

/// The end of a range that covers every key with this prefix. Empty, as etcd wants it, when there is no such end.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(prefix_end(b"line/"), b"line0");
        assert_eq!(prefix_end(b"a\xff"), b"b");
        assert_eq!(prefix_end(b"\xff\xff"), b"\0", "to the end of all keys");
    }
}
