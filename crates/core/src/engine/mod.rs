//! The engine: one unit in one hook, without any I/O.
//!
//! All decisions of a hook are made here: what to read and in which order, what to remember, when to ask the
//! controller, when to postpone, when to wake. A driver only reads, writes and runs. It asks a *question*, such as
//! [`Engine::start`]. The engine either answers it, or says what it needs to know first ([`Need`]): the driver reads that,
//! hands it in ([`Engine::handle_answer`]), and asks again. An answered question has *effects* ([`Engine::poll_effect`]),
//! which the driver carries out one after the other before it does anything else.
//!
//! A question that needs something leaves no trace: the next attempt starts afresh, with more known. So a question is
//! always answered as if everything that it needs had been known from the start.

mod answer;
mod availability;
mod begin;
mod check;
mod effect;
mod expect;
mod facts;
mod gate;
mod home;
mod inquiry;
mod lead;
mod need;
mod order;
mod pending;
mod roster;
mod round;
mod session;
mod site;
mod visit;

use std::collections::{BTreeMap, VecDeque};

pub use answer::{Carried, Start};
pub use availability::Availability;
pub use effect::Effect;
pub use expect::PATIENCE;
pub use facts::{Facts, Process};
pub use need::{Answer, Gate, LineRead, Need, Shared, Stored};
pub use pending::{Found, Pending, Verdict};
pub use roster::Roster;
pub use session::Session;

use crate::policy::Policy;
use crate::{
    Call, Errand, Instructed, Instruction, Invitation, LockName, LockRecord, News, OnFailure,
    Order, Payload, Recovery, RelationId, Requested, RollPlan, Status, Tick, Ticket, Turn,
    UnitName, Wall,
};
use need::Known;
use round::Round;
use visit::Visit;

/// One unit in one hook.
///
/// Several processes of a hook may each have an engine; they share what the effects have stored. Before each question
/// the driver hands in what others have stored since ([`Engine::handle_stored`]) and the time
/// ([`Engine::handle_time`]).
#[derive(Debug)]
pub struct Engine {
    facts: Facts,
    known: Known,
    now: Tick,
    wall: Option<Wall>,
    visit: Visit,
    effects: VecDeque<Effect>,
    warnings: Vec<String>,
    news: Vec<News>,
}

/// Another hook of the unit has begun: nothing in this one counts any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookOver;

impl Engine {
    /// A visit that has read nothing yet.
    pub fn new(facts: Facts) -> Self {
        Self {
            facts,
            known: Known::default(),
            now: Tick(0),
            wall: None,
            visit: Visit::default(),
            effects: VecDeque::new(),
            warnings: Vec::new(),
            news: Vec::new(),
        }
    }

    /// Takes the present time. Call it before every attempt to ask a question.
    pub fn handle_time(&mut self, now: Tick) {
        self.now = now;
    }

    /// Takes the time on the wall clock, which readers are shown and which decides nothing. Without it, records and
    /// the line have no times, and nothing is counted for metrics.
    pub fn handle_wall_time(&mut self, wall: Option<Wall>) {
        self.wall = wall;
    }

    /// Takes an answer to a [`Need`].
    pub fn handle_answer(&mut self, answer: Answer) {
        self.known.handle(answer);
    }

    /// Begins another question: what other processes of the unit may have stored since the last one is asked for
    /// again, unless [`Engine::handle_stored`] hands it in.
    pub fn handle_question(&mut self) {
        self.known.forget_stored();
    }

    /// Takes what another process of the unit has stored for an open endpoint since this one last did.
    ///
    /// # Errors
    /// [`HookOver`] if it was another hook.
    pub fn handle_stored(&mut self, endpoint: &str, stored: Stored) -> Result<(), HookOver> {
        let session = stored.session.as_ref();
        if session.is_some_and(|session| session.context != self.facts.context) {
            return Err(HookOver);
        }
        if let Some(site) = self.visit.sites.get_mut(endpoint) {
            site.renew(stored);
        }
        Ok(())
    }

    /// Takes the news that Juju has refused the line that [`Effect::PublishLine`] wrote: another unit leads by now,
    /// and keeps the line. Failing the hook would lose what it did. Returns in words why the line was not written.
    pub fn handle_line_refused(&mut self, relation: &RelationId, why: &str) -> String {
        for site in self.visit.sites.values_mut() {
            if site.session.relation.as_ref() == Some(relation) {
                site.session.wrote_line = false;
            }
        }
        let why = format!("lost leadership; the line was not written: {why}");
        self.warn(why.clone());
        why
    }

    /// Takes the news that it is too late for the line of [`Effect::PublishLine`]. A separate visit then writes it. Returns
    /// that, as the reason why the line was not written.
    pub fn handle_line_late(&mut self, relation: &RelationId) -> &'static str {
        let late = self.ask(|visit, round| {
            for site in visit.sites.values_mut() {
                site.line_is_late(round, relation);
            }
            Ok(())
        });
        debug_assert_eq!(late, Ok(()), "everything is known");
        lead::TOO_LATE
    }

    /// Takes the news that the waker of [`Effect::Wake`] could not be started.
    pub fn handle_wake_failed(&mut self, endpoint: &str, errand: Errand, why: &str) {
        if let Some(site) = self.visit.sites.get_mut(endpoint) {
            site.session.woke &= errand != Errand::Hook;
            if let Errand::Later(_) = errand {
                site.session.alarm = None;
            }
        }
        self.warn(format!("cannot start a waker: {why}"));
    }

    /// Drops the effects that are left, because one of them has failed. Hand in what is stored for every open endpoint
    /// before the next question.
    pub fn drop_effects(&mut self) {
        self.effects.clear();
    }

    /// The next effect to carry out; `None` if all are done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        let next = self.effects.pop_front();
        next.or_else(|| {
            self.visit
                .sites
                .values_mut()
                .find_map(site::Site::poll_session)
        })
    }

    /// Warnings for the log; each is returned once.
    pub fn poll_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What has happened to this unit's requests, for the log; each is returned once.
    pub fn poll_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// The endpoints that this visit has looked at.
    pub fn open_endpoints(&self) -> impl Iterator<Item = &str> {
        self.visit.sites.keys().map(String::as_str)
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Visit, &mut Round<'_>) -> Result<T, Need>,
    ) -> Result<T, Need> {
        let mut visit = self.visit.clone();
        let mut round = Round {
            facts: &self.facts,
            known: &self.known,
            now: self.now,
            wall: self.wall,
            effects: Vec::new(),
            warnings: Vec::new(),
            news: Vec::new(),
        };
        let answer = question(&mut visit, &mut round)?;
        let Round {
            effects,
            warnings,
            news,
            ..
        } = round;
        self.news.extend(news);
        self.news.extend(visit.take_news());
        self.visit = visit;
        self.effects.extend(effects);
        for warning in warnings {
            self.warn(warning);
        }
        Ok(answer)
    }

    fn here(&self) -> Option<&Session> {
        let site = self.visit.sites.get(&self.facts.endpoint)?;
        Some(&site.session)
    }

    /// Begins the hook, or continues it. The first question of a hook asks whether the unit leads and reads the line,
    /// in this order, and should come before anything else that the hook does.
    ///
    /// # Errors
    /// What has to be known first, as for every question.
    pub fn open(&mut self) -> Result<(), Need> {
        self.ask(|visit, round| visit.here(round).map(drop))
    }

    /// Requests a turn.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn request(
        &mut self,
        lock: &LockName,
        operation: Option<&str>,
        payload: &Payload,
    ) -> Result<Requested, Need> {
        self.ask(|visit, round| visit.request(round, lock, operation, payload))
    }

    /// Withdraws all of the unit's requests for a lock, with an optional reason for readers. Returns false if none is
    /// waiting or the operation is running.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn withdraw(&mut self, lock: &LockName, reason: Option<&str>) -> Result<bool, Need> {
        self.ask(|visit, round| visit.withdraw(round, lock, reason))
    }

    /// Expects a campaign: all units know of this reason, so the leader rolls them when it expects it as well
    /// ([`Engine::release`]), and none need ask. A unit that no campaign has called after [`PATIENCE`] asks for itself. It
    /// expects until an operation begins, it passes, or an operator aborts the campaign that answers it. What it expects
    /// already is joined to this as two requests are, under the newer reason.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn expect(&mut self, lock: &LockName, call: &Call) -> Result<(), Need> {
        self.ask(|visit, round| visit.expect(round, lock, call))
    }

    /// Passes in the campaign that calls this unit for a lock: it needs no turn. Returns false if none does, or if the
    /// unit has a request of its own, which [`Engine::withdraw`] takes back.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn pass(&mut self, lock: &LockName, reason: Option<&str>) -> Result<bool, Need> {
        self.ask(|visit, round| visit.pass(round, lock, reason))
    }

    /// Whether this unit's turn has come. [`Engine::start`] also asks whether the unit itself holds it back ([`Gate`]).
    ///
    /// # Errors
    /// What has to be known first.
    pub fn turn(&mut self, lock: &LockName) -> Result<Turn, Need> {
        self.ask(|visit, round| visit.at_home(round, lock)?.turn(round, lock))
    }

    /// Begins the operation if it is this unit's turn. If it has succeeded already and its check has yet to hold, looks at
    /// that instead ([`Need::Check`]).
    ///
    /// # Errors
    /// What has to be known first.
    pub fn start(&mut self, lock: &LockName) -> Result<Start, Need> {
        self.ask(|visit, round| visit.start(round, lock))
    }

    /// For which request on this endpoint this unit is to keep a shared lock, or its place in the line for it
    /// ([`Need::Shared`]); `None`: it is to give it back, if it has one.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn shared_is_for(&mut self, endpoint: &str, lock: &LockName) -> Result<Option<u64>, Need> {
        self.ask(|visit, round| visit.shared_is_for(round, endpoint, lock))
    }

    /// Whether this endpoint is one that the charm used before a refresh, so that what this unit still has there is looked
    /// after here.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn succeeds(&mut self, endpoint: &str) -> Result<bool, Need> {
        self.ask(|visit, round| {
            let others = visit.other_endpoints(round)?;
            Ok(others.iter().any(|other| other == endpoint))
        })
    }

    /// Records a process that works on the operation which [`Engine::start`] began, in addition to this one. While
    /// either is alive, no later hook begins another attempt.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn note_process(&mut self, lock: &LockName, process: Process) -> Result<(), Need> {
        self.ask(|visit, round| visit.note_process(round, lock, process))
    }

    /// Ends the operation that [`Engine::start`] began; after a failure the unit keeps its place. A success also ends
    /// the requests up to number `served`, if they were made before it began.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn finish(
        &mut self,
        lock: &LockName,
        result: Result<(), &str>,
        served: Option<u64>,
    ) -> Result<(), Need> {
        self.ask(|visit, round| visit.finish(round, lock, result, served))
    }

    /// Ends the operation that [`Engine::start`] began, which has succeeded and has a check: the unit keeps its turn until
    /// [`Engine::look_at_check`], which is asked next, or [`Engine::start`] in a later hook has found that it has held. Then the requests up to number
    /// `served` end with it, if they were made before the operation began.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn put_on_trial(&mut self, lock: &LockName, served: Option<u64>) -> Result<(), Need> {
        self.ask(|visit, round| visit.put_on_trial(round, lock, served))
    }

    /// Looks at the check of an operation that has been put on trial, as [`Engine::start`] does; `None` if there is none.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn look_at_check(&mut self, lock: &LockName) -> Result<Option<Start>, Need> {
        self.ask(|visit, round| visit.at_home(round, lock)?.look_at_check(round, lock))
    }

    /// Ends the operation that [`Engine::start`] began, which has failed. Returns what the unit then does, as `recovery`
    /// says.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn fail(
        &mut self,
        lock: &LockName,
        why: &str,
        recovery: impl Into<Recovery>,
    ) -> Result<OnFailure, Need> {
        let recovery = recovery.into();
        self.ask(|visit, round| visit.fail(round, lock, why, recovery))
    }

    /// Ends the hook: publishes pending changes and, if this unit leads, maintains the line. It must be the last thing
    /// that the hook does, because the line may be written only for a short time after it was read.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn release(&mut self, policy: &dyn Policy, orders: &[Order]) -> Result<(), Need> {
        self.ask(|visit, round| visit.release(round, policy, orders))
    }

    /// The ticket with which a unit waits or works, as this leader sees it; `None` if none is outstanding.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn ticket_of(&mut self, lock: &LockName, unit: &UnitName) -> Result<Option<Ticket>, Need> {
        self.ask(|visit, round| visit.ticket_of(round, lock, unit))
    }

    /// Carries out an operator's instruction at once, and changes nothing else in the line. The unit must lead.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn instruct(
        &mut self,
        lock: &LockName,
        instruction: &Instruction,
    ) -> Result<Instructed, Need> {
        self.ask(|visit, round| visit.instruct(round, lock, instruction))
    }

    /// Rolls all units: announces a campaign at once, and fills the line by this policy. Without one, the leader's next
    /// release fills it. The unit must lead. If a campaign for the same reason is under way, that goes on
    /// ([`Instructed::AlreadySo`]); one for another reason gives way.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn roll(
        &mut self,
        lock: &LockName,
        call: &Call,
        policy: Option<&dyn Policy>,
    ) -> Result<Instructed, Need> {
        self.ask(|visit, round| visit.roll(round, lock, call, policy))
    }

    /// Carries out orders at once, and changes nothing else in the line. The unit must lead.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn carry_out(&mut self, orders: &[Order]) -> Result<Carried, Need> {
        self.ask(|visit, round| visit.carry_out(round, orders))
    }

    /// What this unit publishes about a lock, including this hook's changes.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn record(&mut self, lock: &LockName) -> Result<LockRecord, Need> {
        self.ask(|visit, round| visit.record(round, lock))
    }

    /// The payload of the request that is served next.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn payload(&mut self, lock: &LockName) -> Result<Payload, Need> {
        self.ask(|visit, round| visit.payload(round, lock))
    }

    /// What a campaign has this unit do now: its turn has come, and it has no request of its own. `None` otherwise, also
    /// once the operation has begun.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn invitation(&mut self, lock: &LockName) -> Result<Option<Invitation>, Need> {
        self.ask(|visit, round| visit.invitation(round, lock))
    }

    /// The locks for which a campaign has invited this unit and its turn has come, although it has no request of its own.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn invitations(&mut self) -> Result<Vec<LockName>, Need> {
        self.ask(Visit::invitations)
    }

    /// For each lock with an outstanding request of this unit, the number of the one that is served next, including
    /// those left on `others`, endpoints that the charm has used before.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn outstanding(&mut self, others: &[String]) -> Result<BTreeMap<LockName, u64>, Need> {
        self.ask(|visit, round| visit.outstanding(round, others))
    }

    /// The units that have requested a lock and are not in its line, in the order in which they would join it under
    /// [`Rotation`](crate::policy::Rotation). Needs every unit's record.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn queue(&mut self, lock: &LockName) -> Result<Vec<UnitName>, Need> {
        self.ask(|visit, round| visit.queue(round, lock))
    }

    /// Who would go when for a lock if the leader fills the line by this policy, and what stands in the way. Needs every
    /// unit's record.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn plan(&mut self, lock: &LockName, policy: &dyn Policy) -> Result<RollPlan, Need> {
        self.ask(|visit, round| visit.plan(round, lock, policy))
    }

    /// Where all requests stand. Needs every unit's record.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn status(&mut self) -> Result<Status, Need> {
        self.ask(Visit::status)
    }

    /// What this unit waits for, in one line for all its locks, such as "restart: 2nd in line, behind app/3"; `None` if
    /// nothing is requested. Says nothing of an operation that this hook is running. In a hook that has looked whose turn it is, this needs nothing more, so some
    /// of the entries that it counts may be finished.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn summary(&mut self) -> Result<Option<String>, Need> {
        self.ask(Visit::summary)
    }

    /// This unit's metrics, in the text format of Prometheus. [`Tally`](crate::Tally) says what is counted.
    ///
    /// # Errors
    /// What has to be known first.
    pub fn metrics(&mut self) -> Result<String, Need> {
        self.ask(Visit::metrics)
    }

    /// Whether this hook is running the lock's operation.
    pub fn is_running(&self, lock: &LockName) -> bool {
        self.visit.is_running(lock)
    }

    /// Whether this unit leads, according to this hook.
    pub fn is_leader(&self) -> bool {
        self.here().is_some_and(|session| session.leader)
    }

    /// Whether the peer relation exists.
    pub fn has_relation(&self) -> bool {
        self.here()
            .is_some_and(|session| session.relation.is_some())
    }

    /// The peer relation that this hook follows.
    pub fn relation(&self) -> Option<&RelationId> {
        self.here()?.relation.as_ref()
    }

    /// The text stored by [`Engine::note`] under a name, in this hook or an earlier one. It may be lost.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.here()?.notes.get(name).map(String::as_str)
    }

    /// Stores a short text under a name, for later hooks on this endpoint.
    pub fn note(&mut self, name: &str, text: &str) {
        if let Some(site) = self.visit.sites.get_mut(&self.facts.endpoint) {
            let notes = &mut site.session.notes;
            notes.insert(name.to_owned(), text.to_owned());
        }
    }

    /// Adds a warning for the log; only once, however often it is repeated.
    pub fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

#[cfg(test)]
mod tests;
