//! What a request asks for.

use serde_json::Value;

/// What a request asks for; opaque here. It stays on the unit's own disk: no other unit needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload {
    /// The payload; `None` if there is none.
    pub value: Option<Value>,
    /// Whether some of it was lost with an earlier journal.
    pub lost: bool,
}
