//! Reads TOML manually, so that every error has its line and what was expected.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use ops_coordinator_excerpt::{LONG, excerpt};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::{parse_duration, parse_offset};
use super::error::ScenarioError;

/// A file and its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn document(self) -> Result<Spanned<DeTable<'a>>, ScenarioError> {
        DeTable::parse(self.text).map_err(|error| {
            self.error(
                error.span().unwrap_or(0..0),
                excerpt(error.message()).up_to(LONG).to_string(),
            )
        })
    }

    fn error(self, at: Range<usize>, problem: impl Into<String>) -> ScenarioError {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        ScenarioError {
            file: self.file.to_owned(),
            line: Some(line),
            problem: problem.into(),
            hint: None,
        }
    }
}

/// A table, and how to call it in an error.
pub(super) struct Table<'a> {
    what: &'static str,
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    source: Source<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        what: &'static str,
        entries: &'a DeTable<'a>,
        span: Range<usize>,
        source: Source<'a>,
    ) -> Self {
        Self {
            what,
            entries,
            span,
            source,
        }
    }

    /// Refuses any key that is not in `keys`.
    pub(super) fn allow_only(&self, keys: &[&str]) -> Result<(), ScenarioError> {
        // The first in the file, not in the alphabet.
        let unknown = self
            .entries
            .keys()
            .filter(|key| !keys.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        let name = key.get_ref();
        let advice = match closest(name, keys) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", keys.join(", ")),
        };
        let problem = format!("{} has no key `{}`", self.what, excerpt(name));
        Err(ScenarioError {
            hint: Some(advice),
            ..self.source.error(key.span(), problem)
        })
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        let value = self.entries.get(key)?;
        Some(Item {
            key: key.to_owned(),
            value,
            source: self.source,
        })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of `key` as `read` understands it, if it is there.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Item<'a>) -> Result<T, ScenarioError>,
    ) -> Result<Option<T>, ScenarioError> {
        self.get(key).map(read).transpose()
    }

    /// The value of `key`, which must be there.
    pub(super) fn required(&self, key: &'static str) -> Result<Item<'a>, ScenarioError> {
        self.get(key)
            .ok_or_else(|| self.error(format!("{} needs the key `{key}`", self.what)))
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, problem: impl Into<String>) -> ScenarioError {
        // A table of its own starts at its header, which is the line that a reader looks for.
        self.source.error(self.span.clone(), problem)
    }
}

/// One value, and the key that it stands under.
pub(super) struct Item<'a> {
    key: String,
    value: &'a Spanned<DeValue<'a>>,
    source: Source<'a>,
}

impl<'a> Item<'a> {
    pub(super) fn error(&self, problem: impl Into<String>) -> ScenarioError {
        self.source.error(self.value.span(), problem)
    }

    fn mismatch(&self, wanted: &str) -> ScenarioError {
        let found = describe(self.value.get_ref());
        let key = excerpt(&self.key);
        self.error(format!("`{key}` must be {wanted}, not {found}"))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }

    pub(super) fn text(&self, wanted: &str) -> Result<&'a str, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(text.as_ref()),
            _ => Err(self.mismatch(wanted)),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ScenarioError> {
        let names: Vec<_> = words
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let wanted = format!("one of {}", names.join(", "));
        let text = self.text(&wanted)?;
        let found = words.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| self.mismatch(&wanted))
    }

    pub(super) fn whole(&self, least: u64, most: u64) -> Result<u64, ScenarioError> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| {
                let bounds = match most {
                    u64::MAX => format!("from {least} upwards"),
                    _ => format!("from {least} to {most}"),
                };
                self.mismatch(&format!("a whole number {bounds}"))
            })
    }

    /// A whole number of things.
    pub(super) fn count(&self, least: u32, most: u32) -> Result<u32, ScenarioError> {
        let number = self.whole(least.into(), most.into())?;
        Ok(u32::try_from(number).unwrap_or(most))
    }

    pub(super) fn flag(&self) -> Result<bool, ScenarioError> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.mismatch("true or false")),
        }
    }

    pub(super) fn duration(&self) -> Result<u64, ScenarioError> {
        let wanted = "a duration such as 500ms, 2s, 5m or 1h";
        parse_duration(self.text(wanted)?).map_err(|_| self.mismatch(wanted))
    }

    pub(super) fn list(&self, wanted: &str) -> Result<Vec<Item<'a>>, ScenarioError> {
        let DeValue::Array(items) = self.value.get_ref() else {
            return Err(self.mismatch(wanted));
        };
        Ok(items
            .iter()
            .map(|value| Item {
                key: self.key.clone(),
                value,
                source: self.source,
            })
            .collect())
    }

    pub(super) fn table(&self, what: &'static str) -> Result<Table<'a>, ScenarioError> {
        match self.value.get_ref() {
            DeValue::Table(entries) => {
                Ok(Table::new(what, entries, self.value.span(), self.source))
            }
            _ => Err(self.mismatch("a table")),
        }
    }

    /// The entries of a table whose keys the author chooses.
    fn entries(&self, wanted: &str) -> Result<Vec<(String, Item<'a>)>, ScenarioError> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            return Err(self.mismatch(wanted));
        };
        let item = |key: &str, value| {
            let path = format!("{}.{key}", self.key);
            (
                key.to_owned(),
                Item {
                    key: path,
                    value,
                    source: self.source,
                },
            )
        };
        Ok(entries
            .iter()
            .map(|(key, value)| item(key.get_ref(), value))
            .collect())
    }

    /// A table of names and whole numbers, such as `{ restart = 1 }`.
    pub(super) fn counts(&self, least: u32) -> Result<BTreeMap<String, u32>, ScenarioError> {
        let entries = self.entries("a table such as { restart = 1 }")?;
        let count = |(name, item): (String, Item<'a>)| Ok((name, item.count(least, 1_000_000)?));
        entries.into_iter().map(count).collect()
    }

    /// A table of units and offsets of their clocks, with the items to which they belong.
    pub(super) fn offsets(&self) -> Result<Vec<(String, Item<'a>, i64)>, ScenarioError> {
        let entries = self.entries("a table such as { \"app/0\" = \"+3h\" }")?;
        let offset = |(name, item): (String, Item<'a>)| {
            let wanted = "an offset such as +3h or -20s";
            let offset = parse_offset(item.text(wanted)?).map_err(|_| item.mismatch(wanted))?;
            Ok((name, item, offset))
        };
        entries.into_iter().map(offset).collect()
    }

    /// A list of names.
    pub(super) fn names(&self) -> Result<Vec<String>, ScenarioError> {
        let items = self.list("a list of names")?.into_iter();
        items
            .map(|item| Ok(item.text("a list of names")?.to_owned()))
            .collect()
    }

    /// A table of names and lists of names.
    pub(super) fn lists(&self) -> Result<BTreeMap<String, Vec<String>>, ScenarioError> {
        let entries = self.entries("a table such as { \"app/0\" = [\"restart\"] }")?;
        let list = |(name, item): (String, Item<'a>)| Ok((name, item.names()?));
        entries.into_iter().map(list).collect()
    }

    /// A table of names and durations, with the items to which they belong.
    pub(super) fn durations(&self) -> Result<Vec<(String, Item<'a>, u64)>, ScenarioError> {
        let entries = self.entries("a table such as { \"app/0\" = \"2s\" }")?;
        let duration = |(name, item): (String, Item<'a>)| {
            let duration = item.duration()?;
            Ok((name, item, duration))
        };
        entries.into_iter().map(duration).collect()
    }

    /// A table of names and words.
    pub(super) fn texts(&self) -> Result<BTreeMap<String, String>, ScenarioError> {
        let entries = self.entries("a table of names and strings")?;
        let text = |(name, item): (String, Item<'a>)| Ok((name, item.text("a string")?.to_owned()));
        entries.into_iter().map(text).collect()
    }

    /// A table of any values.
    pub(super) fn values(&self) -> Result<BTreeMap<String, Value>, ScenarioError> {
        let entries = self.entries("a table such as { message = \"hello\" }")?;
        entries
            .into_iter()
            .map(|(name, item)| Ok((name, item.value()?)))
            .collect()
    }

    fn value(&self) -> Result<Value, ScenarioError> {
        let wanted = "a string, a number, true, false, a list or a table";
        match self.value.get_ref() {
            DeValue::String(text) => Ok(Value::from(text.as_ref())),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::from)
                .map_err(|_| self.mismatch("a 64-bit whole number")),
            DeValue::Float(number) => {
                let number: Option<f64> =
                    number.as_str().parse().ok().filter(|n: &f64| n.is_finite());
                number
                    .map(Value::from)
                    .ok_or_else(|| self.mismatch("a finite number"))
            }
            DeValue::Boolean(flag) => Ok(Value::from(*flag)),
            DeValue::Datetime(_) => Err(self.mismatch(wanted)),
            DeValue::Array(_) => self
                .list(wanted)?
                .iter()
                .map(Item::value)
                .collect::<Result<_, _>>()
                .map(Value::Array),
            DeValue::Table(_) => {
                let entries = self.entries(wanted)?.into_iter();
                let pair = |(key, item): (String, Item<'a>)| Ok((key, item.value()?));
                entries
                    .map(pair)
                    .collect::<Result<Map<_, _>, _>>()
                    .map(Value::Object)
            }
        }
    }
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string \"{}\"", excerpt(text)),
        DeValue::Integer(number) => excerpt(&number.to_string()).to_string(),
        DeValue::Float(number) => excerpt(&number.to_string()).to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// The key that `name` was probably meant to be.
fn closest<'k>(name: &str, keys: &[&'k str]) -> Option<&'k str> {
    let nearest = keys.iter().map(|key| (distance(name, key), *key)).min()?;
    (nearest.0 <= name.len().max(nearest.1.len()) / 3).then_some(nearest.1)
}

/// How many letters must be put in, taken out or changed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, letter) in from.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (column, other) in to.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
