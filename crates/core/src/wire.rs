//! Databag values: one JSON object with a major version, decoded without ever failing a hook.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::campaign::{Campaign, CampaignId};
pub use crate::line::{Entry, Line, LockLine, Retry};
pub use crate::reading::{MAJOR, Reading};
pub use crate::record::{LockRecord, Outcome, UnitRecord};

use crate::invariant;

/// The one key that the protocol uses in each databag.
pub const KEY: &str = "ops-coordinator";

/// Reads a unit's record from the value of its key; `None` or empty if the key is absent.
pub fn decode_record(value: Option<&str>) -> Reading<UnitRecord> {
    checked(decode(value), invariant::record_is_sound)
}

/// Reads the line from the value of the application's key; `None` or empty if the key is absent.
pub fn decode_line(value: Option<&str>) -> Reading<Line> {
    checked(decode(value), invariant::line_is_sound)
}

/// The record as the value of the unit's key: compact JSON, at most 450 bytes for one lock.
pub fn encode_record(record: &UnitRecord) -> String {
    encode(record)
}

/// The line as the value of the application's key: compact JSON.
pub fn encode_line(line: &Line) -> String {
    encode(line)
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u64,
    #[serde(flatten)]
    body: &'a T,
}

fn encode<T: Serialize>(body: &T) -> String {
    // Maps with string keys and no custom serialisers: serde_json cannot fail on them.
    serde_json::to_string(&Versioned { v: MAJOR, body }).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(value: Option<&str>) -> Reading<T> {
    let Some(text) = value.filter(|text| !text.is_empty()) else {
        return Reading::Absent;
    };
    let mut fields = match serde_json::from_str::<serde_json::Map<String, Value>>(text) {
        Ok(fields) => fields,
        Err(error) => return Reading::Unreadable(error.to_string()),
    };
    match fields.remove("v").as_ref().map(Value::as_u64) {
        Some(Some(MAJOR)) => {}
        Some(Some(major)) => return Reading::Foreign(major),
        _ => return Reading::Unreadable("no version number 'v'".to_owned()),
    }
    match serde_json::from_value(Value::Object(fields)) {
        Ok(body) => Reading::Good(body),
        Err(error) => Reading::Unreadable(error.to_string()),
    }
}

fn checked<T>(
    reading: Reading<T>,
    check: impl Fn(&T) -> Result<(), invariant::Violation>,
) -> Reading<T> {
    match reading {
        Reading::Good(value) => match check(&value) {
            Ok(()) => Reading::Good(value),
            Err(violation) => Reading::Unreadable(violation.to_string()),
        },
        other => other,
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
