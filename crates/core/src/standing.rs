//! The entry rule itself, for any line: one in a databag, or one kept elsewhere.

/// What the entry rule needs to know of an entry in a line, whatever its tickets look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many operations may run at once, including this one.
    pub limit: u32,
    /// Entries of one wave may run together; a later wave waits until the earlier one is finished.
    pub wave: u32,
}

impl Standing {
    /// Whether an entry may start, given the unfinished entries before it: all of them are in its own wave, and fewer
    /// than `limit`. Leaving one out of `ahead` may let too many in; an entry too many only makes it wait longer.
    ///
    /// ```
    /// use ops_coordinator_core::Standing;
    ///
    /// let entry = Standing { limit: 2, wave: 0 };
    /// assert!(entry.may_start([entry]));
    /// assert!(!entry.may_start([entry, entry]));
    /// ```
    pub fn may_start(self, ahead: impl IntoIterator<Item = Self>) -> bool {
        let mut room = self.limit;
        ahead.into_iter().all(|entry| {
            room = room.saturating_sub(1);
            entry.wave == self.wave && room > 0
        }) && self.limit > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_start_where_the_limit_is_none() {
        assert!(!Standing { limit: 0, wave: 0 }.may_start([]));
        assert!(Standing { limit: 1, wave: 0 }.may_start([]));
    }
}
