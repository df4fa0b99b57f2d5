//! The form of `coordination.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use ops_coordinator_core::policy::{Limit, Rules, Sequence, Waves};
use ops_coordinator_core::{Check, LockName, OnFailure, Recovery};
use ops_coordinator_window::Window;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::{Coordination, Declared, DeclaredCheck, Span, shared};

/// The longest lookahead, as on the command line.
const LOOKAHEAD_MAX: u32 = 32;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "command")]
    available: Option<Vec<String>>,
    #[serde(default)]
    locks: BTreeMap<LockName, Table>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Table {
    limit: Option<Text<Limit>>,
    #[serde(deserialize_with = "sequence")]
    order: Option<Sequence>,
    #[serde(deserialize_with = "command")]
    order_command: Option<Vec<String>>,
    waves: Option<Text<Waves>>,
    canary: bool,
    #[serde(deserialize_with = "lookahead")]
    lookahead: Option<u32>,
    max_unavailable: Option<Text<Limit>>,
    window: Option<Several<Text<Window>>>,
    #[serde(deserialize_with = "command")]
    blocker: Option<Vec<String>>,
    on_failure: Option<Text<OnFailure>>,
    #[serde(deserialize_with = "command")]
    check: Option<Vec<String>>,
    soak: Option<Text<Span>>,
    check_within: Option<Text<Span>>,
    max_retry: Option<u16>,
    back_off: Option<Text<Span>>,
    shared: Option<shared::Table>,
}

/// What the text declares, or the line and what is wrong in it.
pub(super) fn parse(text: &str) -> Result<Coordination, (Option<usize>, String)> {
    let file: File = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        (line, error.message().trim().replace('\n', "; "))
    })?;
    if let Some(wrong) = file.contradiction() {
        return Err((None, wrong));
    }
    let mut locks = BTreeMap::new();
    for (lock, table) in file.locks {
        if let Some(wrong) = table.contradiction() {
            return Err((None, format!("lock {lock}: {wrong}")));
        }
        locks.insert(lock, table.declared());
    }
    Ok(Coordination {
        available: file.available,
        locks,
    })
}

impl File {
    /// What does not fit over all locks.
    fn contradiction(&self) -> Option<String> {
        let mut locks = self.locks.iter();
        let limited = locks.find(|(_, table)| table.max_unavailable.is_some());
        match (limited, &self.available) {
            (Some((lock, _)), None) => Some(format!(
                "lock {lock}: max-unavailable needs a command that succeeds while a unit is available: add available = \
                 \"./is-available\" above the locks"
            )),
            (None, Some(_)) => Some(
                "available is for max-unavailable; give that to a lock, or leave it out".to_owned(),
            ),
            _ => None,
        }
    }
}

impl Table {
    /// Which keys do not fit each other.
    fn contradiction(&self) -> Option<&'static str> {
        let retries = self
            .on_failure
            .as_ref()
            .is_none_or(|mode| mode.0 == OnFailure::Retry);
        if !retries && (self.max_retry.is_some() || self.back_off.is_some()) {
            return Some("max-retry and back-off are for on-failure = \"retry\"");
        }
        if self.order.is_some() && self.order_command.is_some() {
            return Some("order and order-command contradict each other; keep one");
        }
        if self.check_within.is_some() && self.check.is_none() {
            return Some("check-within is for a check; add one, or leave it out");
        }
        self.shared.as_ref().and_then(shared::Table::contradiction)
    }

    fn declared(self) -> Declared {
        let demands = Check {
            soak: self.soak.as_ref().map_or(0, |soak| soak.0.0),
            within: self
                .check_within
                .map_or(DeclaredCheck::WITHIN, |within| within.0.0),
        };
        let has_check = self.check.is_some() || self.soak.is_some();
        let default = Rules::default();
        let window = self.window.map(|several| several.0).unwrap_or_default();
        Declared {
            rules: Rules {
                limit: self.limit.map_or(default.limit, |limit| limit.0),
                sequence: self.order.unwrap_or(default.sequence),
                waves: self.waves.map_or(default.waves, |waves| waves.0),
                canary: self.canary,
                lookahead: self.lookahead.unwrap_or(default.lookahead),
                max_unavailable: self.max_unavailable.map(|most| most.0),
            },
            order_command: self.order_command,
            windows: window.into_iter().map(|window| window.0).collect(),
            blocker: self.blocker,
            shared: self.shared.map(shared::Table::declared),
            check: has_check.then_some(DeclaredCheck {
                command: self.check,
                demands,
            }),
            recovery: Recovery {
                on_failure: self
                    .on_failure
                    .map_or_else(OnFailure::default, |mode| mode.0),
                max_retry: self.max_retry,
                back_off: self.back_off.map_or(0, |wait| wait.0.0),
            },
        }
    }
}

fn sequence<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Sequence>, D::Error> {
    let units = Several::<String>::deserialize(from)?.0.join(",");
    units.parse().map(Some).map_err(D::Error::custom)
}

fn lookahead<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let number = u32::deserialize(from)?;
    if number > LOOKAHEAD_MAX {
        let wrong = format!("a lookahead is at most {LOOKAHEAD_MAX}");
        return Err(D::Error::custom(wrong));
    }
    Ok(Some(number))
}

fn command<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let several = Several::<String>::deserialize(from)?;
    // One text is a command without an argument that contains a blank.
    let words = match several.0.as_slice() {
        [one] => words(one),
        words => words.to_vec(),
    };
    if words.first().is_none_or(String::is_empty) {
        let wrong = "a command is a text or a list of words: [\"./healthy\", \"now\"]";
        return Err(D::Error::custom(wrong));
    }
    Ok(Some(words))
}

/// The words of a command that is one text.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A value that is written as a text or a whole number.
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Words<T>(PhantomData<T>);
        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Words<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Text<T>, E> {
                self.visit_str(&number.to_string())
            }
        }
        from.deserialize_any(Words(PhantomData))
    }
}

/// One value, or a list of them.
pub(super) struct Several<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMore<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMore<T> {
            type Value = Several<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Several<T>, E> {
                let one = serde::de::value::StrDeserializer::new(text);
                Ok(Several(vec![T::deserialize(one)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Several<T>, A::Error> {
                let mut several = Vec::new();
                while let Some(one) = list.next_element()? {
                    several.push(one);
                }
                Ok(Several(several))
            }
        }
        from.deserialize_any(OneOrMore(PhantomData))
    }
}
