//! One attempt to answer a question.

use super::need::Known;
use super::{Effect, Facts};
use crate::{Moment, News, Tick, Wall};

/// One attempt to answer a question: what it can use, and what comes of it. If something has to be known first, all
/// that came of it is dropped, and the next attempt begins anew.
pub(super) struct Round<'a> {
    pub(super) facts: &'a Facts,
    pub(super) known: &'a Known,
    pub(super) now: Tick,
    pub(super) wall: Option<Wall>,
    pub(super) effects: Vec<Effect>,
    pub(super) warnings: Vec<String>,
    pub(super) news: Vec<News>,
}

impl Round<'_> {
    /// The present time on the unit's own clock, for what outlives this process.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            boot: self.facts.boot.clone(),
            at: self.now,
        }
    }

    pub(super) fn tell(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }
}
