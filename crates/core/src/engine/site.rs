//! One endpoint, as this visit knows it.

use std::collections::BTreeSet;

use super::round::Round;
use super::session::OwnValue;
use super::{Effect, Need, Pending, Roster, Session, Stored};
use crate::unit::{Own, Unit};
use crate::{
    Errand, Incarnation, Journal, Line, LockName, News, Reading, Ticket, Transition, Turn,
    UnitName, UnitRecord, View, decode_line, decode_record,
};

/// One endpoint, as this visit knows it: the line, the unit, and the other units as far as they were read.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) endpoint: String,
    pub(super) session: Session,
    pub(super) line: Reading<Line>,
    pub(super) view: View,
    pub(super) unit: Option<Unit>,
    /// The roster on the disk, once it was read or written.
    pub(super) roster: Option<Roster>,
    /// The journal on the disk, once the effects have been carried out.
    journal: Journal,
    /// The session on the disk, as far as it is known.
    stored: Option<Session>,
    /// The line that this process last decided to write, should it be too late for that.
    pub(super) unwritten: Option<Box<Pending>>,
}

impl Site {
    /// Begins this hook on the endpoint, or continues it. With `met` only another endpoint's visit looks here, and not
    /// the charm itself.
    pub(super) fn open(round: &mut Round<'_>, endpoint: &str, met: bool) -> Result<Self, Need> {
        let stored = round.known.stored(endpoint)?;
        let journal = stored.journal.clone().unwrap_or_default();
        let before = match &stored.session {
            Some(session) if session.context == round.facts.context => {
                let mut site = Self::new(endpoint, session.clone(), journal);
                site.session.met &= met;
                site.stored = Some(session.clone());
                return Ok(site);
            }
            before => before.as_ref(),
        };
        let mut session = Session::begin(round, endpoint, before)?;
        session.met = met;
        let mut site = Self::new(endpoint, session, journal);
        site.tell_places(round, before);
        if before.is_some_and(|before| before.woke) && !round.facts.will_be_retried {
            // The waker of the hook before gives up when it sees this one. Should this be cut off, nothing else would
            // do that hook's work. So first the waker, then the session.
            site.wake(round, Errand::Hook);
        }
        Ok(site)
    }

    /// Tells which of this unit's requests have come into the line since the hook `before`, and wait there.
    fn tell_places(&self, round: &mut Round<'_>, before: Option<&Session>) {
        let Some(incarnation) = &self.journal.incarnation else {
            return;
        };
        let (Some(line), Some(before)) = (self.line.good(), before) else {
            return;
        };
        let before = decode_line(before.line.as_deref());
        let record = UnitRecord {
            locks: self.journal.records(),
            ..UnitRecord::new(incarnation.clone())
        };
        for (lock, line) in &line.locks {
            let Some(ticket) = record.next(&round.facts.unit, lock, Some(line)) else {
                continue;
            };
            let before = before.good().and_then(|line| line.locks.get(lock));
            let was_there = before.is_some_and(|line| line.position(&ticket).is_some());
            let finished = |ticket: &Ticket| self.view.finished(lock, ticket);
            // Where its turn has come, that is told instead.
            if was_there || matches!(line.turn(&ticket, finished), Turn::Start(_)) {
                continue;
            }
            let entries = line.entries.iter().map(|entry| &entry.ticket);
            let mut waiting = entries.filter(|ticket| !finished(ticket));
            let place = waiting.position(|waiting| *waiting == ticket);
            round.news.extend(place.map(|place| News {
                lock: lock.clone(),
                transition: Transition::InLine {
                    ticket: ticket.clone(),
                    position: place + 1,
                },
            }));
        }
    }

    fn new(endpoint: &str, session: Session, journal: Journal) -> Self {
        let mut view = View::knowing(session.finished.clone());
        for (unit, value) in &session.peers {
            view.handle_record(unit.clone(), decode_peer(value));
        }
        let mut site = Self {
            endpoint: endpoint.to_owned(),
            line: decode_line(session.line.as_deref()),
            view,
            unit: None,
            roster: None,
            session,
            journal,
            stored: None,
            unwritten: None,
        };
        site.journal.busy = site.busy();
        site
    }

    /// Takes over what another process of this hook has stored.
    pub(super) fn renew(&mut self, stored: Stored) {
        let session = stored.session.unwrap_or_else(|| self.session.clone());
        let journal = stored.journal.unwrap_or_default();
        *self = Self::new(&self.endpoint, session.clone(), journal);
        self.stored = Some(session);
    }

    fn busy(&self) -> BTreeSet<LockName> {
        self.session.orphans.keys().cloned().collect()
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The tickets for which this unit only waits, if the journal alone can tell.
    pub(super) fn quiet_tickets(&self, me: &UnitName) -> Option<Vec<(LockName, Ticket)>> {
        if self.unit.is_some() || !self.session.running.is_empty() {
            return None;
        }
        let confirmed = self.session.confirmed.as_ref();
        self.journal.waiting(me, self.line.good()?, confirmed)
    }

    /// The unit as this hook knows it; the first call needs its own databag.
    pub(super) fn load_unit(&mut self, round: &mut Round<'_>) -> Result<&mut Unit, Need> {
        let mut unit = match self.unit.take() {
            Some(unit) => unit,
            None => self.read_unit(round)?,
        };
        unit.handle_time(round.wall, round.moment());
        unit.handle_availability(self.session.availability.why_not());
        Ok(self.unit.insert(unit))
    }

    fn read_unit(&mut self, round: &mut Round<'_>) -> Result<Unit, Need> {
        let own = self.own_value(round)?;
        let unit = Unit::open(
            round.facts.unit.clone(),
            Own {
                record: decode_record(own.value.as_deref()),
                written: own.written,
                line: self.line.clone(),
                journal: self.journal.clone(),
                running: self.session.running.clone(),
                wall: round.wall,
                zone: round.facts.zone.as_deref(),
                lost: self.session.lost,
                join: round.facts.join,
                at_home: !self.session.met,
                newborn: round.facts.is_newborn(&self.session),
                fresh: Incarnation::on_endpoint(&self.endpoint, round.facts.random),
            },
        );
        round.warnings.extend_from_slice(unit.reports());
        Ok(unit)
    }

    /// The value of this unit's own key, read once per hook.
    fn own_value(&mut self, round: &Round<'_>) -> Result<OwnValue, Need> {
        if let Some(own) = &self.session.own {
            return Ok(own.clone());
        }
        let value = match &self.session.relation {
            Some(relation) => round.known.own(relation)?.cloned(),
            None => None,
        };
        let own = OwnValue {
            value,
            written: false,
        };
        Ok(self.session.own.insert(own).clone())
    }

    /// Publishes the unit's record if it has changed, after the journal.
    pub(super) fn publish(&mut self, round: &mut Round<'_>) {
        self.store_journal(round);
        let (Some(unit), Some(relation)) = (&mut self.unit, &self.session.relation) else {
            return;
        };
        let relation = relation.clone();
        let Some(value) = unit.publish() else { return };
        let stored = self.stored.as_ref().and_then(|stored| stored.own.as_ref());
        if stored.is_none() {
            // What was read goes to the disk first: a later process of this hook would read what this one writes.
            round.effects.extend(self.poll_session());
        }
        round.tell(Effect::PublishRecord {
            relation,
            value: value.clone(),
        });
        self.session.own = Some(OwnValue {
            value: Some(value),
            written: true,
        });
    }

    pub(super) fn publish_own(&mut self, round: &mut Round<'_>) -> Result<(), Need> {
        self.load_unit(round)?;
        self.publish(round);
        Ok(())
    }

    pub(super) fn store_journal(&mut self, round: &mut Round<'_>) {
        let unit = self.unit.as_ref();
        if let Some(journal) = unit.and_then(|unit| unit.poll_journal(&self.journal)) {
            round.tell(Effect::StoreJournal {
                endpoint: self.endpoint.clone(),
                journal: Box::new(journal.clone()),
            });
            self.journal = journal;
        }
    }

    /// Stores what this hook knows, for its later processes and for later hooks, if that has changed.
    pub(super) fn poll_session(&mut self) -> Option<Effect> {
        self.note_finishes();
        if let Some(confirmed) = self.unit.as_ref().and_then(Unit::confirmed) {
            self.session.confirmed = Some(confirmed.clone());
            self.session.availability_is_news = false;
        }
        if self.stored.as_ref() == Some(&self.session) {
            return None;
        }
        self.stored = Some(self.session.clone());
        Some(Effect::StoreSession {
            endpoint: self.endpoint.clone(),
            session: Box::new(self.session.clone()),
        })
    }

    /// Notes which entries of the line are finished, and whether one of them is news.
    pub(super) fn note_finishes(&mut self) {
        let Some(line) = self.line.good() else { return };
        let finished = self.view.finished_of(line);
        let known = &self.session.finished;
        let is_news = |lock: &LockName, ticket: &Ticket| {
            known.get(lock).is_none_or(|known| !known.contains(ticket))
        };
        self.session.saw_finish |= finished
            .iter()
            .any(|(lock, tickets)| tickets.iter().any(|ticket| is_news(lock, ticket)));
        self.session.finished = finished;
    }

    /// Schedules work that no event triggers.
    pub(super) fn wake(&mut self, round: &mut Round<'_>, errand: Errand) {
        if errand == Errand::Hook && std::mem::replace(&mut self.session.woke, true) {
            return;
        }
        round.tell(Effect::Wake {
            endpoint: self.endpoint.clone(),
            errand,
        });
    }

    /// Whether this unit's operation may start now.
    pub(super) fn turn(&mut self, round: &mut Round<'_>, lock: &LockName) -> Result<Turn, Need> {
        let waiting = self.quiet_tickets(&round.facts.unit).into_iter().flatten();
        if let Some((_, ticket)) = waiting.into_iter().find(|(waiting, _)| waiting == lock) {
            let line = self.line.good().and_then(|line| line.locks.get(lock));
            let line = line.cloned().unwrap_or_default();
            let turn = self.settle(round, |view| {
                line.turn(&ticket, |other| view.finished(lock, other))
            })?;
            if let Turn::Wait(_) = turn {
                return Ok(turn);
            }
        }
        let unit = self.load_unit(round)?.clone();
        self.settle(round, |view| unit.turn(lock, view))
    }

    /// Reads the records that could still end the wait, one after the other.
    fn settle(&mut self, round: &Round<'_>, turn: impl Fn(&View) -> Turn) -> Result<Turn, Need> {
        loop {
            let now = turn(&self.view);
            let Turn::Wait(wait) = &now else {
                return Ok(now);
            };
            let hint = round.facts.remote_unit.as_ref();
            let rotation = self.session.read_at.0;
            let Some(next) = wait.next_to_read(|unit| self.view.has_read(unit), hint, rotation)
            else {
                return Ok(now);
            };
            self.read_peers(round, [&next])?;
        }
    }

    /// Reads the records of peers.
    pub(super) fn read_peers<'a>(
        &mut self,
        round: &Round<'_>,
        units: impl IntoIterator<Item = &'a UnitName>,
    ) -> Result<(), Need> {
        let mut missing = Vec::new();
        for unit in units {
            if self.view.has_read(unit) {
                continue;
            }
            let Some(relation) = &self.session.relation else {
                self.view.handle_record(unit.clone(), Reading::Absent);
                continue;
            };
            let Some(value) = round.known.record(relation, unit) else {
                missing.push(unit.clone());
                continue;
            };
            self.view.handle_record(unit.clone(), decode_peer(value));
            self.session.peers.insert(unit.clone(), value.clone());
        }
        match &self.session.relation {
            Some(relation) if !missing.is_empty() => Err(Need::Records(relation.clone(), missing)),
            _ => Ok(()),
        }
    }

    /// Takes a peer's record as an earlier hook has read it, unless this one has.
    pub(super) fn remember_peer(
        &mut self,
        unit: &UnitName,
        value: &Result<Option<String>, String>,
    ) {
        if !self.view.has_read(unit) {
            self.view
                .handle_remembered(unit.clone(), decode_peer(value));
        }
    }

    /// Whether a ticket, of any unit, is finished as far as this hook has read.
    pub(super) fn is_finished(
        &mut self,
        round: &mut Round<'_>,
        lock: &LockName,
        ticket: &Ticket,
    ) -> Result<bool, Need> {
        self.load_unit(round)?;
        let unit = self.unit.as_ref();
        Ok(unit.is_some_and(|unit| unit.finished(lock, ticket, &self.view)))
    }
}

fn decode_peer(value: &Result<Option<String>, String>) -> Reading<UnitRecord> {
    match value {
        Ok(value) => decode_record(value.as_deref()),
        Err(why) => Reading::Unreadable(why.clone()),
    }
}
