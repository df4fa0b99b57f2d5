//! What a question needs to know first, and the answers so far.

use std::collections::{BTreeMap, BTreeSet};

use super::{Availability, Process, Roster, Session};
use crate::{Journal, LockName, Look, RelationId, Tick, UnitName};

/// What the engine has to know before it can answer a question. The driver reads it, hands it in with
/// [`Engine::handle_answer`](super::Engine::handle_answer), and asks the question again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// The state that the unit has stored for this endpoint.
    Stored(String),
    /// The roster that the unit has stored for this endpoint.
    Roster(String),
    /// The relations of this endpoint (`relation-ids`), in the order of their numbers.
    Relations(String),
    /// Whether the unit leads, and then the line of this relation. In this order: a line that is read first could be
    /// older than the leadership.
    Line(RelationId),
    /// The unit's own value in this relation.
    Own(RelationId),
    /// The values of these units in this relation.
    Records(RelationId, Vec<UnitName>),
    /// The other units that the relation lists (`relation-list`).
    Members(RelationId),
    /// The units that the controller knows (`goal-state`).
    GoalState,
    /// Which of these processes, of earlier hooks, are still alive.
    Alive(BTreeSet<Process>),
    /// Whether the unit itself lets an operation begin whose turn has come. It is asked last, just before the operation
    /// would begin, and not for one that has begun before.
    Gate(LockName),
    /// Whether the unit holds the shared lock that an operation needs beside its turn, if it needs one. It is asked last before
    /// every attempt, also for an operation that has begun before, and once for each question.
    Shared {
        /// On which endpoint the operation's turn is: after a refresh, perhaps not the charm's.
        endpoint: String,
        /// The operation's lock.
        lock: LockName,
        /// The number of its request.
        seq: u64,
    },
    /// Whether the check of an operation that has succeeded holds. It is asked once for each question.
    Check(LockName),
    /// Whether the unit is available. It is asked at the end of a hook.
    Availability,
}

/// An answer to a [`Need`].
#[derive(Debug, Clone)]
pub enum Answer {
    /// To [`Need::Stored`].
    Stored(String, Box<Stored>),
    /// To [`Need::Roster`]; `None` if there is none.
    Roster(String, Option<Box<Roster>>),
    /// To [`Need::Relations`].
    Relations(String, Vec<RelationId>),
    /// To [`Need::Line`]; `None` if the relation does not exist.
    Line(RelationId, Option<LineRead>),
    /// To [`Need::Own`]; `None` if there is no value.
    Own(RelationId, Option<String>),
    /// To [`Need::Records`]: each unit's value, or why it could not be read. That is a fact about that unit, and no
    /// reason to fail.
    Records(
        RelationId,
        BTreeMap<UnitName, Result<Option<String>, String>>,
    ),
    /// To [`Need::Members`].
    Members(RelationId, BTreeSet<UnitName>),
    /// To [`Need::GoalState`]; `Err` says why the controller did not tell.
    GoalState(Result<BTreeSet<UnitName>, String>),
    /// To [`Need::Alive`]: whether each is.
    Alive(BTreeMap<Process, bool>),
    /// To [`Need::Gate`].
    Gate(LockName, Gate),
    /// To [`Need::Shared`].
    Shared(LockName, Shared),
    /// To [`Need::Check`]; `None` if the charm asks for no check, or no more: then the turn is over.
    Check(LockName, Option<Box<Look>>),
    /// To [`Need::Availability`].
    Availability(Availability),
}

/// Whether a unit lets an operation begin whose turn has come. This decides only when something starts, and nothing about
/// who else may: the unit keeps its turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Gate {
    /// It may begin.
    #[default]
    Open,
    /// It is outside its window of time.
    Outside {
        /// When the window opens, for readers: `Mon 02:00 Europe/London`.
        opens: String,
        /// In how many milliseconds the window opens.
        opens_in: u64,
    },
    /// Something else is in the way, and says this.
    Blocked(String),
}

/// Whether a unit holds the lock that an operation needs beside its turn, and that others than its application want too. It
/// asks for that lock only once its own turn has come, and keeps it until the turn is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Shared {
    /// The operation needs none.
    #[default]
    NotNeeded,
    /// It would need one, and goes without: what leads to that lock does not exist, and its charm has said that it need not.
    Waived {
        /// What it goes without, and why.
        why: String,
    },
    /// It holds it.
    Held,
    /// It has asked for it.
    Awaited {
        /// What it waits for.
        why: String,
        /// The same for all units to read, without what changes from moment to moment.
        in_short: String,
    },
}

/// What a unit has stored for one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its journal.
    pub journal: Option<Journal>,
    /// Its session: the present hook's, or the last one's.
    pub session: Option<Session>,
}

/// The line as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRead {
    /// Taken before the unit asked whether it leads.
    pub read_at: Tick,
    /// Whether the unit leads.
    pub leader: bool,
    /// The line's value; `None` if there is none.
    pub value: Option<String>,
}

/// The answers so far. What was answered once is not asked again in the same visit.
#[derive(Debug, Default)]
pub(super) struct Known {
    stored: BTreeMap<String, Box<Stored>>,
    rosters: BTreeMap<String, Option<Box<Roster>>>,
    relations: BTreeMap<String, Vec<RelationId>>,
    lines: BTreeMap<RelationId, Option<LineRead>>,
    own: BTreeMap<RelationId, Option<String>>,
    records: BTreeMap<(RelationId, UnitName), Result<Option<String>, String>>,
    members: BTreeMap<RelationId, BTreeSet<UnitName>>,
    goal_state: Option<Result<BTreeSet<UnitName>, String>>,
    alive: BTreeMap<Process, bool>,
    gates: BTreeMap<LockName, Gate>,
    shared: BTreeMap<LockName, Shared>,
    checks: BTreeMap<LockName, Option<Box<Look>>>,
    availability: Option<Availability>,
}

impl Known {
    pub(super) fn handle(&mut self, answer: Answer) {
        match answer {
            Answer::Stored(endpoint, stored) => drop(self.stored.insert(endpoint, stored)),
            Answer::Roster(endpoint, roster) => drop(self.rosters.insert(endpoint, roster)),
            Answer::Relations(endpoint, ids) => drop(self.relations.insert(endpoint, ids)),
            Answer::Line(relation, line) => drop(self.lines.insert(relation, line)),
            Answer::Own(relation, value) => drop(self.own.insert(relation, value)),
            Answer::Records(relation, values) => {
                let values = values.into_iter();
                let values = values.map(|(unit, value)| ((relation.clone(), unit), value));
                self.records.extend(values);
            }
            Answer::Members(relation, units) => drop(self.members.insert(relation, units)),
            Answer::GoalState(units) => self.goal_state = Some(units),
            Answer::Alive(processes) => self.alive.extend(processes),
            Answer::Gate(lock, gate) => drop(self.gates.insert(lock, gate)),
            Answer::Shared(lock, shared) => drop(self.shared.insert(lock, shared)),
            Answer::Check(lock, look) => drop(self.checks.insert(lock, look)),
            Answer::Availability(availability) => self.availability = Some(availability),
        }
    }

    /// Forgets what other processes of the unit may have changed since, and how a check and a shared lock stood then.
    pub(super) fn forget_stored(&mut self) {
        self.stored.clear();
        self.rosters.clear();
        self.shared.clear();
        self.checks.clear();
    }

    pub(super) fn stored(&self, endpoint: &str) -> Result<&Stored, Need> {
        let known = self.stored.get(endpoint).map(Box::as_ref);
        known.ok_or_else(|| Need::Stored(endpoint.to_owned()))
    }

    pub(super) fn roster(&self, endpoint: &str) -> Result<Option<&Roster>, Need> {
        let known = self.rosters.get(endpoint).map(Option::as_deref);
        known.ok_or_else(|| Need::Roster(endpoint.to_owned()))
    }

    pub(super) fn relations(&self, endpoint: &str) -> Result<&[RelationId], Need> {
        let known = self.relations.get(endpoint).map(Vec::as_slice);
        known.ok_or_else(|| Need::Relations(endpoint.to_owned()))
    }

    pub(super) fn line(&self, relation: &RelationId) -> Result<Option<&LineRead>, Need> {
        let known = self.lines.get(relation).map(Option::as_ref);
        known.ok_or_else(|| Need::Line(relation.clone()))
    }

    pub(super) fn own(&self, relation: &RelationId) -> Result<Option<&String>, Need> {
        let known = self.own.get(relation).map(Option::as_ref);
        known.ok_or_else(|| Need::Own(relation.clone()))
    }

    pub(super) fn record(
        &self,
        relation: &RelationId,
        unit: &UnitName,
    ) -> Option<&Result<Option<String>, String>> {
        self.records.get(&(relation.clone(), unit.clone()))
    }

    pub(super) fn members(&self, relation: &RelationId) -> Result<&BTreeSet<UnitName>, Need> {
        let known = self.members.get(relation);
        known.ok_or_else(|| Need::Members(relation.clone()))
    }

    pub(super) fn goal_state(&self) -> Result<&Result<BTreeSet<UnitName>, String>, Need> {
        self.goal_state.as_ref().ok_or(Need::GoalState)
    }

    pub(super) fn gate(&self, lock: &LockName) -> Result<&Gate, Need> {
        self.gates.get(lock).ok_or_else(|| Need::Gate(lock.clone()))
    }

    pub(super) fn shared(
        &self,
        endpoint: &str,
        lock: &LockName,
        seq: u64,
    ) -> Result<&Shared, Need> {
        self.shared.get(lock).ok_or_else(|| Need::Shared {
            endpoint: endpoint.to_owned(),
            lock: lock.clone(),
            seq,
        })
    }

    pub(super) fn check(&self, lock: &LockName) -> Result<Option<&Look>, Need> {
        let known = self.checks.get(lock).map(Option::as_deref);
        known.ok_or_else(|| Need::Check(lock.clone()))
    }

    pub(super) fn availability(&self) -> Result<&Availability, Need> {
        self.availability.as_ref().ok_or(Need::Availability)
    }

    /// Those of the processes that are alive.
    pub(super) fn alive(&self, processes: BTreeSet<Process>) -> Result<BTreeSet<Process>, Need> {
        if processes
            .iter()
            .all(|process| self.alive.contains_key(process))
        {
            let is_alive = |process: &Process| self.alive.get(process) == Some(&true);
            return Ok(processes.into_iter().filter(is_alive).collect());
        }
        Err(Need::Alive(processes))
    }
}
