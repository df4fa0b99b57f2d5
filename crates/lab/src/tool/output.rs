//! Output in Juju's three formats.

use std::fmt::Write as _;

use serde_json::Value;

/// How a tool prints its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Smart,
    Json,
    Yaml,
}

/// Prints a value.
pub(super) fn print(value: &Value, format: Format) -> Vec<u8> {
    let text = match format {
        Format::Json => json(value) + "\n",
        Format::Yaml => yaml(value),
        Format::Smart => smart(value),
    };
    text.into_bytes()
}

/// Go's encoder escapes what could end a script in a web page.
fn json(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(['<', '>', '&']) {
        return text;
    }
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn smart(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("{text}\n"),
        Value::Bool(true) => "True\n".to_owned(),
        Value::Bool(false) => "False\n".to_owned(),
        Value::Array(items) if items.iter().all(Value::is_string) => items
            .iter()
            .filter_map(Value::as_str)
            .fold(String::new(), |mut text, item| {
                let _ = writeln!(text, "{item}");
                text
            }),
        other => yaml(other),
    }
}

fn yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Null => return text,
        Value::Object(map) if !map.is_empty() => write_map(&mut text, map, 0),
        Value::Array(items) if !items.is_empty() => write_list(&mut text, items, 0),
        other => {
            let _ = writeln!(text, "{}", scalar(other));
        }
    }
    text
}

fn write_map(text: &mut String, map: &serde_json::Map<String, Value>, depth: usize) {
    for (key, value) in map {
        let _ = write!(text, "{:depth$}{}:", "", string(key));
        write_value(text, value, depth);
    }
}

fn write_list(text: &mut String, items: &[Value], depth: usize) {
    for item in items {
        let mut inner = String::new();
        match item {
            Value::Object(map) if !map.is_empty() => write_map(&mut inner, map, depth + 2),
            Value::Array(items) if !items.is_empty() => write_list(&mut inner, items, depth + 2),
            other => inner = format!("{:width$}{}\n", "", scalar(other), width = depth + 2),
        }
        let _ = write!(text, "{:depth$}- {}", "", &inner[depth + 2..]);
    }
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write_map(text, map, depth + 2);
        }
        // Go's encoder does not indent lists within maps.
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            write_list(text, items, depth);
        }
        other => {
            let _ = writeln!(text, " {}", scalar(other));
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        other => other.to_string(),
    }
}

/// A string, quoted if it would read as anything else. A JSON string is a YAML string.
fn string(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-+@ ".contains(c) || !c.is_ascii();
    let ambiguous = matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let safe_start = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    // Addresses have more than one dot, so that they are no numbers.
    let address = text.starts_with(|c: char| c.is_ascii_digit())
        && text.matches('.').count() > 1
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.' || b == b'/');
    let safe = text.chars().all(plain) && !text.ends_with(' ') && !ambiguous;
    if safe && (safe_start || address) {
        return text.to_owned();
    }
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: &Value, format: Format) -> String {
        String::from_utf8(print(value, format)).unwrap()
    }

    #[test]
    fn smart_output_is_bare() {
        assert_eq!(shown(&json!(true), Format::Smart), "True\n");
        assert_eq!(shown(&json!(null), Format::Smart), "");
        assert_eq!(shown(&json!(""), Format::Smart), "");
        assert_eq!(shown(&json!("some text"), Format::Smart), "some text\n");
        assert_eq!(
            shown(&json!(["app/1", "app/2"]), Format::Smart),
            "app/1\napp/2\n"
        );
        assert_eq!(shown(&json!([]), Format::Smart), "");
    }

    #[test]
    fn maps_are_yaml_unless_json_is_asked_for() {
        let value = json!({"address": "10.0.0.1", "number": "7", "switch": "true", "empty": {}});
        let yaml = "address: 10.0.0.1\nempty: {}\nnumber: \"7\"\nswitch: \"true\"\n";
        assert_eq!(shown(&value, Format::Smart), yaml);
        assert_eq!(shown(&value, Format::Yaml), yaml);
        assert_eq!(shown(&json!({}), Format::Smart), "{}\n");
    }

    #[test]
    fn json_is_compact_and_escaped_as_go_does() {
        assert_eq!(
            shown(&json!({"a": "<b>"}), Format::Json),
            "{\"a\":\"\\u003cb\\u003e\"}\n"
        );
        assert_eq!(shown(&json!(null), Format::Json), "null\n");
    }

    #[test]
    fn nested_yaml_reads_back_as_it_was() {
        let value = json!({
            "list": [{"a": "1", "b": ["x", "y: z"]}, "two\nlines", ["in", "in"]],
            "map": {"deep": {"er": 1.5, "no": null}},
            "awkward": ["- x", "#", "a: b", " lead", "1e3", "0x1", "'q'", "10.0.0.1/32"],
        });
        let back: Value = serde_saphyr::from_str(&shown(&value, Format::Yaml)).unwrap();
        assert_eq!(back, value);
    }
}
