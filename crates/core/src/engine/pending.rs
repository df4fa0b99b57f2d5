//! A line that a hook could not write in time, and the short visit that writes it.
//!
//! The leader may write the line only within 25 s of reading it, and Juju returns the first result for every read in
//! the same hook. So a hook that takes longer saves the line to disk, and a waker runs a visit in a separate context,
//! without any of the charm's code. The visit reads the line again and writes the new one if nothing has changed, because
//! the new line is then as valid as before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::leader::WRITE_WITHIN;
use crate::{RelationId, Tick};

/// A line waiting to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub(super) relation: RelationId,
    /// The value from which it was computed.
    pub(super) base: Option<String>,
    /// The hook's value of the unit's own databag. If Juju did not commit that, the line relies on a record that
    /// nobody can see.
    #[serde(default)]
    pub(super) own: Option<String>,
    /// The lines of other endpoints on which this one depends, by relation.
    #[serde(default)]
    pub(super) others: BTreeMap<RelationId, Option<String>>,
    pub(super) line: String,
}

/// What the visit finds, read in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// When it began to read.
    pub read_at: Tick,
    /// Whether the unit leads.
    pub leader: bool,
    /// The line of [`Pending::relation`].
    pub line: Option<String>,
    /// The unit's own value there.
    pub own: Option<String>,
    /// The lines of [`Pending::others`].
    pub others: BTreeMap<RelationId, Option<String>>,
    /// The time after all that was read.
    pub now: Tick,
}

/// What the visit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Write this line. The pending one stays: should Juju not commit the write, the waker runs another visit, and
    /// should it, that visit finds that nothing is left to do.
    Write(&'a str),
    /// Something has changed, so drop it: a hook will compute the line anew.
    Drop,
    /// Reading took too long, in milliseconds. Fail, so that the waker tries again.
    TooLate(u64),
}

impl Pending {
    /// The relation in which the line is to be written.
    pub fn relation(&self) -> &RelationId {
        &self.relation
    }

    /// The relations of other endpoints on whose lines it depends.
    pub fn others(&self) -> impl Iterator<Item = &RelationId> {
        self.others.keys()
    }

    /// What to do, given what the visit has found. The line is written only if the unit still leads, the present line
    /// is the one from which it was computed, and the hook's own writes are public.
    pub fn verdict(&self, found: &Found) -> Verdict<'_> {
        let as_left =
            found.line == self.base && found.own == self.own && found.others == self.others;
        let took = found.now.0.saturating_sub(found.read_at.0);
        match took {
            _ if !found.leader || !as_left => Verdict::Drop,
            WRITE_WITHIN.. => Verdict::TooLate(took),
            _ => Verdict::Write(&self.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> (Pending, Found) {
        let text = |text: &str| Some(text.to_owned());
        let others = BTreeMap::from([(RelationId::new("peers:1"), text("old"))]);
        let pending = Pending {
            relation: RelationId::new("coordinator:3"),
            base: text("line"),
            own: text("record"),
            others: others.clone(),
            line: "new line".to_owned(),
        };
        let found = Found {
            read_at: Tick(100),
            leader: true,
            line: text("line"),
            own: text("record"),
            others,
            now: Tick(101),
        };
        (pending, found)
    }

    #[test]
    fn a_pending_line_is_written_only_if_all_is_as_it_was_left() {
        let (pending, found) = pending();
        assert_eq!(pending.verdict(&found), Verdict::Write("new line"));
        let changes: [fn(&mut Found); 4] = [
            |found| found.leader = false,
            |found| found.line = None,
            |found| found.own = None,
            |found| found.others.clear(),
        ];
        for change in changes {
            let mut found = found.clone();
            change(&mut found);
            assert_eq!(pending.verdict(&found), Verdict::Drop, "{found:?}");
        }
    }

    #[test]
    fn a_pending_line_that_was_read_too_slowly_waits_for_another_visit() {
        let (pending, mut found) = pending();
        found.now = Tick(100 + WRITE_WITHIN);
        assert_eq!(pending.verdict(&found), Verdict::TooLate(WRITE_WITHIN));
    }
}
