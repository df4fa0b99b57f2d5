//! What happens to a unit's requests, one line for each transition, for the unit's log.

use std::fmt;

use crate::{Attempt, LockName, Ticket};

/// Something has happened to a request of this unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// For which lock.
    pub lock: LockName,
    /// What has happened.
    pub transition: Transition,
}

/// What has happened to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transition {
    /// It was made.
    Requested {
        /// Its ticket.
        ticket: Ticket,
        /// What the unit wants to do, if it has a name of its own.
        operation: Option<String>,
    },
    /// The leader has put it in the line.
    InLine {
        /// Its ticket.
        ticket: Ticket,
        /// Its position, from 1, among the entries that this unit does not know to be finished.
        position: usize,
    },
    /// The next attempt begins without the shared lock.
    Alone {
        /// What it goes without, and why.
        why: String,
    },
    /// Its operation has begun.
    Begun(Attempt),
    /// Its operation has succeeded, and the turn is over.
    Done {
        /// Its ticket.
        ticket: Ticket,
        /// The number of the attempt, from 1.
        attempt: u16,
    },
    /// Its operation has succeeded, and its check holds; the turn is over once it has held for long enough.
    Holds {
        /// Its ticket.
        ticket: Ticket,
        /// For how long it must hold, in milliseconds.
        soak: u64,
    },
    /// Its operation has succeeded, and its check does not hold, or no more.
    Fails {
        /// Its ticket.
        ticket: Ticket,
        /// Why.
        why: String,
    },
    /// The attempt has not succeeded, and the unit keeps its turn.
    Kept {
        /// Its ticket.
        ticket: Ticket,
        /// The number of the attempt, from 1.
        attempt: u16,
        /// Why.
        why: String,
    },
    /// The attempt has failed, and the unit keeps its turn until an operator permits another.
    Stopped {
        /// Its ticket.
        ticket: Ticket,
        /// The number of the attempt, from 1.
        attempt: u16,
        /// Why.
        why: String,
    },
    /// The attempt has failed, and the turn passes on all the same.
    Failed {
        /// Its ticket.
        ticket: Ticket,
        /// The number of the attempt, from 1.
        attempt: u16,
        /// Why.
        why: String,
    },
    /// The unit has taken it back.
    Withdrawn {
        /// Its ticket.
        ticket: Ticket,
        /// Why, if the unit says so.
        why: Option<String>,
    },
    /// An operator has cancelled it.
    Cancelled {
        /// Its ticket.
        ticket: Ticket,
    },
    /// An operator lets the roll go on without it.
    Skipped {
        /// Its ticket.
        ticket: Ticket,
    },
    /// A campaign has called the unit, and it needs no turn.
    Passed {
        /// The campaign's reason.
        campaign: String,
        /// Why, if the unit says so.
        why: Option<String>,
    },
}

impl fmt::Display for News {
    /// What has happened, in words: "restart: turn begun, app/1#7, attempt 1".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.lock)?;
        match &self.transition {
            Transition::Requested { ticket, operation } => {
                write!(f, "requested as {ticket}")?;
                operation
                    .iter()
                    .try_for_each(|operation| write!(f, " ({operation})"))
            }
            Transition::InLine { ticket, position } => {
                write!(f, "{ticket} is {} in line", ordinal(*position))
            }
            Transition::Alone { why } => f.write_str(why),
            Transition::Begun(attempt) => {
                write!(
                    f,
                    "turn begun, {}, attempt {}",
                    attempt.ticket, attempt.number
                )?;
                if attempt.interrupted {
                    f.write_str("; the previous attempt was interrupted")?;
                }
                Ok(())
            }
            Transition::Done { ticket, attempt } => write!(f, "done, {ticket}, attempt {attempt}"),
            Transition::Holds { ticket, soak } => write!(
                f,
                "the check of {ticket} holds; done when it has held for {} s",
                soak.div_ceil(1000)
            ),
            Transition::Fails { ticket, why } => {
                write!(
                    f,
                    "the check of {ticket} fails; the unit keeps its turn: {why}"
                )
            }
            Transition::Kept {
                ticket,
                attempt,
                why,
            } => write!(
                f,
                "attempt {attempt} of {ticket} did not succeed; the unit keeps its turn: {why}"
            ),
            Transition::Stopped {
                ticket,
                attempt,
                why,
            } => write!(
                f,
                "attempt {attempt} of {ticket} failed; stopped until an operator decides: {why}"
            ),
            Transition::Failed {
                ticket,
                attempt,
                why,
            } => write!(
                f,
                "attempt {attempt} of {ticket} failed; the turn passes on: {why}"
            ),
            Transition::Withdrawn { ticket, why } => {
                write!(f, "{ticket} withdrawn")?;
                why.iter().try_for_each(|why| write!(f, ": {why}"))
            }
            Transition::Cancelled { ticket } => write!(f, "{ticket} cancelled by an operator"),
            Transition::Skipped { ticket } => write!(f, "{ticket} skipped by an operator"),
            Transition::Passed { campaign, why } => {
                write!(f, "passed in the campaign '{campaign}'")?;
                why.iter().try_for_each(|why| write!(f, ": {why}"))
            }
        }
    }
}

/// A position in words: "2nd".
pub(crate) fn ordinal(position: usize) -> String {
    let ending = match (position % 10, position % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{position}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Incarnation;
    use crate::fixture::lock;

    #[test]
    fn positions_are_counted_as_people_count() {
        let said = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
        let wanted = [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn how_a_check_stands_is_one_line() {
        let said = |transition| {
            let lock = lock();
            News { lock, transition }.to_string()
        };
        let ticket = Ticket {
            unit: "app/1".parse().unwrap(),
            incarnation: Incarnation::from_random(1),
            seq: 7,
        };
        let holds = Transition::Holds {
            ticket: ticket.clone(),
            soak: 60_000,
        };
        let fails = Transition::Fails {
            ticket,
            why: "no answer".to_owned(),
        };
        assert_eq!(
            said(holds),
            "restart: the check of app/1#7 holds; done when it has held for 60 s"
        );
        assert_eq!(
            said(fails),
            "restart: the check of app/1#7 fails; the unit keeps its turn: no answer"
        );
    }

    #[test]
    fn an_attempt_without_its_shared_lock_is_told_before_it_begins() {
        let (lock, why) = (lock(), "goes without db-restart in etcd".to_owned());
        let transition = Transition::Alone { why };
        let said = News { lock, transition }.to_string();
        assert_eq!(said, "restart: goes without db-restart in etcd");
    }

    #[test]
    fn each_transition_is_one_line_that_names_the_lock_and_the_ticket() {
        let ticket = Ticket {
            unit: "app/1".parse().unwrap(),
            incarnation: Incarnation::from_random(1),
            seq: 7,
        };
        let attempt = |number, interrupted| {
            Transition::Begun(Attempt {
                ticket: ticket.clone(),
                number,
                interrupted,
            })
        };
        let (ticket, why) = (ticket.clone(), "exit code 1".to_owned());
        let said = [
            (
                Transition::Requested {
                    ticket: ticket.clone(),
                    operation: Some("upgrade".to_owned()),
                },
                "requested as app/1#7 (upgrade)",
            ),
            (
                Transition::InLine {
                    ticket: ticket.clone(),
                    position: 3,
                },
                "app/1#7 is 3rd in line",
            ),
            (attempt(1, false), "turn begun, app/1#7, attempt 1"),
            (
                attempt(2, true),
                "turn begun, app/1#7, attempt 2; the previous attempt was interrupted",
            ),
            (
                Transition::Done {
                    ticket: ticket.clone(),
                    attempt: 2,
                },
                "done, app/1#7, attempt 2",
            ),
            (
                Transition::Kept {
                    ticket: ticket.clone(),
                    attempt: 1,
                    why: why.clone(),
                },
                "attempt 1 of app/1#7 did not succeed; the unit keeps its turn: exit code 1",
            ),
            (
                Transition::Stopped {
                    ticket: ticket.clone(),
                    attempt: 2,
                    why: why.clone(),
                },
                "attempt 2 of app/1#7 failed; stopped until an operator decides: exit code 1",
            ),
            (
                Transition::Failed {
                    ticket: ticket.clone(),
                    attempt: 1,
                    why: why.clone(),
                },
                "attempt 1 of app/1#7 failed; the turn passes on: exit code 1",
            ),
            (
                Transition::Skipped {
                    ticket: ticket.clone(),
                },
                "app/1#7 skipped by an operator",
            ),
            (
                Transition::Passed {
                    campaign: "new keys".to_owned(),
                    why: Some("has them".to_owned()),
                },
                "passed in the campaign 'new keys': has them",
            ),
            (
                Transition::Withdrawn {
                    ticket: ticket.clone(),
                    why: Some(why),
                },
                "app/1#7 withdrawn: exit code 1",
            ),
            (
                Transition::Cancelled { ticket },
                "app/1#7 cancelled by an operator",
            ),
        ];
        for (transition, words) in said {
            let news = News {
                lock: lock(),
                transition,
            };
            assert_eq!(news.to_string(), format!("restart: {words}"));
        }
    }
}
