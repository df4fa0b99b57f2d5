//! The first reads of a hook: which relation carries the line, whether the unit leads, the line, and the state of
//! the previous hook.

use std::collections::BTreeSet;

use ops_coordinator_core::{KEY, UnitName, View, decode_line};

use crate::hook::Hook;
use crate::session::Session;
use crate::tool::Bag;
use crate::{Errand, Error, RelationId, require_peer_relation};

impl Hook {
    pub(crate) fn begin(&mut self, before: Option<&Session>) -> Result<(), Error> {
        let remembered = before.filter(|session| !session.doubtful);
        let remembered = remembered.and_then(|session| session.relation.clone());
        let remembered = remembered
            .map(RelationId::new)
            .filter(|id| self.may_be_about(id));
        if let Some(relation) = remembered
            && self.read_line(&relation)?
        {
            self.relation = Some(relation);
        } else {
            self.find_relation()?;
        }
        self.session.relation = self.relation.as_ref().map(ToString::to_string);
        let Some(before) = before else {
            return Ok(());
        };
        self.session.previous = if before.met {
            before.previous.clone()
        } else {
            Some(before.context.clone())
        };
        self.note_lost_relation(before);
        self.note_orphans(before);
        self.session.notes.clone_from(&before.notes);
        self.session.gone.clone_from(&before.gone);
        self.session.watch.clone_from(&before.watch);
        self.session.confirmed.clone_from(&before.confirmed);
        let same_relation = before.relation == self.session.relation;
        let view = if same_relation {
            View::knowing(before.finished.clone())
        } else {
            self.session.confirmed = None;
            View::default()
        };
        let line = self.line.clone();
        self.found(line, view);
        self.note_departed(&before.departed);
        Ok(())
    }

    /// Whether the hook is not about another relation of the same endpoint.
    fn may_be_about(&self, remembered: &RelationId) -> bool {
        let event = self.environment.relation.as_ref();
        let event = event.filter(|id| id.endpoint() == self.state.endpoint());
        event.is_none_or(|id| id == remembered)
    }

    /// Whether the relation that this hook follows is the lowest that Juju lists. It may list two of one endpoint
    /// (juju #19631), and all units must agree on one.
    ///
    /// The result of an earlier hook is good enough for looking at the line and waiting. Before the unit acts or writes
    /// the line, it asks Juju; if the answer differs, nothing happens here, and the next hook asks at once.
    pub(crate) fn follows_the_lowest(&mut self) -> Result<bool, Error> {
        if self.session.asked_relations {
            return Ok(true);
        }
        let endpoint = self.state.endpoint().to_owned();
        let lowest = self.tools.relation_ids(&endpoint)?.into_iter().next();
        if lowest == self.relation {
            self.session.asked_relations = true;
        } else {
            self.session.doubtful = true;
            self.wake(Errand::Hook);
        }
        self.save_session()?;
        Ok(self.session.asked_relations)
    }

    /// Asks Juju for the endpoint's relations and follows the lowest.
    fn find_relation(&mut self) -> Result<(), Error> {
        let endpoint = self.state.endpoint().to_owned();
        self.session.asked_relations = true;
        for relation in self.tools.relation_ids(&endpoint)? {
            if self.read_line(&relation)? {
                self.relation = Some(relation);
                return Ok(());
            }
        }
        require_peer_relation(&self.environment.charm_dir, &endpoint)
    }

    /// Asks whether this unit leads and reads the line, in this order: a line that is read first could
    /// be older than the leadership. Returns false if the relation does not exist.
    fn read_line(&mut self, relation: &RelationId) -> Result<bool, Error> {
        self.session.read_at = self.state.machine().now();
        self.session.leader = self.tools.is_leader()?;
        let application = Bag::Application(self.environment.unit.application());
        match self.tools.relation_get(relation, KEY, application) {
            Ok(value) => {
                self.line = decode_line(value.as_deref());
                self.session.line = value;
                Ok(true)
            }
            Err(Error::Tool(error)) if error.relation_is_gone() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Remembers which relation was followed, and notes if it is lost: it is lower than the current one.
    fn note_lost_relation(&mut self, before: &Session) {
        let followed = before.relation.clone().or_else(|| before.followed.clone());
        let number = |id: &String| RelationId::new(id.clone()).number();
        let (old, new) = (
            followed.as_ref().map(number),
            self.session.relation.as_ref().map(number),
        );
        let lost = old.filter(|old| new.is_some_and(|new| *old < new));
        self.session.lost = before.lost.max(lost);
        self.session.followed = self.session.relation.clone().or(followed);
    }

    /// Processes that worked on an operation in an earlier hook and are still alive.
    fn note_orphans(&mut self, before: &Session) {
        let known = before.processes.iter().chain(&before.orphans);
        for (lock, processes) in known {
            let machine = self.state.machine();
            let own = machine.process();
            let alive: BTreeSet<_> = processes
                .iter()
                .copied()
                // A charm's tests run many hooks in one process.
                .filter(|process| Some(*process) != own && machine.is_alive(*process))
                .collect();
            if !alive.is_empty() {
                let orphans = self.session.orphans.entry(lock.clone()).or_default();
                orphans.extend(alive);
            }
        }
    }

    fn note_departed(&mut self, known: &BTreeSet<UnitName>) {
        let told = self.environment.departing_unit.iter();
        let told = told.filter(|unit| **unit != self.environment.unit);
        let in_line = |unit: &&UnitName| {
            let Some(line) = self.line.good() else {
                return true;
            };
            let mut entries = line.locks.values().flat_map(|lock| &lock.entries);
            entries.any(|entry| entry.ticket.unit == **unit)
        };
        self.session.departed = told.chain(known).filter(in_line).cloned().collect();
    }
}
