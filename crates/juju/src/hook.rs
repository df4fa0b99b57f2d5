//! One hook: what it reads from the databags, what the protocol decides, and what it writes.

use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_core::{
    Attempt, Incarnation, Journal, KEY, Line, LockName, Reading, Requested, Ticket, Turn, Unit,
    UnitName, View, Wait, decode_line, decode_record,
};

use crate::session::{OwnValue, Session};
use crate::state::{JOURNAL, SESSION, State};
use crate::tool::Bag;
use crate::{
    Environment, Errand, Error, Machine, Operation, Process, RelationId, Start, Tools, Transport,
};

/// One hook of one unit. It reads as little as it can, each thing at most once, and continues where an
/// earlier process of the same hook stopped.
///
/// Several processes of one hook may run at once: each method reads what the others have written, and locks them
/// out only while it reads and writes.
pub struct Hook {
    pub(crate) environment: Environment,
    pub(crate) transport: Rc<dyn Transport>,
    pub(crate) tools: Tools<Rc<dyn Transport>>,
    pub(crate) state: State,
    pub(crate) relation: Option<RelationId>,
    pub(crate) session: Session,
    pub(crate) line: Reading<Line>,
    pub(crate) view: View,
    pub(crate) warnings: Vec<String>,
    pub(crate) siblings: BTreeMap<String, Hook>,
    journal: Journal,
    pub(crate) unit: Option<Unit>,
}

impl Transport for Rc<dyn Transport> {
    fn call(
        &self,
        tool: &str,
        args: &[String],
        stdin: Option<&str>,
    ) -> std::io::Result<crate::ToolOutput> {
        (**self).call(tool, args, stdin)
    }
}

impl Hook {
    /// Begins the hook, or continues it. The first call of a hook asks whether the unit leads and reads
    /// the line, in this order, and should come before anything else that the hook does.
    ///
    /// Each endpoint has its own state, so a charm may use several side by side.
    ///
    /// # Errors
    /// A hook tool's failure; a state file that cannot be read or written;
    /// [`Error::NotDeclared`] if the charm lacks the peer relation `endpoint`.
    pub fn open(
        environment: Environment,
        transport: Rc<dyn Transport>,
        machine: Rc<dyn Machine>,
        endpoint: &str,
    ) -> Result<Self, Error> {
        let mut hook = Self::look(environment, transport, machine, endpoint, false)?;
        if hook.session.met {
            hook.session.met = false;
            hook.save_session()?;
        }
        Ok(hook)
    }

    /// As [`Hook::open`]; with `met` only another endpoint's hook looks here, and not the charm itself.
    pub(crate) fn look(
        environment: Environment,
        transport: Rc<dyn Transport>,
        machine: Rc<dyn Machine>,
        endpoint: &str,
        met: bool,
    ) -> Result<Self, Error> {
        let state = State::new(machine, endpoint);
        let _guard = state.lock()?;
        let mut warnings = Vec::new();
        state.adopt(&mut warnings)?;
        let journal: Journal = state.load(JOURNAL, &mut warnings)?.unwrap_or_default();
        let before: Option<Session> = state.load(SESSION, &mut warnings)?;
        let context = environment.context.clone();
        let mut hook = Self {
            session: Session::new(&context, state.machine().now()),
            environment,
            tools: Tools::new(Rc::clone(&transport)),
            transport,
            state,
            relation: None,
            line: Reading::Absent,
            view: View::default(),
            warnings,
            siblings: BTreeMap::new(),
            journal,
            unit: None,
        };
        match before {
            Some(session) if session.context == context => hook.resume(session),
            before => {
                hook.begin(before.as_ref())?;
                hook.session.met = met;
                if before.is_some_and(|session| session.woke) && !hook.environment.will_be_retried {
                    // The waker of the hook before gives up when it sees this one. Should this be cut
                    // off, nothing else would do that hook's work. So first the waker, then the session.
                    hook.wake(Errand::Hook);
                }
                hook.save_session()?;
            }
        }
        Ok(hook)
    }

    /// Continues where another process of this hook stopped.
    fn resume(&mut self, session: Session) {
        self.relation = session.relation.clone().map(RelationId::new);
        self.line = decode_line(session.line.as_deref());
        self.view = View::knowing(session.finished.clone());
        for (unit, value) in &session.peers {
            self.view.handle_record(unit.clone(), decode_peer(value));
        }
        self.session = session;
        self.journal.busy = self.busy();
    }

    /// Reads what other processes have written since this one last looked.
    ///
    /// # Errors
    /// [`Error::HookOver`] if another hook has begun: nothing in this one counts any more.
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        if self.state.has_changed(SESSION)? {
            let session: Option<Session> = self.state.load(SESSION, &mut self.warnings)?;
            if let Some(session) = session {
                if session.context != self.session.context {
                    return Err(Error::HookOver {
                        context: self.session.context.clone(),
                    });
                }
                self.resume(session);
                self.unit = None;
            }
        }
        if self.state.has_changed(JOURNAL)? {
            let journal = self.state.load(JOURNAL, &mut self.warnings)?;
            self.journal = journal.unwrap_or_default();
            self.journal.busy = self.busy();
            self.unit = None;
        }
        Ok(())
    }

    /// Requests a turn and publishes the request. If the relation does not exist yet, stores the request on
    /// disk to publish it later.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn request(
        &mut self,
        lock: &LockName,
        name: Option<&str>,
        operation: Option<Operation>,
    ) -> Result<Requested, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        self.at_home(lock)?.request_here(lock, name, operation)
    }

    pub(crate) fn request_here(
        &mut self,
        lock: &LockName,
        name: Option<&str>,
        operation: Option<Operation>,
    ) -> Result<Requested, Error> {
        let unit = self.load_unit()?;
        let requested = unit.handle_request(lock, name);
        if operation.as_ref().is_some_and(|operation| operation.lost) {
            unit.handle_lost(lock);
        } else if let Some(operation) = operation {
            let seq = requested.ticket.seq;
            let earlier = unit
                .payload_of(lock, seq)
                .map(|payload| Operation::from_payload(Some(payload)));
            let joined = earlier.unwrap_or_default().join(operation);
            unit.handle_payload(lock, seq, joined.to_payload());
        }
        self.publish()?;
        Ok(requested)
    }

    /// Withdraws the unit's requests for a lock. Returns false if none is waiting or the operation is running.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn withdraw(&mut self, lock: &LockName) -> Result<bool, Error> {
        self.withdraw_for(lock, None)
    }

    /// Withdraws the unit's requests for a lock because they have no claimant, and publishes the reason.
    /// Returns false if none is waiting or the operation is running.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn withdraw_because(&mut self, lock: &LockName, reason: &str) -> Result<bool, Error> {
        self.withdraw_for(lock, Some(reason))
    }

    fn withdraw_for(&mut self, lock: &LockName, reason: Option<&str>) -> Result<bool, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let home = self.at_home(lock)?;
        let withdrawn = home.load_unit()?.handle_withdraw(lock, reason);
        home.publish()?;
        Ok(withdrawn)
    }

    /// Whether this unit's operation may start now.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn turn(&mut self, lock: &LockName) -> Result<Turn, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        self.at_home(lock)?.turn_here(lock)
    }

    pub(crate) fn turn_here(&mut self, lock: &LockName) -> Result<Turn, Error> {
        if let Some(tickets) = self.quiet_tickets()
            && let Some((_, ticket)) = tickets.iter().find(|(waiting, _)| waiting == lock)
        {
            let line = self.line.clone();
            let turn = self.settle(|view| {
                let line = line.good().and_then(|line| line.locks.get(lock));
                line.map_or(Turn::NotRequested, |line| {
                    line.turn(ticket, |other| view.finished(lock, other))
                })
            });
            if let Turn::Wait(_) = turn {
                self.save_session()?;
                return Ok(turn);
            }
        }
        self.load_unit()?;
        let unit = self.unit.take();
        let turn = match &unit {
            Some(unit) => self.settle(|view| unit.turn(lock, view)),
            None => Turn::NotRequested,
        };
        self.unit = unit;
        self.save_session()?;
        Ok(turn)
    }

    /// Begins the operation if it is this unit's turn. The journal is then synced to disk.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn start(&mut self, lock: &LockName) -> Result<Start, Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        self.at_home(lock)?.start_here(lock).map(Start::of)
    }

    fn start_here(&mut self, lock: &LockName) -> Result<Result<(Attempt, Operation), Turn>, Error> {
        if self.session.running.contains(lock) {
            // Another process of this very hook is at it.
            return Ok(Err(Turn::Wait(Wait::Busy)));
        }
        match self.turn_here(lock)? {
            Turn::Start(_) => {}
            other => {
                if other == Turn::Wait(Wait::Busy) {
                    // That it ends brings no event.
                    self.wake(Errand::Hook);
                    self.save_session()?;
                }
                return Ok(Err(other));
            }
        }
        if !self.follows_the_lowest()? {
            return Ok(Err(Turn::Wait(Wait::NotInLine)));
        }
        let view = self.view.clone();
        let unit = self.load_unit()?;
        let lost = unit.is_lost(lock);
        let attempt = match unit.handle_start(lock, &view) {
            Ok(attempt) => attempt,
            Err(turn) => return Ok(Err(turn)),
        };
        let mut operation = Operation::from_payload(unit.payload(lock));
        operation.lost = lost;
        self.save_journal()?;
        self.session.running.insert(lock.clone());
        if let Some(process) = self.state.machine().process() {
            let at_work = self.session.processes.entry(lock.clone()).or_default();
            at_work.insert(process);
        }
        if !self.environment.will_be_retried {
            // Should this be cut off, or its commit refused, no other hook need come.
            self.wake(Errand::Hook);
        }
        self.save_session()?;
        Ok(Ok((attempt, operation)))
    }

    /// Records a process that works on the operation which [`Hook::start`] began, in addition to this process. While
    /// either is alive, no later hook begins another attempt.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn note_process(&mut self, lock: &LockName, process: Process) -> Result<(), Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let home = self.at_home(lock)?;
        let at_work = home.session.processes.entry(lock.clone()).or_default();
        at_work.insert(process);
        home.save_session()
    }

    /// Ends the operation that [`Hook::start`] began, and publishes how it ended.
    ///
    /// # Errors
    /// As [`Hook::request`]; [`Error::HookOver`] if another hook has begun meanwhile, which will run the
    /// operation again.
    pub fn finish(&mut self, lock: &LockName, result: Result<(), String>) -> Result<(), Error> {
        self.end(lock, result, None)
    }

    /// Ends the operation successfully, and with it every request up to number `seq`: they were made before
    /// it began.
    ///
    /// # Errors
    /// As [`Hook::finish`].
    pub fn finish_through(&mut self, lock: &LockName, seq: u64) -> Result<(), Error> {
        self.end(lock, Ok(()), Some(seq))
    }

    fn end(
        &mut self,
        lock: &LockName,
        result: Result<(), String>,
        served: Option<u64>,
    ) -> Result<(), Error> {
        let _guard = self.state.lock()?;
        self.refresh()?;
        let home = self.at_home(lock)?;
        let success = result.is_ok();
        let unit = home.load_unit()?;
        let ended = unit.handle_finish(lock, result);
        if let Some(seq) = served.filter(|_| ended && success) {
            unit.handle_served(lock, seq);
        }
        home.session.finished_operation |= ended && success;
        home.session.running.remove(lock);
        home.session.processes.remove(lock);
        home.publish()?;
        home.save_session()
    }

    /// Whether this hook is running the lock's operation.
    pub fn is_running(&self, lock: &LockName) -> bool {
        let here = self.session.running.contains(lock);
        here || self
            .siblings
            .values()
            .any(|sibling| sibling.is_running(lock))
    }

    /// Whether this unit leads, according to this hook's `is-leader` call.
    pub fn is_leader(&self) -> bool {
        self.session.leader
    }

    /// Warnings for the log; each is returned once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        for sibling in self.siblings.values_mut() {
            warnings.extend(sibling.take_warnings());
        }
        warnings
    }

    /// Writes the warnings of [`Hook::take_warnings`] to the unit's log. If the log cannot be reached, they are lost: that
    /// is no reason to fail a hook.
    pub fn log_warnings(&mut self) {
        for warning in self.take_warnings() {
            let _ = self
                .tools
                .juju_log("WARNING", &format!("ops-coordinator: {warning}"));
        }
    }

    /// What Juju told this hook: which unit, which hook, which remote unit.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The hook tools, for what else the charm does in its hook.
    pub fn tools(&self) -> &Tools<Rc<dyn Transport>> {
        &self.tools
    }

    /// Whether the peer relation exists.
    pub fn has_relation(&self) -> bool {
        self.relation.is_some()
    }

    /// The tickets for which this unit only waits, if the journal alone can tell.
    pub(crate) fn quiet_tickets(&self) -> Option<Vec<(LockName, Ticket)>> {
        if self.unit.is_some() || !self.session.running.is_empty() {
            return None;
        }
        let confirmed = self.session.confirmed.as_ref();
        self.journal
            .waiting(&self.environment.unit, self.line.good()?, confirmed)
    }

    /// The unit as this hook knows it; the first call reads its own databag.
    pub(crate) fn load_unit(&mut self) -> Result<&mut Unit, Error> {
        let unit = match self.unit.take() {
            Some(unit) => unit,
            None => self.read_unit()?,
        };
        Ok(self.unit.insert(unit))
    }

    fn read_unit(&mut self) -> Result<Unit, Error> {
        let me = self.environment.unit.clone();
        let own = self.own_value(&me)?;
        let fresh = Incarnation::from_random(self.state.machine().random());
        let (own, written) = (decode_record(own.value.as_deref()), own.written);
        let mut unit = Unit::handle_hook(me, own, self.line.clone(), self.journal.clone(), fresh);
        for lock in &self.session.running {
            unit.handle_running(lock);
        }
        if written {
            unit.handle_uncommitted();
        }
        unit.handle_zone(self.environment.zone.as_deref());
        if let Some(relation) = self.session.lost {
            unit.handle_lost_relation(relation);
        }
        for report in unit.reports() {
            if !self.warnings.contains(report) {
                self.warnings.push(report.clone());
            }
        }
        Ok(unit)
    }

    /// The value of this unit's own key, read once per hook.
    fn own_value(&mut self, me: &UnitName) -> Result<OwnValue, Error> {
        if let Some(own) = &self.session.own {
            return Ok(own.clone());
        }
        let value = match &self.relation {
            Some(relation) => self.tools.relation_get(relation, KEY, Bag::Unit(me))?,
            None => None,
        };
        let own = OwnValue {
            value,
            written: false,
        };
        self.session.own = Some(own.clone());
        self.save_session()?;
        Ok(own)
    }

    /// Writes the journal and then the unit's record, if they have changed.
    pub(crate) fn publish(&mut self) -> Result<(), Error> {
        self.save_journal()?;
        let record = self.unit.as_ref().and_then(Unit::poll_record);
        if let (Some(record), Some(relation)) = (record, &self.relation) {
            self.tools.relation_set(relation, false, KEY, &record)?;
            if let Some(unit) = &mut self.unit {
                unit.handle_written();
            }
            self.session.own = Some(OwnValue {
                value: Some(record),
                written: true,
            });
            self.save_session()?;
        }
        Ok(())
    }

    fn save_journal(&mut self) -> Result<(), Error> {
        if let Some(journal) = self
            .unit
            .as_ref()
            .and_then(|unit| unit.poll_journal(&self.journal))
        {
            self.state.save(JOURNAL, &journal, true)?;
            self.journal = journal;
        }
        Ok(())
    }

    /// Stores what this hook knows, for its later processes and for later hooks.
    pub(crate) fn save_session(&mut self) -> Result<(), Error> {
        if let Some(line) = self.line.good() {
            self.session.finished = self.view.finished_of(line);
        }
        if let Some(confirmed) = self.unit.as_ref().and_then(Unit::confirmed) {
            self.session.confirmed = Some(confirmed.clone());
        }
        self.state.save(SESSION, &self.session, false)
    }

    /// Whether a ticket, of any unit, is finished as far as this hook has read.
    pub(crate) fn is_finished(&mut self, lock: &LockName, ticket: &Ticket) -> Result<bool, Error> {
        let view = self.view.clone();
        Ok(self.load_unit()?.finished(lock, ticket, &view))
    }

    /// Reads the records that could still end the wait, one after the other.
    fn settle(&mut self, turn: impl Fn(&View) -> Turn) -> Turn {
        loop {
            let now = turn(&self.view);
            let Turn::Wait(wait) = &now else { return now };
            let hint = self.environment.remote_unit.as_ref();
            let rotation = self.session.read_at.0;
            let Some(next) = wait.next_to_read(|unit| self.view.has_read(unit), hint, rotation)
            else {
                return now;
            };
            self.read_peer(&next);
        }
    }

    /// Reads a peer's record. Failure to read it is a fact about that peer, not an error of this hook.
    pub(crate) fn read_peer(&mut self, unit: &UnitName) {
        if self.view.has_read(unit) {
            return;
        }
        let Some(relation) = &self.relation else {
            return;
        };
        let value = self
            .tools
            .relation_get(relation, KEY, Bag::Unit(unit))
            .map_err(|error| error.to_string());
        self.view.handle_record(unit.clone(), decode_peer(&value));
        self.session.peers.insert(unit.clone(), value);
    }

    /// Schedules work that no event triggers. A missing waker is no reason to fail: the next
    /// `update-status` does the work, only later.
    pub(crate) fn wake(&mut self, errand: Errand) {
        if self.session.woke && errand == Errand::Hook {
            return;
        }
        let context = &self.environment.context;
        let machine = self.state.machine();
        match machine.wake(self.state.endpoint(), context, errand) {
            Ok(()) => self.session.woke |= errand == Errand::Hook,
            Err(error) => self.warnings.push(format!("cannot start a waker: {error}")),
        }
    }

    /// Sets what the unit was doing when the hook began.
    pub(crate) fn found(&mut self, line: Reading<Line>, view: View) {
        self.line = line;
        self.view = view;
        self.journal.busy = self.busy();
    }

    fn busy(&self) -> std::collections::BTreeSet<LockName> {
        self.session.orphans.keys().cloned().collect()
    }
}

fn decode_peer(
    value: &Result<Option<String>, String>,
) -> Reading<ops_coordinator_core::UnitRecord> {
    match value {
        Ok(value) => decode_record(value.as_deref()),
        Err(why) => Reading::Unreadable(why.clone()),
    }
}
