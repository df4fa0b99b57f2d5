//! gRPC as far as etcd needs it: a message in a frame, a call in an HTTP/2 stream, a status in the trailers.
//!
//! The wire format is that of gRPC's `PROTOCOL-HTTP2.md`: each message is preceded by a byte that says whether it is
//! compressed (ours never are) and by its length in four bytes.

use std::fmt;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Uri};
use ops_coordinator_excerpt::{LONG, excerpt};
use prost::Message;

/// A frame's length before its message.
const PREFIX: usize = 5;
/// No answer to any of our calls comes near this; a larger one is a mistake.
const LARGEST: usize = 256 << 20;

/// The number of a gRPC status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// Success.
    pub const OK: Self = Self(0);
    /// Neither success nor a known failure.
    pub const UNKNOWN: Self = Self(2);
    /// The request makes no sense to the server.
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// The server gave up.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// There is no such thing, for example a lease.
    pub const NOT_FOUND: Self = Self(5);
    /// The user may not.
    pub const PERMISSION_DENIED: Self = Self(7);
    /// Space or another quota is used up.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// The state of things does not allow it, for example a lease that exists already.
    pub const FAILED_PRECONDITION: Self = Self(9);
    /// The server cannot now.
    pub const UNAVAILABLE: Self = Self(14);
    /// The server does not know who asks.
    pub const UNAUTHENTICATED: Self = Self(16);
}

/// How a call ended, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The number.
    pub code: Code,
    /// The text.
    pub message: String,
}

impl Status {
    /// The status in the headers or trailers, if there is one.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
        let message = headers
            .get("grpc-message")
            .map(|text| percent_decoded(text.as_bytes()));
        Some(Self {
            code: Code(code),
            message: message.unwrap_or_default(),
        })
    }

    /// Whether another server, or the same one a moment later, may well answer.
    pub(crate) fn may_pass(&self) -> bool {
        // A member that has lost its leader answers some calls so, with a code that says nothing.
        let passing = [
            "etcdserver: no leader",
            "request timed out",
            "leader changed",
            "context deadline exceeded",
            "context canceled",
        ];
        matches!(self.code, Code::UNAVAILABLE | Code::DEADLINE_EXCEEDED)
            || passing.iter().any(|words| self.message.contains(words))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.is_empty() {
            true => write!(f, "gRPC status {}", self.code.0),
            false => excerpt(&self.message).up_to(LONG).fmt(f),
        }
    }
}

fn percent_decoded(text: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escaped.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A message as it goes over the wire.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    framed.extend_from_slice(&message.encode_to_vec());
    framed.freeze()
}

/// Puts messages together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub(crate) struct Frames(BytesMut);

impl Frames {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// The next whole message, or `None` until more has arrived.
    pub(crate) fn next<M: Message + Default>(&mut self) -> Result<Option<M>, String> {
        let Some(&[compressed, a, b, c, d]) = self.0.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if compressed != 0 || length > LARGEST {
            return Err("a frame that is compressed or too long".to_owned());
        }
        if self.0.len() < PREFIX + length {
            return Ok(None);
        }
        let framed = self.0.split_to(PREFIX + length);
        let message = M::decode(&framed[PREFIX..]);
        message.map(Some).map_err(|error| error.to_string())
    }
}

/// The head of a call.
pub(crate) fn request(
    scheme: &str,
    authority: &str,
    path: &str,
    timeout: Option<Duration>,
) -> Result<Request<()>, http::Error> {
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path)
        .build()?;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header("te", "trailers")
        .header("content-type", "application/grpc+proto")
        .header(
            "user-agent",
            concat!("ops-coordinator/", env!("CARGO_PKG_VERSION")),
        );
    request = match timeout {
        // The number has eight digits at most.
        Some(time) => request.header(
            "grpc-timeout",
            format!("{}m", time.as_millis().clamp(1, 99_999_999)),
        ),
        // A stream: the server is to end it when it loses sight of the leader, instead of falling silent.
        None => request.header("hasleader", "true"),
    };
    request.body(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::lease::LeaseGrantRequest;

    #[test]
    fn a_message_survives_in_whatever_pieces_it_arrives() {
        let message = LeaseGrantRequest { ttl: 15, id: -7 };
        let wire = [frame(&message), frame(&message)].concat();
        for size in 1..wire.len() {
            let mut frames = Frames::default();
            let mut whole = Vec::new();
            for piece in wire.chunks(size) {
                frames.push(piece);
                while let Some(next) = frames.next::<LeaseGrantRequest>().unwrap() {
                    whole.push(next);
                }
            }
            assert_eq!(
                whole,
                [message.clone(), message.clone()],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_compressed_or_endless_frame_is_an_error() {
        for wire in [&[1, 0, 0, 0, 0], &[0, 255, 0, 0, 0]] {
            let mut frames = Frames::default();
            frames.push(wire);
            assert!(frames.next::<LeaseGrantRequest>().is_err());
        }
    }

    #[test]
    fn a_status_is_read_from_the_trailers() {
        let mut trailers = HeaderMap::new();
        assert_eq!(Status::of(&trailers), None);
        trailers.insert("grpc-status", "5".parse().unwrap());
        trailers.insert("grpc-message", "no%20such 100%".parse().unwrap());
        let status = Status::of(&trailers).unwrap();
        assert_eq!(
            (status.code, status.to_string()),
            (Code::NOT_FOUND, "no such 100%".to_owned())
        );
    }
}
