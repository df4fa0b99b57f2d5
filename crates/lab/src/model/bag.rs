//! One databag: values and a version that tells watchers of a change.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What a databag holds.
pub(crate) type Values = BTreeMap<String, String>;

/// A committed databag. Reading it is free: readers share the values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bag {
    values: Arc<Values>,
    version: u64,
}

impl Bag {
    /// A bag as it is when a unit enters a relation: the counter is 0, whatever the bag contains.
    pub(crate) fn seeded(values: Values, hashes: bool) -> Self {
        let version = if hashes { hash(&values) } else { 0 };
        Self {
            values: Arc::new(values),
            version,
        }
    }

    pub(crate) fn values(&self) -> &Arc<Values> {
        &self.values
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Applies what a commit sends: each value as given, an empty one deletes. Returns the keys that
    /// really changed; the version moves only if there are any.
    pub(crate) fn apply(&mut self, wanted: &Values, hashes: bool) -> Vec<String> {
        let changed: Vec<String> = wanted
            .iter()
            .filter(|(key, value)| self.values.get(*key).map_or("", String::as_str) != *value)
            .map(|(key, _)| key.clone())
            .collect();
        if changed.is_empty() {
            return changed;
        }
        let values = Arc::make_mut(&mut self.values);
        for key in &changed {
            let value = &wanted[key];
            if value.is_empty() {
                values.remove(key);
            } else {
                values.insert(key.clone(), value.clone());
            }
        }
        self.version = if hashes {
            hash(values)
        } else {
            self.version + 1
        };
        changed
    }
}

/// A hash of the contents (FNV-1a); 0 for an empty bag, as nothing and an unknown bag are the same.
fn hash(values: &Values) -> u64 {
    if values.is_empty() {
        return 0;
    }
    let texts = values
        .iter()
        .flat_map(|(key, value)| [key.as_bytes(), b"\0", value.as_bytes(), b"\0"]);
    fnv(texts)
}

/// FNV-1a over several byte strings.
pub(crate) fn fnv<'a>(texts: impl Iterator<Item = &'a [u8]>) -> u64 {
    texts.flatten().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs
            .iter()
            .map(|&(k, v)| (k.to_owned(), v.to_owned()))
            .collect()
    }

    #[test]
    fn writing_what_is_there_already_moves_no_version() {
        let mut bag = Bag::default();
        assert_eq!(bag.apply(&values(&[("a", "1")]), false), ["a"]);
        let version = bag.version();
        assert!(
            bag.apply(&values(&[("a", "1"), ("b", "")]), false)
                .is_empty()
        );
        assert_eq!(bag.version(), version);
    }

    #[test]
    fn a_counter_sees_there_and_back_but_a_hash_does_not() {
        for hashes in [false, true] {
            let mut bag = Bag::default();
            bag.apply(&values(&[("a", "1")]), hashes);
            let before = bag.version();
            bag.apply(&values(&[("a", "2")]), hashes);
            bag.apply(&values(&[("a", "1")]), hashes);
            assert_eq!(bag.version() == before, hashes);
        }
    }

    #[test]
    fn an_empty_value_deletes() {
        let mut bag = Bag::seeded(values(&[("a", "1")]), true);
        bag.apply(&values(&[("a", "")]), true);
        assert!(bag.values().is_empty());
        assert_eq!(bag.version(), 0);
    }
}
