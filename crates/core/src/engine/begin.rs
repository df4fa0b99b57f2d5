//! The first reads of a hook: which relation carries the line, whether the unit leads, the line, and the state of
//! the previous hook.

use std::collections::BTreeSet;

use super::round::Round;
use super::site::Site;
use super::{Need, Process, Session};
use crate::{Errand, Reading, RelationId, UnitName, decode_line};

impl Session {
    /// A new hook, after the one `before`.
    pub(super) fn begin(
        round: &Round<'_>,
        endpoint: &str,
        before: Option<&Self>,
    ) -> Result<Self, Need> {
        let mut session = Self::new(&round.facts.context, round.now);
        let remembered = before.filter(|before| !before.doubtful);
        let remembered = remembered.and_then(|before| before.relation.clone());
        session.relation = match remembered.filter(|id| may_be_about(round, endpoint, id)) {
            Some(relation) if session.read_line(round, &relation)? => Some(relation),
            _ => session.find_relation(round, endpoint)?,
        };
        let Some(before) = before else {
            return Ok(session);
        };
        session.previous = if before.met {
            before.previous.clone()
        } else {
            Some(before.context.clone())
        };
        session.note_lost_relation(before);
        session.note_orphans(round, before)?;
        session.notes.clone_from(&before.notes);
        session.gone.clone_from(&before.gone);
        session.watch.clone_from(&before.watch);
        session.alarm = before.alarm;
        session.shared.clone_from(&before.shared);
        session.expects.clone_from(&before.expects);
        session.availability.clone_from(&before.availability);
        session.availability_is_news = before.availability_is_news;
        session.unavailable_since = before.unavailable_since;
        if before.relation == session.relation {
            session.confirmed.clone_from(&before.confirmed);
            session.finished.clone_from(&before.finished);
        }
        session.recall_after(before);
        session.note_departed(round, &before.departed);
        Ok(session)
    }

    /// Follows the lowest of the endpoint's relations that exists.
    fn find_relation(
        &mut self,
        round: &Round<'_>,
        endpoint: &str,
    ) -> Result<Option<RelationId>, Need> {
        self.asked_relations = true;
        for relation in round.known.relations(endpoint)? {
            if self.read_line(round, relation)? {
                return Ok(Some(relation.clone()));
            }
        }
        Ok(None)
    }

    /// Returns false if the relation does not exist.
    fn read_line(&mut self, round: &Round<'_>, relation: &RelationId) -> Result<bool, Need> {
        let Some(read) = round.known.line(relation)? else {
            return Ok(false);
        };
        self.read_at = read.read_at;
        self.leader = read.leader;
        self.line.clone_from(&read.value);
        Ok(true)
    }

    /// Remembers which relation was followed, and notes if it is lost: it is lower than the current one.
    fn note_lost_relation(&mut self, before: &Self) {
        let followed = before.relation.clone().or_else(|| before.followed.clone());
        let old = followed.as_ref().map(RelationId::number);
        let new = self.relation.as_ref().map(RelationId::number);
        let lost = old.filter(|old| new.is_some_and(|new| *old < new));
        self.lost = before.lost.max(lost);
        self.followed = self.relation.clone().or(followed);
    }

    /// Processes that worked on an operation in an earlier hook and are still alive.
    fn note_orphans(&mut self, round: &Round<'_>, before: &Self) -> Result<(), Need> {
        // A charm's tests run many hooks in one process.
        let own = round.facts.process;
        let is_other = |process: &Process| Some(*process) != own;
        let known = before.processes.iter().chain(&before.orphans);
        let all = known.clone().flat_map(|(_, processes)| processes);
        let alive = round.known.alive(all.copied().filter(is_other).collect())?;
        for (lock, processes) in known {
            let alive: BTreeSet<_> = processes.intersection(&alive).copied().collect();
            if !alive.is_empty() {
                let orphans = self.orphans.entry(lock.clone()).or_default();
                orphans.extend(alive);
            }
        }
        Ok(())
    }

    fn note_departed(&mut self, round: &Round<'_>, known: &BTreeSet<UnitName>) {
        let line = decode_line(self.line.as_deref());
        let told = round.facts.departing_unit.iter();
        let told = told.filter(|unit| **unit != round.facts.unit);
        let in_line = |unit: &&UnitName| {
            let Reading::Good(line) = &line else {
                return true;
            };
            // The line is still to be filled.
            if line.opening.is_some() {
                return true;
            }
            let mut entries = line.locks.values().flat_map(|lock| &lock.entries);
            entries.any(|entry| entry.ticket.unit == **unit)
        };
        // Whoever this hook is about has come back under its old name.
        let about = round.facts.remote_unit.as_ref();
        let known = known.iter().filter(|unit| Some(*unit) != about);
        self.departed = told.chain(known).filter(in_line).cloned().collect();
    }
}

impl Site {
    /// Whether the relation that this hook follows is the lowest that Juju lists. It may list two of one endpoint
    /// (juju #19631), and all units must agree on one.
    ///
    /// The result of an earlier hook is good enough for looking at the line and waiting. Before the unit acts or writes
    /// the line, it asks Juju; if the answer differs, nothing happens here, and the next hook asks at once.
    pub(super) fn follows_the_lowest(&mut self, round: &mut Round<'_>) -> Result<bool, Need> {
        if self.session.asked_relations {
            return Ok(true);
        }
        let lowest = round.known.relations(&self.endpoint)?.first();
        if lowest == self.session.relation.as_ref() {
            self.session.asked_relations = true;
        } else {
            self.session.doubtful = true;
            self.wake(round, Errand::Hook);
        }
        Ok(self.session.asked_relations)
    }
}

/// Whether the hook is not about another relation of the same endpoint.
fn may_be_about(round: &Round<'_>, endpoint: &str, remembered: &RelationId) -> bool {
    let event = round.facts.relation.as_ref();
    let event = event.filter(|id| id.endpoint() == endpoint);
    event.is_none_or(|id| id == remembered)
}
