//! What a unit publishes about itself, and what others conclude from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CampaignId, CheckStanding, Incarnation, LockLine, LockName, Ticket, UnitName, Wall};

/// The longest text of a zone or an operation in a record, in bytes.
const TEXT_MAX: usize = 32;
/// The longest reason in a record, in bytes: enough for what a program says when it fails.
pub(crate) const REASON_MAX: usize = 120;

/// What a unit publishes in its own databag: one value for all its locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitRecord {
    /// The life of the unit that publishes.
    #[serde(rename = "id")]
    pub incarnation: Incarnation,
    /// The unit's availability zone, if Juju provides one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Earlier lives of this unit name that the line still mentions. They are over: the unit itself
    /// says so, which is the only evidence that counts (a reader may see an older life than the
    /// line does).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<Incarnation>,
    /// The number of the newest relation that this unit, or as far as it knows another one, followed before, and
    /// that it no longer follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<u64>,
    /// Why the unit is unavailable, if its charm says that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// How often that has changed, so that a record never equals an earlier one: Juju 4 compares hashes of databags, and does
    /// not announce a change that has been taken back before its watcher looked.
    #[serde(default, skip_serializing_if = "is_unset")]
    pub flips: u64,
    /// The state of each lock that this unit has ever requested.
    #[serde(default)]
    pub locks: BTreeMap<LockName, LockRecord>,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// A unit's state for one lock. A request is outstanding while `seq > done`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The number of the newest request.
    pub seq: u64,
    /// The highest number that is finished. It only grows, so "finished" is a stable fact.
    pub done: u64,
    /// The version of the line that the unit had read when it asked; 0 before there is one. It orders
    /// requests by age without a clock, see [`crate::policy::Request::asked`].
    #[serde(default, rename = "line", skip_serializing_if = "is_unset")]
    pub asked: u64,
    /// Whether the next operation has already begun and has not succeeded; set only by a unit that has moved to
    /// another relation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begun: bool,
    /// What the unit wants to do, for readers; absent if it is the lock's own name.
    #[serde(default, rename = "op", skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How often the last operation was started.
    #[serde(default, rename = "try", skip_serializing_if = "is_zero")]
    pub attempt: u16,
    /// How the last operation, or its last attempt, ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Whether the request that is served next has failed and is not tried again until the leader permits it
    /// ([`LockLine::retries`](crate::wire::LockLine::retries)) or its request is ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// A short reason, if the outcome needs one.
    #[serde(default, rename = "why", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the newest request was made, for readers.
    #[serde(default, rename = "at", skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Wall>,
    /// When the last operation, or its last attempt, ended, for readers.
    #[serde(default, rename = "end", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Wall>,
    /// Why the unit has not begun although its turn has come, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// The last campaign in which the unit has gone, or passed.
    #[serde(default, rename = "camp", skip_serializing_if = "Option::is_none")]
    pub served: Option<CampaignId>,
    /// How the check after the operation of the request that is served next stands, for readers; `None` if that
    /// operation has not succeeded yet. While it fails, `reason` says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckStanding>,
    /// When a failed operation is tried again, for readers, if it is not as soon as possible.
    #[serde(default, rename = "next", skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Wall>,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_unset(version: &u64) -> bool {
    *version == 0
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It succeeded; the turn passes on.
    Done,
    /// It failed. Unless the unit goes on after a failure, it keeps its place, and nothing behind it starts.
    Failed,
    /// The unit took its request back.
    Withdrawn,
    /// An operator cancelled the request.
    Cancelled,
    /// An operator let the roll go on without it.
    Skipped,
    /// The unit was called by a campaign and needed no turn.
    Passed,
    /// An outcome of a newer minor version, kept as it is. It never affects a decision.
    #[serde(untagged)]
    Other(String),
}

impl Outcome {
    /// The outcome's name on the wire and in output.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Other(name) => name,
        }
    }
}

impl UnitRecord {
    /// The record of a unit without requests.
    pub fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            zone: None,
            replaces: Vec::new(),
            beyond: None,
            unavailable: None,
            flips: 0,
            locks: BTreeMap::new(),
            unknown: BTreeMap::new(),
        }
    }

    /// Whether this record shows that the ticket, which must be of this record's unit, is finished.
    pub fn finished(&self, lock: &LockName, ticket: &Ticket) -> bool {
        if self.replaces.contains(&ticket.incarnation) {
            return true;
        }
        self.incarnation == ticket.incarnation
            && self
                .locks
                .get(lock)
                .is_some_and(|state| state.done >= ticket.seq)
    }

    /// The locks with an outstanding request.
    pub fn asked(&self) -> impl Iterator<Item = &LockName> {
        let asked = self
            .locks
            .iter()
            .filter(|(_, state)| state.seq > state.done);
        asked.map(|(lock, _)| lock)
    }

    /// The ticket that is served next for a lock, if one is outstanding.
    pub fn outstanding(&self, unit: &UnitName, lock: &LockName) -> Option<Ticket> {
        let state = self
            .locks
            .get(lock)
            .filter(|state| state.seq > state.done)?;
        Some(Ticket {
            unit: unit.clone(),
            incarnation: self.incarnation.clone(),
            seq: state.done + 1,
        })
    }
}

impl UnitRecord {
    /// The ticket that is served next for a lock: of an outstanding request, or of an invitation in the lock's line.
    pub fn next(
        &self,
        unit: &UnitName,
        lock: &LockName,
        line: Option<&LockLine>,
    ) -> Option<Ticket> {
        let asked = self.locks.get(lock).map_or(0, |state| state.seq);
        let invited = || line?.invitation(unit, self, asked).cloned();
        self.outstanding(unit, lock).or_else(invited)
    }
}

/// Truncates and cleans a zone or the name of an operation, so that a record stays small and its JSON needs no
/// escapes.
pub(crate) fn short(text: &str) -> String {
    clean(text, TEXT_MAX)
}

/// Truncates and cleans a reason.
pub(crate) fn short_reason(text: &str) -> String {
    clean(text, REASON_MAX)
}

fn clean(text: &str, max: usize) -> String {
    let plain = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ if c.is_whitespace() => ' ',
        _ => '?',
    };
    text.trim().chars().map(plain).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_called_what_it_is_on_the_wire() {
        for outcome in [
            Outcome::Done,
            Outcome::Failed,
            Outcome::Withdrawn,
            Outcome::Cancelled,
            Outcome::Passed,
            Outcome::Other("retried".to_owned()),
        ] {
            assert_eq!(serde_json::json!(outcome), outcome.as_str());
        }
    }

    #[test]
    fn an_outcome_of_a_newer_version_is_kept_as_text() {
        let text = r#"{"seq":2,"done":1,"outcome":"hold"}"#;
        let state: LockRecord = serde_json::from_str(text).unwrap();
        assert_eq!(state.outcome, Some(Outcome::Other("hold".to_owned())));
        assert_eq!(serde_json::to_string(&state).unwrap(), text);
    }

    #[test]
    fn a_reason_needs_no_escape_and_has_a_bound() {
        assert_eq!(
            short("  said \"no\"\n\tat C:\\x \u{e9}"),
            "said 'no'  at C:/x ?"
        );
        assert_eq!(short(&"long ".repeat(99)).len(), TEXT_MAX);
        assert_eq!(short_reason(&"long ".repeat(99)).len(), REASON_MAX);
    }

    #[test]
    fn a_ticket_of_an_earlier_life_is_over_only_when_the_unit_says_so() {
        let lock: LockName = "restart".parse().unwrap();
        let unit: UnitName = "app/1".parse().unwrap();
        let old = Ticket {
            unit,
            incarnation: Incarnation::from_random(1),
            seq: 3,
        };
        let mut record = UnitRecord::new(Incarnation::from_random(2));
        record.locks.insert(
            lock.clone(),
            LockRecord {
                seq: 9,
                done: 9,
                ..LockRecord::default()
            },
        );
        assert!(!record.finished(&lock, &old));
        record.replaces.push(old.incarnation.clone());
        assert!(record.finished(&lock, &old));
    }
}
