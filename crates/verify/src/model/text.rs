//! Databag values and files as small numbers, so that a state is a few bytes.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};

/// A text, or its absence. Equal texts are equal numbers within a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Text(u32);

#[derive(Default)]
struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

static TEXTS: LazyLock<RwLock<Texts>> = LazyLock::new(RwLock::default);

impl Text {
    /// No text.
    pub(crate) const ABSENT: Self = Self(0);

    pub(crate) fn new(text: &str) -> Self {
        if let Ok(texts) = TEXTS.read()
            && let Some(&number) = texts.numbers.get(text)
        {
            return Self(number);
        }
        let Ok(mut texts) = TEXTS.write() else {
            return Self::ABSENT;
        };
        if let Some(&number) = texts.numbers.get(text) {
            return Self(number);
        }
        let text: Arc<str> = text.into();
        texts.texts.push(Arc::clone(&text));
        let number = u32::try_from(texts.texts.len()).unwrap_or(u32::MAX);
        texts.numbers.insert(text, number);
        Self(number)
    }

    pub(crate) fn get(self) -> Option<Arc<str>> {
        let index = self.0.checked_sub(1)? as usize;
        TEXTS.read().ok()?.texts.get(index).cloned()
    }
}
