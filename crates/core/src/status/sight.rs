//! One lock as somebody sees it, and what is to be said about each of its units.

use std::collections::BTreeMap;

use super::{CampaignStatus, LockStatus, Observer, Place, STOPPED, UnitStatus};
use crate::news::ordinal;
use crate::policy::{Policy, Request, Rotation, Situation};
use crate::{
    LockLine, LockName, LockRecord, Outcome, Reading, Started, Ticket, Turn, UnitName, UnitRecord,
    Wait, Wall,
};

/// How many of the units that a unit waits for are named in words.
const NAMED: usize = 3;

/// One lock as the observer sees it.
pub(super) struct Sight<'a> {
    pub(super) lock: &'a LockName,
    pub(super) line: Option<&'a LockLine>,
    pub(super) records: &'a BTreeMap<UnitName, Reading<UnitRecord>>,
    pub(super) observer: &'a Observer,
    pub(super) leader: Option<&'a UnitName>,
    /// Why nothing joins the line, if it is as a whole to blame.
    pub(super) closed: Option<&'static str>,
}

impl Sight<'_> {
    pub(super) fn status(&self) -> LockStatus {
        let mut units = self.in_line();
        units.extend(self.requested(&units));
        units.extend(self.called(&units));
        let mut others = Vec::new();
        for (unit, record) in self.records {
            if units.iter().any(|known| &known.unit == unit) {
                continue;
            }
            match record {
                Reading::Good(record) => {
                    let state = record.locks.get(self.lock);
                    if state.is_some() || record.unavailable.is_some() {
                        others.push(UnitStatus {
                            since: state.and_then(|state| state.ended_at),
                            ..self.unit(unit, Place::Idle, None)
                        });
                    }
                }
                Reading::Absent => {}
                Reading::Unreadable(_) | Reading::Foreign(_) => others.push(UnitStatus {
                    wait: record.fault(),
                    ..self.unit(unit, Place::Unreadable, None)
                }),
            }
        }
        units.extend(others);
        LockStatus {
            paused: self.line.and_then(|line| line.paused.clone()),
            campaign: self.campaign(),
            units,
        }
    }

    /// Those with an unfinished entry in the line.
    fn in_line(&self) -> Vec<UnitStatus> {
        let Some(line) = self.line else {
            return Vec::new();
        };
        let finished = |ticket: &Ticket| self.finished(ticket);
        let entries = line.entries.iter().map(|entry| &entry.ticket);
        let waiting = entries.filter(|ticket| !finished(ticket)).enumerate();
        let status = |(index, ticket): (usize, &Ticket)| {
            let turn = line.turn(ticket, finished);
            let invited_at = line.position(ticket).and_then(|at| line.entries[at].at);
            let state = self.state_of(&ticket.unit);
            let asked = state.filter(|state| state.seq >= ticket.seq);
            let asked_at = asked.map_or(invited_at, |state| state.requested_at);
            let (place, since, wait, waits_for) = match turn {
                Turn::Start(_) => (
                    Place::Turn,
                    self.turn_since(line, ticket),
                    self.inside(ticket),
                    Vec::new(),
                ),
                Turn::Wait(Wait::Behind(ahead)) => {
                    let units: Vec<&UnitName> = ahead.iter().map(|ticket| &ticket.unit).collect();
                    let behind = || format!("behind {}", self.names(&units));
                    let wait = self.stopped(&units).unwrap_or_else(behind);
                    let units = ahead.into_iter().map(|ticket| ticket.unit).collect();
                    (Place::InLine, asked_at, wait, units)
                }
                Turn::Wait(wait) => (Place::InLine, asked_at, wait.to_string(), Vec::new()),
                Turn::NotRequested => (Place::InLine, asked_at, String::new(), Vec::new()),
            };
            UnitStatus {
                position: Some(index + 1),
                waits_for,
                wait: Some(wait),
                since,
                ..self.unit(&ticket.unit, place, Some(ticket))
            }
        };
        waiting.map(status).collect()
    }

    /// Those whose request is not in the line, in the order in which they join it under [`Rotation`].
    fn requested(&self, in_line: &[UnitStatus]) -> Vec<UnitStatus> {
        let asking = self
            .records
            .iter()
            .filter(|(unit, _)| in_line.iter().all(|known| known.unit != **unit));
        let asking =
            asking.filter_map(|(unit, record)| Request::of(unit, self.lock, record.good()?));
        let mut queue: Vec<Request> = asking.collect();
        let last = self.line.and_then(|line| line.entries.last());
        if let Some(leader) = self.leader.or_else(|| self.records.keys().next()) {
            let mut situation = Situation::new(leader);
            situation.last = last.map(|last| &last.ticket.unit);
            Rotation::default().order(self.lock, &mut queue, &situation);
        }
        // The leader appends them when somebody may start, or when a finish has left nobody in the queue.
        let limit = last.map_or(1, |last| last.limit as usize).max(1);
        let full = in_line.len() >= limit;
        let ahead: Vec<&UnitName> = in_line.iter().map(|status| &status.unit).collect();
        let status = |(index, request): (usize, Request)| {
            let unit = &request.ticket.unit;
            let state = self.state_of(unit);
            let queued = full.then_some((index + 1, ahead.as_slice()));
            let waits_for = ahead.iter().filter(|_| full).copied().cloned();
            UnitStatus {
                wait: Some(self.before_the_line(unit, queued)),
                waits_for: waits_for.collect(),
                since: state.and_then(|state| state.requested_at),
                ..self.unit(unit, Place::Requested, Some(&request.ticket))
            }
        };
        queue.into_iter().enumerate().map(status).collect()
    }

    /// Those whom a campaign calls and the leader has not invited yet.
    fn called(&self, known: &[UnitStatus]) -> Vec<UnitStatus> {
        let Some(line) = self.line else {
            return Vec::new();
        };
        let is_known = |unit: &UnitName| known.iter().any(|status| status.unit == *unit);
        let mut units = Vec::new();
        for (unit, record) in self.records {
            let state = self.state_of(unit);
            let readable = record.good().is_some() || *record == Reading::Absent;
            if let Some(campaign) = line.calls(state).filter(|_| readable && !is_known(unit)) {
                units.push(UnitStatus {
                    wait: Some(self.before_the_invitation(unit)),
                    since: campaign.at,
                    operation: campaign.operation.clone(),
                    ..self.unit(unit, Place::Called, None)
                });
            }
        }
        units
    }

    /// What a unit waits for that a campaign calls.
    fn before_the_invitation(&self, unit: &UnitName) -> String {
        if let Some(why) = self.closed {
            return why.to_owned();
        }
        if self.is_leaving(unit) {
            return LEAVING.to_owned();
        }
        match self.records.get(unit) {
            Some(Reading::Absent) => {
                "asks in its next hook: nobody knows its record yet".to_owned()
            }
            _ => "the leader invites it when the line runs short".to_owned(),
        }
    }

    /// How far the last campaign has come.
    fn campaign(&self) -> Option<CampaignStatus> {
        let line = self.line?;
        let campaign = line.campaign.as_ref()?;
        let here = |unit: &&UnitName| !self.is_leaving(unit);
        let units: Vec<&UnitName> = self.records.keys().filter(here).collect();
        let has_gone = |unit: &&UnitName| {
            let state = self.state_of(unit);
            state.is_some_and(|state| state.served.as_ref() == Some(&campaign.id))
        };
        let (gone, left): (Vec<_>, Vec<_>) = units.into_iter().partition(has_gone);
        Some(CampaignStatus {
            reason: campaign.reason.clone(),
            operation: campaign.operation.clone(),
            since: campaign.at,
            aborted: campaign.aborted,
            gone: gone.into_iter().cloned().collect(),
            left: left.into_iter().cloned().collect(),
        })
    }

    fn unit(&self, unit: &UnitName, place: Place, ticket: Option<&Ticket>) -> UnitStatus {
        let state = self.state_of(unit);
        let asked = state.map_or(0, |state| state.seq);
        let invited = ticket.is_some_and(|ticket| ticket.seq > asked);
        let campaign = self.line.and_then(|line| line.campaign.as_ref());
        let operation = match campaign.filter(|_| invited) {
            Some(campaign) => campaign.operation.clone(),
            None => state.and_then(|state| state.operation.clone()),
        };
        let outcome = state.and_then(|state| state.outcome.clone());
        let reason = state.and_then(|state| state.reason.clone());
        let last = outcome.as_ref().map(|outcome| match &reason {
            Some(why) => format!("{}: {why}", outcome.as_str()),
            None => outcome.as_str().to_owned(),
        });
        let own = ticket.and_then(|ticket| self.own_attempt(ticket));
        let published = || {
            let state = state.filter(|state| state.attempt > 0)?;
            // What is published is about the request before this one, unless its last attempt has failed.
            let is_about_it =
                ticket.is_none() || state.check.is_some() || state.outcome == Some(Outcome::Failed);
            is_about_it.then_some(state.attempt)
        };
        UnitStatus {
            unit: unit.clone(),
            place,
            position: None,
            waits_for: Vec::new(),
            wait: None,
            since: None,
            held: state.and_then(|state| state.held.clone()),
            check: state.and_then(|state| state.check),
            retry_at: state.and_then(|state| state.retry_at),
            ticket: ticket.map(ToString::to_string),
            number: ticket.map(|ticket| ticket.seq),
            operation,
            attempt: own.map(|started| started.attempt).or_else(published),
            outcome,
            reason,
            unavailable: self.unavailable(unit),
            done: state.map_or(0, |state| state.done),
            last,
        }
    }

    /// What a unit does whose turn it is.
    fn inside(&self, ticket: &Ticket) -> String {
        if let Some(started) = self.own_attempt(ticket).filter(|started| !started.ended) {
            let attempt = started.attempt;
            return if self.observer.running.contains(self.lock) {
                format!("running, attempt {attempt}")
            } else {
                format!("attempt {attempt} was interrupted; its next hook begins another")
            };
        }
        let state = self.state_of(&ticket.unit);
        if let Some(check) = state.and_then(|state| state.check) {
            return check.words(state.and_then(|state| state.reason.as_deref()));
        }
        if let Some(held) = state.and_then(|state| state.held.as_ref()) {
            return format!("held back: {held}");
        }
        if let Some((attempt, why)) = self.failed(&ticket.unit) {
            return match self.is_stopped(ticket, attempt) {
                true => format!(
                    "attempt {attempt} failed: {why}; waits for an operator's retry or skip"
                ),
                false => match state.and_then(|state| state.retry_at) {
                    Some(at) => {
                        let at = at.time();
                        format!("attempt {attempt} failed: {why}; tries again at {at} UTC")
                    }
                    None => format!("attempt {attempt} failed: {why}; its next hook tries again"),
                },
            };
        }
        if self.observer.unit.as_ref() == Some(&ticket.unit) {
            return "its next hook begins".to_owned();
        }
        if self.is_leaving(&ticket.unit) {
            return LEAVING.to_owned();
        }
        // Nothing is published before an attempt has ended, and nothing at all if its hook fails.
        "running or failed, see its log".to_owned()
    }

    /// The first failure of these units, if it is what holds up everybody behind them.
    fn stopped(&self, ahead: &[&UnitName]) -> Option<String> {
        ahead.iter().find_map(|unit| {
            let (_, why) = self.failed(unit)?;
            Some(format!("{STOPPED}{unit} failed: {why}"))
        })
    }

    /// The first few of these units by name, and how many more there are.
    fn names(&self, units: &[&UnitName]) -> String {
        let name = |unit: &&UnitName| {
            let check = self.state_of(unit).and_then(|state| state.check);
            match check.map(|check| check.ok) {
                _ if self.is_leaving(unit) => format!("{unit}, which is {LEAVING}"),
                Some(true) => format!("{unit}, which is soaking"),
                Some(false) => format!("{unit}, whose check fails"),
                None => unit.to_string(),
            }
        };
        let named: Vec<String> = units.iter().take(NAMED).map(name).collect();
        let rest = match units.len().saturating_sub(NAMED) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("{}{rest}", named.join(", "))
    }

    /// What a unit waits for that is not in the line; `queued` is its place behind the units of a line that is long
    /// enough.
    fn before_the_line(&self, unit: &UnitName, queued: Option<(usize, &[&UnitName])>) -> String {
        if let Some(why) = self.closed {
            return why.to_owned();
        }
        let line = self.line.cloned().unwrap_or_default();
        if let Some(endpoint) = line.moved {
            return Wait::Moved(endpoint).to_string();
        }
        if line.cancelled.iter().any(|ticket| ticket.unit == *unit) {
            return Wait::Cancelled.to_string();
        }
        if self.is_leaving(unit) {
            return LEAVING.to_owned();
        }
        match (queued, self.leader) {
            (Some((place, ahead)), _) => self.stopped(ahead).unwrap_or_else(|| {
                let names = self.names(ahead);
                format!("queued, {} behind {names}", ordinal(place))
            }),
            (None, leader) => {
                let leader = leader.map_or_else(String::new, |leader| format!(" {leader}"));
                let besides = self.unavailable_besides(unit);
                format!("waits for the leader{leader} to put it in the line{besides}")
            }
        }
    }

    /// Which others are unavailable, if that may be why an available unit is not in the line.
    fn unavailable_besides(&self, unit: &UnitName) -> String {
        let others = self.records.keys().filter(|other| *other != unit);
        let others: Vec<&UnitName> = others
            .filter(|other| self.unavailable(other).is_some() && !self.is_leaving(other))
            .collect();
        if others.is_empty() || self.unavailable(unit).is_some() {
            return String::new();
        }
        format!("; unavailable: {}", self.names(&others))
    }

    fn unavailable(&self, unit: &UnitName) -> Option<String> {
        let record = self.records.get(unit)?.good()?;
        record.unavailable.clone()
    }

    /// Since when a unit has had its turn or, if an attempt has failed, since when it is known to have.
    fn turn_since(&self, line: &LockLine, ticket: &Ticket) -> Option<Wall> {
        let state = self.state_of(&ticket.unit);
        if let Some(state) = state.filter(|state| state.outcome == Some(Outcome::Failed)) {
            return state.ended_at;
        }
        let begun = self.own_attempt(ticket).and_then(|started| started.at);
        if begun.is_some() {
            return begun;
        }
        let position = line.position(ticket)?;
        let entry = &line.entries[position];
        let ahead = line.entries[..position].iter().map(|entry| &entry.ticket);
        let ahead = ahead.filter(|ticket| self.finished(ticket));
        let mut ends: Vec<Wall> = ahead
            .filter_map(|ticket| self.state_of(&ticket.unit)?.ended_at)
            .collect();
        ends.sort_unstable();
        // So many of those ahead of it had to finish first.
        let finishes = (position + 1).saturating_sub(entry.limit as usize);
        let last = finishes.checked_sub(1).and_then(|last| ends.get(last));
        entry.at.max(last.copied())
    }

    /// The attempt at this ticket that the observer's own journal knows.
    fn own_attempt(&self, ticket: &Ticket) -> Option<Started> {
        let is_own = self.observer.unit.as_ref() == Some(&ticket.unit);
        let started = self.observer.started.get(self.lock).copied();
        started.filter(|started| is_own && started.seq == ticket.seq)
    }

    /// The last attempt and its reason, if that is what holds up a unit's turn.
    fn failed(&self, unit: &UnitName) -> Option<(u16, String)> {
        let state = self.state_of(unit)?;
        let failed = state.outcome == Some(Outcome::Failed) && state.seq > state.done;
        failed.then(|| (state.attempt, state.reason.clone().unwrap_or_default()))
    }

    /// Whether no other attempt begins before an operator permits it.
    fn is_stopped(&self, ticket: &Ticket, failed_attempt: u16) -> bool {
        let state = self.state_of(&ticket.unit);
        let permitted = self
            .line
            .is_some_and(|line| line.permits(ticket, failed_attempt));
        state.is_some_and(|state| state.stopped) && !permitted
    }

    /// Whether a unit is not in the relation: its entry stays until the controller has forgotten it.
    fn is_leaving(&self, unit: &UnitName) -> bool {
        let members = self.observer.members.as_ref();
        members.is_some_and(|members| !members.contains(unit))
    }

    fn finished(&self, ticket: &Ticket) -> bool {
        let known = self.observer.finished.get(self.lock);
        let record = self.records.get(&ticket.unit).and_then(Reading::good);
        known.is_some_and(|known| known.contains(ticket))
            || record.is_some_and(|record| record.finished(self.lock, ticket))
    }

    fn state_of(&self, unit: &UnitName) -> Option<&LockRecord> {
        let record = self.records.get(unit)?.good()?;
        record.locks.get(self.lock)
    }
}

/// What is said of a unit that has departed.
const LEAVING: &str = "leaving, until Juju forgets it";
