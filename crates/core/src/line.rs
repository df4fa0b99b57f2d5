//! The line: who goes next, and the rule by which a unit knows that its turn has come.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Campaign, LockName, Standing, Ticket, UnitName, Wall};

/// What the leader publishes in the application databag: one value for all locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Grows by one whenever a different unit starts to write the line.
    pub term: u64,
    /// Grows by one with each write, so no two writes are ever equal.
    pub version: u64,
    /// The unit that wrote it.
    #[serde(rename = "by")]
    pub leader: UnitName,
    /// Set while the line is not open yet: units may still follow the relation with this number, which others
    /// have lost sight of. Each unit that reads this answers in its record ([`UnitRecord::beyond`]).
    ///
    /// [`UnitRecord::beyond`]: crate::UnitRecord::beyond
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<u64>,
    /// The line of each lock.
    #[serde(default)]
    pub locks: BTreeMap<LockName, LockLine>,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// The line of one lock. Its length does not depend on the number of units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockLine {
    /// The entries in order. They are appended and removed, never reordered.
    #[serde(default, rename = "line", skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// If an operator has paused the lock: why nothing may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// The peer endpoint to which the lock has moved. Nothing more is appended here; the existing entries are
    /// still served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
    /// Tickets that an operator has cancelled or skipped and that their units have not finished yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<Ticket>,
    /// Those of the cancelled tickets that were skipped. A reader that does not know this ends them as cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Ticket>,
    /// Those of the cancelled tickets whose entry an operator has removed without waiting for the unit. As long as
    /// they are here, nobody knows whether their operation has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<Ticket>,
    /// Which failed operations may be tried again, and how often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<Retry>,
    /// The roll of all units that the leader has announced last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Campaign>,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// A ticket's place in the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose turn this is.
    #[serde(flatten)]
    pub ticket: Ticket,
    /// How many operations may run at once, including this one.
    pub limit: u32,
    /// Entries of one wave may run together; a later wave waits until the earlier one is finished.
    #[serde(default, skip_serializing_if = "is_first")]
    pub wave: u32,
    /// When the leader appended it, for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Wall>,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// An operator's permission to try a failed operation again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Whose operation.
    #[serde(flatten)]
    pub ticket: Ticket,
    /// Up to which attempt. An attempt beyond this that fails stops again, whoever reads this how late.
    #[serde(rename = "try")]
    pub attempt: u16,
    /// Fields of a newer minor version, kept as they are.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_first(wave: &u32) -> bool {
    *wave == 0
}

/// Whether an operation may start, and if not, what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is this ticket's turn.
    Start(Ticket),
    /// It is not this ticket's turn.
    Wait(Wait),
    /// The unit has no outstanding request for the lock.
    NotRequested,
}

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// The leader has not added it to the line yet.
    NotInLine,
    /// Entries before it are not known to be finished; nearest to the front first.
    Behind(Vec<Ticket>),
    /// An operator has paused the lock; the text says why.
    Paused(String),
    /// Its operation has failed, and is not tried again until an operator permits it; the text says why it failed.
    Stopped(String),
    /// An operator has cancelled it; this unit finishes it as soon as it publishes again.
    Cancelled,
    /// A process of an earlier attempt is still running on this unit, though its hook has ended.
    Busy,
    /// Its turn has come, but the unit itself holds it back; the text says why.
    HeldBack(String),
    /// Its operation has succeeded, and keeps its turn until its check has held; the text says how that stands.
    Checking(String),
    /// Its operation has failed, and is tried again only later; the text says when.
    BackingOff(String),
    /// The leader is to roll all units for this reason, this one among them.
    Expects(String),
    /// The lock has moved to this endpoint, and the request was not in the line before.
    Moved(String),
    /// The line cannot be used; the text says why.
    Frozen(String),
}

impl Entry {
    fn standing(&self) -> Standing {
        Standing {
            limit: self.limit,
            wave: self.wave,
        }
    }
}

impl LockLine {
    /// The position of the ticket, from 0, if it is in the line.
    pub fn position(&self, ticket: &Ticket) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| &entry.ticket == ticket)
    }

    /// Whether an operator has permitted another attempt after this one.
    pub fn permits(&self, ticket: &Ticket, failed_attempt: u16) -> bool {
        let mut retries = self.retries.iter();
        retries.any(|retry| retry.ticket == *ticket && retry.attempt > failed_attempt)
    }

    /// The entry rule. `finished` returns whether a ticket is known to be finished. Anything else counts as
    /// unfinished, which can only make a unit wait longer; that is why stale views are safe.
    pub fn turn(&self, ticket: &Ticket, finished: impl Fn(&Ticket) -> bool) -> Turn {
        if self.cancelled.contains(ticket) {
            return Turn::Wait(Wait::Cancelled);
        }
        let Some(position) = self.position(ticket) else {
            let wait = self.moved.clone().map_or(Wait::NotInLine, Wait::Moved);
            return Turn::Wait(wait);
        };
        if let Some(why) = &self.paused {
            return Turn::Wait(Wait::Paused(why.clone()));
        }
        let (before, own) = (&self.entries[..position], &self.entries[position]);
        let ahead: Vec<&Entry> = before
            .iter()
            .filter(|entry| !finished(&entry.ticket))
            .collect();
        if own
            .standing()
            .may_start(ahead.iter().map(|entry| entry.standing()))
        {
            return Turn::Start(ticket.clone());
        }
        Turn::Wait(Wait::Behind(
            ahead
                .into_iter()
                .map(|entry| entry.ticket.clone())
                .collect(),
        ))
    }
}

impl fmt::Display for Wait {
    /// What a request waits for, in words: "waiting, behind app/1, app/2".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInLine => f.write_str("the leader has not added the request to the line yet"),
            Self::Behind(ahead) => {
                let units: Vec<String> =
                    ahead.iter().map(|ticket| ticket.unit.to_string()).collect();
                write!(f, "behind {}", units.join(", "))
            }
            Self::Paused(why) => write!(f, "paused: {why}"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
            Self::Cancelled => f.write_str("cancelled by an operator"),
            Self::Busy => f.write_str("a process of an earlier attempt is still running"),
            Self::HeldBack(why) | Self::Checking(why) | Self::BackingOff(why) => f.write_str(why),
            Self::Expects(reason) => write!(f, "the leader is to roll all units: {reason}"),
            Self::Moved(endpoint) => write!(f, "the lock has moved to the endpoint {endpoint}"),
            Self::Frozen(why) => write!(f, "frozen: {why}"),
        }
    }
}

impl Wait {
    /// Whose record to read next, if reading could still end the wait.
    ///
    /// A waiting unit's hook must stay cheap however many units are ahead of it: it reads one unit that it
    /// waits for, and continues only as long as each turns out to be finished. `hint` is the unit that
    /// the hook is about, most likely the one with news. Without a hint, `rotation` (any number that
    /// changes from hook to hook) spreads the reads, so that the unit also finds changes whose event it missed.
    pub fn next_to_read(
        &self,
        has_read: impl Fn(&UnitName) -> bool,
        hint: Option<&UnitName>,
        rotation: u64,
    ) -> Option<UnitName> {
        let Self::Behind(ahead) = self else {
            return None;
        };
        if ahead.iter().any(|ticket| has_read(&ticket.unit)) {
            return None;
        }
        if let Some(hinted) = hint.filter(|hint| ahead.iter().any(|ticket| &ticket.unit == *hint)) {
            return Some(hinted.clone());
        }
        let index = usize::try_from(rotation % (ahead.len().max(1) as u64)).unwrap_or_default();
        ahead.get(index).map(|ticket| ticket.unit.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Incarnation;

    fn ticket(unit: u32) -> Ticket {
        Ticket {
            unit: format!("app/{unit}").parse().unwrap(),
            incarnation: Incarnation::from_random(unit),
            seq: 1,
        }
    }

    fn line(entries: &[(u32, u32, u32)]) -> LockLine {
        let entries = entries
            .iter()
            .map(|&(unit, limit, wave)| Entry {
                ticket: ticket(unit),
                limit,
                wave,
                at: None,
                unknown: BTreeMap::new(),
            })
            .collect();
        LockLine {
            entries,
            ..LockLine::default()
        }
    }

    fn turn(line: &LockLine, unit: u32, finished: &[u32]) -> Turn {
        line.turn(&ticket(unit), |other| {
            finished.contains(&other.unit.number())
        })
    }

    fn behind(units: &[u32]) -> Turn {
        Turn::Wait(Wait::Behind(
            units.iter().map(|&unit| ticket(unit)).collect(),
        ))
    }

    #[test]
    fn what_a_request_waits_for_is_said_in_words() {
        let said = [
            (
                Wait::NotInLine,
                "the leader has not added the request to the line yet",
            ),
            (
                Wait::Behind(vec![ticket(1), ticket(2)]),
                "behind app/1, app/2",
            ),
            (Wait::Paused("night".to_owned()), "paused: night"),
            (
                Wait::Stopped("exit code 1".to_owned()),
                "stopped: exit code 1",
            ),
            (Wait::Cancelled, "cancelled by an operator"),
            (
                Wait::Busy,
                "a process of an earlier attempt is still running",
            ),
            (
                Wait::HeldBack("blocked: a backup".to_owned()),
                "blocked: a backup",
            ),
            (
                Wait::Expects("new keys".to_owned()),
                "the leader is to roll all units: new keys",
            ),
            (
                Wait::Moved("peers".to_owned()),
                "the lock has moved to the endpoint peers",
            ),
            (Wait::Frozen("torn".to_owned()), "frozen: torn"),
        ];
        for (wait, words) in said {
            assert_eq!(wait.to_string(), words);
        }
    }

    #[test]
    fn the_front_of_the_line_starts_and_the_rest_waits() {
        let line = line(&[(0, 1, 0), (1, 1, 0), (2, 1, 0)]);
        assert_eq!(turn(&line, 0, &[]), Turn::Start(ticket(0)));
        assert_eq!(turn(&line, 1, &[]), behind(&[0]));
        assert_eq!(turn(&line, 2, &[]), behind(&[0, 1]));
    }

    #[test]
    fn a_finish_hands_the_turn_to_the_next_without_a_new_line() {
        let line = line(&[(0, 1, 0), (1, 1, 0), (2, 1, 0)]);
        assert_eq!(turn(&line, 1, &[0]), Turn::Start(ticket(1)));
        assert_eq!(
            turn(&line, 2, &[1]),
            behind(&[0]),
            "a later finish does not overtake"
        );
    }

    #[test]
    fn limit_many_run_together() {
        let line = line(&[(0, 2, 0), (1, 2, 0), (2, 2, 0), (3, 2, 0)]);
        assert_eq!(turn(&line, 1, &[]), Turn::Start(ticket(1)));
        assert_eq!(turn(&line, 2, &[]), behind(&[0, 1]));
        assert_eq!(turn(&line, 2, &[0]), Turn::Start(ticket(2)));
        assert_eq!(turn(&line, 3, &[0]), behind(&[1, 2]));
    }

    #[test]
    fn a_lower_limit_behind_a_higher_one_waits_for_all_before_it() {
        let line = line(&[(0, 3, 0), (1, 3, 0), (2, 1, 0)]);
        assert_eq!(turn(&line, 2, &[0]), behind(&[1]));
        assert_eq!(turn(&line, 2, &[0, 1]), Turn::Start(ticket(2)));
    }

    #[test]
    fn a_wave_waits_for_the_wave_before_it() {
        let line = line(&[(0, 9, 0), (1, 9, 0), (2, 9, 1)]);
        assert_eq!(turn(&line, 2, &[0]), behind(&[1]));
        assert_eq!(turn(&line, 2, &[0, 1]), Turn::Start(ticket(2)));
    }

    #[test]
    fn a_lock_that_has_moved_lets_its_entries_run_out() {
        let mut line = line(&[(0, 1, 0), (1, 1, 0)]);
        line.moved = Some("peers".to_owned());
        assert_eq!(turn(&line, 0, &[]), Turn::Start(ticket(0)));
        assert_eq!(turn(&line, 1, &[0]), Turn::Start(ticket(1)));
        assert_eq!(
            turn(&line, 2, &[]),
            Turn::Wait(Wait::Moved("peers".to_owned()))
        );
    }

    #[test]
    fn nothing_starts_while_paused_or_cancelled() {
        let mut line = line(&[(0, 1, 0)]);
        line.paused = Some("night shift".to_owned());
        assert_eq!(
            turn(&line, 0, &[]),
            Turn::Wait(Wait::Paused("night shift".to_owned()))
        );
        line.cancelled.push(ticket(0));
        assert_eq!(turn(&line, 0, &[]), Turn::Wait(Wait::Cancelled));
    }

    #[test]
    fn a_permission_holds_for_its_ticket_and_up_to_its_attempt() {
        let mut line = line(&[(0, 1, 0), (1, 1, 0)]);
        assert!(!line.permits(&ticket(0), 1));
        line.retries.push(Retry {
            ticket: ticket(0),
            attempt: 2,
            unknown: BTreeMap::new(),
        });
        assert!(line.permits(&ticket(0), 1));
        assert!(!line.permits(&ticket(0), 2), "the second has failed too");
        assert!(!line.permits(&ticket(1), 1));
    }

    #[test]
    fn a_waiting_unit_reads_one_record_and_stops_at_the_first_that_is_not_finished() {
        let wait = Wait::Behind(vec![ticket(0), ticket(1), ticket(2)]);
        let none = |_: &UnitName| false;
        assert_eq!(
            wait.next_to_read(none, Some(&ticket(1).unit), 0),
            Some(ticket(1).unit)
        );
        assert_eq!(
            wait.next_to_read(none, Some(&ticket(9).unit), 2),
            Some(ticket(2).unit)
        );
        assert_eq!(wait.next_to_read(none, None, 3), Some(ticket(0).unit));
        let one = |unit: &UnitName| unit.number() == 1;
        assert_eq!(wait.next_to_read(one, None, 0), None);
    }
}
