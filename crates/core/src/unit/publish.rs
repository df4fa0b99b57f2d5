//! What a hook leaves behind: the record for the databag, and the journal.

use std::collections::BTreeMap;

use super::Unit;
use crate::{Journal, LockName, LockRecord, Reading, encode_record, invariant};

impl Unit {
    /// The record to write to the unit's databag, if it differs from the one read or written before.
    pub(crate) fn publish(&mut self) -> Option<String> {
        let value = self.poll_record()?;
        self.read = Reading::Good(self.record.clone());
        self.uncommitted = true;
        Some(value)
    }

    pub(super) fn poll_record(&self) -> Option<String> {
        let foreign = self.is_foreign();
        // Publish that earlier lives are over even without a request, because no other unit can.
        let silent = self.record.locks.is_empty()
            && self.record.replaces.is_empty()
            && self.record.beyond.is_none()
            && !self.introduced;
        let nothing_to_say = self.read == Reading::Absent && silent;
        let unchanged = self.read.good() == Some(&self.record);
        (!foreign && !nothing_to_say && !unchanged).then(|| encode_record(&self.record))
    }

    /// The journal to store, if it differs from `kept`.
    pub(crate) fn poll_journal(&self, kept: &Journal) -> Option<Journal> {
        let nothing_to_say =
            kept.incarnation.is_none() && self.journal.locks.is_empty() && !self.introduced;
        (!nothing_to_say && &self.journal != kept).then(|| self.journal.clone())
    }

    /// The value that this hook read back from the unit's databag, if it is committed and complete, for
    /// [`Journal::waiting`].
    pub(crate) fn confirmed(&self) -> Option<&BTreeMap<LockName, LockRecord>> {
        let committed = !self.uncommitted && self.read.good() == Some(&self.record);
        committed.then_some(&self.record.locks)
    }

    /// Whether the unit's own databag has a version unknown to this code, so that it is left alone.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.read, Reading::Foreign(_))
    }

    pub(super) fn publish_journal(&mut self) {
        self.journal.incarnation = Some(self.record.incarnation.clone());
        self.journal.write_to(&mut self.record);
        self.say_what_has_begun();
        self.hold_invariants();
    }

    pub(super) fn hold_invariants(&self) {
        invariant::hold(|| invariant::record_is_sound(&self.record));
        if let Reading::Good(before) = &self.read {
            invariant::hold(|| invariant::counters_only_grow(before, &self.record));
        }
    }
}
