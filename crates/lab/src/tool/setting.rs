//! Settings read from a file: a flat map of scalars, in YAML or JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::halt::{Halt, failure};

/// Reads `key: value` pairs. Numbers and truth values become text; nothing becomes an empty value, which deletes.
pub(super) fn parse(contents: &[u8]) -> Result<BTreeMap<String, String>, Halt> {
    let Ok(text) = std::str::from_utf8(contents) else {
        return failure("cannot read settings: the file is not UTF-8");
    };
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => match serde_saphyr::from_str(text) {
            Ok(value) => value,
            Err(error) => return failure(format!("cannot parse settings: {error}")),
        },
    };
    let map = match value {
        Value::Object(map) => map,
        Value::Null => return Ok(BTreeMap::new()),
        _ => return failure("cannot parse settings: expected a map of keys and values"),
    };
    map.into_iter()
        .map(|(key, value)| Ok((check(key.clone())?, scalar(&key, value)?)))
        .collect()
}

fn check(key: String) -> Result<String, Halt> {
    if key.is_empty() {
        failure("cannot parse settings: a key is empty")
    } else {
        Ok(key)
    }
}

fn scalar(key: &str, value: Value) -> Result<String, Halt> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => failure(format!(
            "cannot parse settings: the value of {key:?} is not a string"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_are_both_read() {
        let expected = BTreeMap::from([
            ("a".to_owned(), "1: {".to_owned()),
            ("b".to_owned(), String::new()),
            ("c".to_owned(), "3".to_owned()),
        ]);
        assert_eq!(
            parse(b"{\"a\": \"1: {\", \"b\": \"\", \"c\": 3}").unwrap(),
            expected
        );
        assert_eq!(parse(b"a: '1: {'\nb:\nc: 3\n").unwrap(), expected);
        assert!(parse(b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_flat_map_is_refused() {
        for text in ["[1]", "a: {b: c}", "text", "\u{0}", "a: [1]"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
