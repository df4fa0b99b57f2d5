//! Values as a context first read them, with what it has written on top.

use std::sync::Arc;

use crate::model::bag::Values;

/// A private copy of a bag.
#[derive(Debug)]
pub(crate) struct Buffer {
    read: Arc<Values>,
    written: Values,
}

impl Buffer {
    pub(crate) fn new(read: Arc<Values>) -> Self {
        Self {
            read,
            written: Values::new(),
        }
    }

    /// A value, with own writes seen.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let value = self.written.get(key).or_else(|| self.read.get(key));
        value.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All values, with own writes seen.
    pub(crate) fn all(&self) -> Values {
        let mut all = self.to_send();
        all.retain(|_, value| !value.is_empty());
        all
    }

    /// Writes a value; an empty one deletes.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.written.insert(key.to_owned(), value.to_owned());
    }

    /// Whether anything was written, be it what was there already.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.written.is_empty()
    }

    /// What a flush sends: everything that was read, not only what was written. So a value that another has
    /// changed since is overwritten with the old one, as in Juju (`api/agent/uniter/settings.go`).
    pub(crate) fn to_send(&self) -> Values {
        let mut all = Values::clone(&self.read);
        all.extend(
            self.written
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        all
    }
}
