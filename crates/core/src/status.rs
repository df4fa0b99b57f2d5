//! Who waits for whom and why: a pure function of the databags, the same wherever it is asked.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_excerpt::excerpt;
use serde::Serialize;

mod sight;
mod table;

use sight::Sight;

use crate::news::ordinal;
use crate::{
    CheckStanding, Line, LockName, Outcome, Reading, Started, Ticket, UnitName, UnitRecord, Wall,
};

/// The state of all locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// The unit that produced this status; `None` if it was produced outside a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitName>,
    /// When it was produced, by that unit's clock. Other units' clocks may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Wall>,
    /// The unit that wrote the line, if there is one.
    pub leader: Option<UnitName>,
    /// How the unit that produced this stands with the shared locks that it wants, in words.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<LockName, String>,
    /// Problems, if any.
    pub warnings: Vec<String>,
    /// Each lock, with all units that have ever requested it.
    pub locks: BTreeMap<LockName, LockStatus>,
}

/// The state of one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// If an operator has paused the lock: why nothing starts.
    pub paused: Option<String>,
    /// The roll of all units that was begun last, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignStatus>,
    /// Its units: those in the line first, in its order; then those that the leader has not put in it yet, in the order
    /// in which they are likely to join.
    pub units: Vec<UnitStatus>,
}

/// How far a roll of all units has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CampaignStatus {
    /// Why all units go.
    pub reason: String,
    /// What they do; `None` if that is the lock's own name.
    pub operation: Option<String>,
    /// Since when, in seconds since 1970 in UTC, by the clock of the leader that began it.
    pub since: Option<Wall>,
    /// Whether an operator has ended it early.
    pub aborted: bool,
    /// The units that have gone in it or passed, as far as is known here.
    pub gone: Vec<UnitName>,
    /// The units that still have to go; none if it is over.
    pub left: Vec<UnitName>,
}

/// A unit's state for one lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnitStatus {
    /// The unit.
    pub unit: UnitName,
    /// Where its request stands.
    pub place: Place,
    /// Its position in the line, from 1, among unfinished entries.
    pub position: Option<usize>,
    /// The units that must finish before it may start.
    pub waits_for: Vec<UnitName>,
    /// Why its request is not over yet, in words; `None` if nothing is requested.
    pub wait: Option<String>,
    /// Since when it stands there, in seconds since 1970 in UTC, by the clock of the unit or of the leader that has
    /// published it. For an idle unit: when its last operation ended.
    pub since: Option<Wall>,
    /// The ticket of its request, such as `app/2#7`.
    pub ticket: Option<String>,
    /// The number in that ticket.
    pub number: Option<u64>,
    /// What it wants to do, or did last; `None` if that is the lock's own name.
    pub operation: Option<String>,
    /// How often that was started, as far as is known here: other units learn it when an attempt has ended.
    pub attempt: Option<u16>,
    /// How its last operation or attempt ended.
    pub outcome: Option<Outcome>,
    /// The reason for that, if there is one.
    pub reason: Option<String>,
    /// Why it has not begun although its turn has come, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// How the check after its operation stands, if that has succeeded and the turn goes on; `reason` says why it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckStanding>,
    /// When its failed operation is tried again, if it is not as soon as possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Wall>,
    /// Why it is unavailable, if its charm says that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// How many of its requests are finished.
    pub done: u64,
    /// `outcome` and `reason` in one text.
    pub last: Option<String>,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// It is this unit's turn.
    Turn,
    /// It is in the line.
    InLine,
    /// The leader has not added it to the line yet.
    Requested,
    /// A campaign calls it, and the leader has not invited it yet.
    Called,
    /// Nothing is requested.
    Idle,
    /// Its databag cannot be read.
    Unreadable,
}

impl Place {
    /// The place in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "its turn",
            Self::InLine => "in line",
            Self::Requested => "requested",
            Self::Called => "called",
            Self::Idle => "idle",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Who asks for the status, and what it knows besides the databags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observer {
    pub(crate) unit: Option<UnitName>,
    /// Whether it leads.
    pub(crate) leads: bool,
    /// The units of the relation, its own included; `None` if it has not asked.
    pub(crate) members: Option<BTreeSet<UnitName>>,
    pub(crate) now: Option<Wall>,
    /// Tickets of the line that it knows to be finished, whatever the records say.
    pub(crate) finished: BTreeMap<LockName, Vec<Ticket>>,
    /// The attempts that its journal knows.
    pub(crate) started: BTreeMap<LockName, Started>,
    /// The locks whose operation is running on it, in this hook or in a process of an earlier one.
    pub(crate) running: BTreeSet<LockName>,
}

impl Status {
    /// Where all requests stand, given the line and the units' records, for somebody who is none of the units.
    pub fn of(line: &Reading<Line>, records: &BTreeMap<UnitName, Reading<UnitRecord>>) -> Self {
        Self::seen_by(Observer::default(), line, records)
    }

    /// The same for a unit.
    pub(crate) fn seen_by(
        observer: Observer,
        line: &Reading<Line>,
        records: &BTreeMap<UnitName, Reading<UnitRecord>>,
    ) -> Self {
        let fault = line.fault().map(|fault| format!("the line: {fault}"));
        let line = line.good();
        let opening = line.and_then(|line| line.opening).map(|lost| {
            format!(
                "the line is not open yet: units may still follow relation {lost}, which others have lost; each \
                 unit confirms in its next hook that it does not"
            )
        });
        let closed = match (&fault, &opening) {
            (Some(_), _) => Some("the line cannot be read, see the warning"),
            (_, Some(_)) => Some("the line is not open yet, see the warning"),
            _ => None,
        };
        let good = records.values().filter_map(Reading::good);
        let asked = good.flat_map(|record| record.locks.keys());
        let lined = line.into_iter().flat_map(|line| line.locks.keys());
        let names: BTreeSet<&LockName> = asked.chain(lined).collect();
        let me = observer.unit.as_ref().filter(|_| observer.leads);
        let status = |lock: &LockName| {
            let sight = Sight {
                lock,
                line: line.and_then(|line| line.locks.get(lock)),
                records,
                observer: &observer,
                leader: me.or(line.map(|line| &line.leader)),
                closed,
            };
            (lock.clone(), sight.status())
        };
        Self {
            locks: names.into_iter().map(status).collect(),
            leader: line.map(|line| line.leader.clone()),
            shared: BTreeMap::new(),
            warnings: fault.into_iter().chain(opening).collect(),
            now: observer.now,
            unit: observer.unit,
        }
    }

    /// What a unit waits for or does, in one line for all locks; `None` if it has requested nothing.
    pub fn summary(&self, unit: &UnitName) -> Option<String> {
        let said = self.locks.iter().filter_map(|(lock, state)| {
            let said = state.unit(unit)?.summary()?;
            Some(format!("{lock}: {said}"))
        });
        let said: Vec<String> = said.collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

impl LockStatus {
    /// The state of one unit, if it has ever requested the lock.
    pub fn unit(&self, unit: &UnitName) -> Option<&UnitStatus> {
        self.units.iter().find(|known| known.unit == *unit)
    }
}

impl CampaignStatus {
    /// Its progress in words: "campaign 'new certificates': 3 of 9 units have gone".
    pub fn summary(&self) -> String {
        let (reason, gone) = (excerpt(&self.reason), self.gone.len());
        let all = gone + self.left.len();
        if self.aborted {
            return format!("campaign '{reason}' aborted");
        }
        match self.left.len() {
            0 => format!("campaign '{reason}' done"),
            _ => format!("campaign '{reason}': {gone} of {all} units have gone"),
        }
    }
}

impl UnitStatus {
    /// The place in words, with the position: "2nd in line".
    pub fn place(&self) -> String {
        match (self.place, self.position) {
            (Place::InLine, Some(position)) => format!("{} in line", ordinal(position)),
            (place, _) => place.as_str().to_owned(),
        }
    }

    /// What it waits for or does, in one line: "2nd in line, behind app/3"; `None` if it has requested nothing.
    pub fn summary(&self) -> Option<String> {
        let wait = self.wait.as_ref()?;
        Some(match self.place {
            Place::InLine if !wait.starts_with(STOPPED) => format!("{}, {wait}", self.place()),
            _ => wait.clone(),
        })
    }
}

/// How the words begin that say that a failure ahead has stopped the line.
const STOPPED: &str = "stopped, ";

#[cfg(test)]
mod tests;
