//! One hook: what it reads from the databags, what the protocol makes of it, and what it writes.

use std::rc::Rc;

use ops_coordinator_core::{
    Attempt, Incarnation, Journal, KEY, Line, LockName, Reading, Requested, Turn, Unit, UnitName,
    View, decode_line, decode_record,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::session::{OwnValue, Session};
use crate::tool::Bag;
use crate::{
    Environment, Error, Machine, Operation, RelationId, Tools, Transport, require_peer_relation,
};

/// The state file of the present hook.
pub(crate) const SESSION: &str = "session.json";
/// The state file that outlives hooks.
const JOURNAL: &str = "journal.json";

/// One hook of one unit. It reads as little as it can, each thing at most once, and continues where an
/// earlier process of the same hook stopped.
pub struct Hook {
    pub(crate) environment: Environment,
    pub(crate) tools: Tools<Rc<dyn Transport>>,
    pub(crate) machine: Rc<dyn Machine>,
    pub(crate) relation: Option<RelationId>,
    pub(crate) session: Session,
    pub(crate) line: Reading<Line>,
    pub(crate) view: View,
    pub(crate) warnings: Vec<String>,
    journal: Journal,
    unit: Option<Unit>,
    endpoint: String,
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
    /// # Errors
    /// A hook tool's failure; a state file that cannot be read or written;
    /// [`Error::NotDeclared`] where the charm lacks the peer relation `endpoint`.
    pub fn open(
        environment: Environment,
        transport: Rc<dyn Transport>,
        machine: Rc<dyn Machine>,
        endpoint: &str,
    ) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let journal: Journal = load(machine.as_ref(), JOURNAL, &mut warnings)?.unwrap_or_default();
        let before: Option<Session> = load(machine.as_ref(), SESSION, &mut warnings)?;
        let hint = before.as_ref().and_then(|session| session.relation.clone());
        let context = environment.context.clone();
        let mut hook = Self {
            session: Session::new(&context, machine.now()),
            environment,
            tools: Tools::new(transport),
            machine,
            relation: None,
            line: Reading::Absent,
            view: View::knowing(journal.known_finished()),
            warnings,
            journal,
            unit: None,
            endpoint: endpoint.to_owned(),
        };
        match before {
            Some(session) if session.context == context => hook.resume(session),
            before => {
                hook.begin(hint)?;
                hook.note_departed(before.as_ref());
                if before.is_some_and(|session| session.woke) && !hook.environment.retried {
                    // The waker of the hook before gives up when it sees this one. Should this be cut
                    // off, nothing else would do that hook's work. So first the waker, then the session.
                    hook.wake();
                }
                hook.save_session()?;
            }
        }
        Ok(hook)
    }

    fn resume(&mut self, session: Session) {
        self.relation = session.relation.clone().map(RelationId::new);
        self.line = decode_line(session.line.as_deref());
        for (unit, value) in &session.peers {
            self.view.handle_record(unit.clone(), decode_peer(value));
        }
        self.session = session;
    }

    fn begin(&mut self, hint: Option<String>) -> Result<(), Error> {
        let own_event = self
            .environment
            .relation
            .clone()
            .filter(|id| id.endpoint() == self.endpoint);
        let hint = hint
            .map(RelationId::new)
            .filter(|id| id.endpoint() == self.endpoint);
        let guess = own_event.or(hint);
        if let Some(relation) = guess
            && self.read_line(&relation)?
        {
            self.relation = Some(relation);
        } else if let Some(relation) = self.tools.relation_ids(&self.endpoint)?.into_iter().next()
            && self.read_line(&relation)?
        {
            self.relation = Some(relation);
        } else {
            require_peer_relation(&self.environment.charm_dir, &self.endpoint)?;
        }
        self.session.relation = self.relation.as_ref().map(ToString::to_string);
        Ok(())
    }

    fn note_departed(&mut self, before: Option<&Session>) {
        let told = self.environment.departing_unit.iter();
        let told = told.filter(|unit| **unit != self.environment.unit);
        let known = before.into_iter().flat_map(|session| &session.departed);
        let in_line = |unit: &&UnitName| {
            let Some(line) = self.line.good() else {
                return true;
            };
            let mut entries = line.locks.values().flat_map(|lock| &lock.entries);
            entries.any(|entry| entry.ticket.unit == **unit)
        };
        self.session.departed = told.chain(known).filter(in_line).cloned().collect();
    }

    /// Asks whether this unit leads and reads the line, in this order: a line that is read first could
    /// be older than the leadership. False where the relation is not there.
    fn read_line(&mut self, relation: &RelationId) -> Result<bool, Error> {
        self.session.read_at = self.machine.now();
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

    /// Asks for a turn and publishes that. Where the relation is not there yet, the request is kept on
    /// disk and published when it is.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be written.
    pub fn request(
        &mut self,
        lock: &LockName,
        name: Option<&str>,
        operation: Option<Operation>,
    ) -> Result<Requested, Error> {
        let unit = self.load_unit()?;
        let requested = unit.handle_request(lock, name);
        if let Some(operation) = operation {
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

    /// Takes the unit's requests for a lock back; false where nothing waits or it is under way.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn withdraw(&mut self, lock: &LockName) -> Result<bool, Error> {
        let withdrawn = self.load_unit()?.handle_withdraw(lock);
        self.publish()?;
        Ok(withdrawn)
    }

    /// Withdraws the unit's requests for a lock, for a reason that is published; false where nothing is
    /// outstanding or an operation runs in this hook.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn withdraw_because(&mut self, lock: &LockName, reason: &str) -> Result<bool, Error> {
        let withdrawn = self.load_unit()?.handle_withdraw_because(lock, reason);
        self.publish()?;
        Ok(withdrawn)
    }

    /// Whether this unit's operation may start now.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn turn(&mut self, lock: &LockName) -> Result<Turn, Error> {
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
                self.remember_view()?;
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
        self.remember_view()?;
        Ok(turn)
    }

    /// Begins the operation, where it is this unit's turn; then the journal is on the disk.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn start(&mut self, lock: &LockName) -> Result<Result<(Attempt, Operation), Turn>, Error> {
        match self.turn(lock)? {
            Turn::Start(_) => {}
            other => return Ok(Err(other)),
        }
        let view = self.view.clone();
        let unit = self.load_unit()?;
        let attempt = match unit.handle_start(lock, &view) {
            Ok(attempt) => attempt,
            Err(turn) => return Ok(Err(turn)),
        };
        let operation = Operation::from_payload(unit.payload(lock));
        self.save_journal()?;
        self.session.running.insert(lock.clone());
        if !self.environment.retried {
            // Should this be cut off, or its commit refused, no other hook need come.
            self.wake();
        }
        self.save_session()?;
        Ok(Ok((attempt, operation)))
    }

    /// Ends the operation that [`Hook::start`] began, and publishes how it ended.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn finish(&mut self, lock: &LockName, result: Result<(), String>) -> Result<(), Error> {
        self.reload()?;
        self.session.finished_operation |= result.is_ok();
        self.load_unit()?.handle_finish(lock, result);
        self.session.running.remove(lock);
        self.publish()?;
        self.save_session()
    }

    /// Ends the operation as done, and with it every request up to `seq`: those whose reasons it served.
    ///
    /// # Errors
    /// As [`Hook::request`].
    pub fn finish_through(&mut self, lock: &LockName, seq: u64) -> Result<(), Error> {
        self.finish(lock, Ok(()))?;
        self.load_unit()?.handle_served(lock, seq);
        self.publish()?;
        self.save_session()
    }

    /// Whether this hook is in the middle of the lock's operation.
    pub fn is_running(&self, lock: &LockName) -> bool {
        self.session.running.contains(lock)
    }

    /// Whether this unit leads, as this hook has asked.
    pub fn is_leader(&self) -> bool {
        self.session.leader
    }

    /// What a reader of the log should know; each is given once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Whether the peer relation is there.
    pub fn has_relation(&self) -> bool {
        self.relation.is_some()
    }

    /// The tickets for which this unit only waits, where the journal alone tells that.
    pub(crate) fn quiet_tickets(&self) -> Option<Vec<(LockName, ops_coordinator_core::Ticket)>> {
        if self.unit.is_some() || !self.session.running.is_empty() {
            return None;
        }
        self.journal
            .waiting(&self.environment.unit, self.line.good()?)
    }

    /// The unit as this hook knows it; its own databag is read when this is first called.
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
        let fresh = Incarnation::from_random(self.machine.random());
        let (own, written) = (decode_record(own.value.as_deref()), own.written);
        let mut unit = Unit::handle_hook(me, own, self.line.clone(), self.journal.clone(), fresh);
        for lock in &self.session.running {
            unit.handle_running(lock);
        }
        if written {
            unit.handle_uncommitted();
        }
        unit.handle_zone(self.environment.zone.as_deref());
        self.warnings.extend(unit.reports().iter().cloned());
        Ok(unit)
    }

    /// The value of this unit's own key, read once a hook.
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

    /// Takes in what the operation did in processes of its own: it may have asked for another turn.
    fn reload(&mut self) -> Result<(), Error> {
        self.journal =
            load(self.machine.as_ref(), JOURNAL, &mut self.warnings)?.unwrap_or_default();
        if let Some(session) = load::<Session>(self.machine.as_ref(), SESSION, &mut self.warnings)?
            && session.context == self.session.context
        {
            self.resume(session);
        }
        self.unit = None;
        Ok(())
    }

    /// Writes the journal and then the unit's record, where they have changed.
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
            save(self.machine.as_ref(), JOURNAL, &journal, true)?;
            self.journal = journal;
        }
        Ok(())
    }

    pub(crate) fn save_session(&self) -> Result<(), Error> {
        save(self.machine.as_ref(), SESSION, &self.session, false)
    }

    /// Remembers what was read of other units, for later processes and later hooks.
    pub(crate) fn remember_view(&mut self) -> Result<(), Error> {
        self.save_session()?;
        let Some(line) = self.line.good() else {
            return Ok(());
        };
        let mut journal = self.journal.clone();
        journal.handle_view(&self.environment.unit, line, &self.view);
        if journal != self.journal {
            // Only a saving of time: lost, it is found again.
            save(self.machine.as_ref(), JOURNAL, &journal, false)?;
            if let Some(unit) = &mut self.unit {
                unit.handle_known(&journal);
            }
            self.journal = journal;
        }
        Ok(())
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

    /// Reads a peer's record. That it cannot be read is a fact about that peer, not a fault of this hook.
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
}

fn decode_peer(
    value: &Result<Option<String>, String>,
) -> Reading<ops_coordinator_core::UnitRecord> {
    match value {
        Ok(value) => decode_record(value.as_deref()),
        Err(why) => Reading::Unreadable(why.clone()),
    }
}

/// Loads a state file. One that cannot be understood is set aside, with a warning.
fn load<V: DeserializeOwned>(
    machine: &dyn Machine,
    name: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<V>, Error> {
    let Some(content) = machine.load(name)? else {
        return Ok(None);
    };
    match serde_json::from_slice(&content) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            warnings.push(format!(
                "the state file {name} is set aside as {name}.unreadable: {error}"
            ));
            machine.set_aside(name)?;
            Ok(None)
        }
    }
}

fn save<V: Serialize>(
    machine: &dyn Machine,
    name: &str,
    value: &V,
    durable: bool,
) -> Result<(), Error> {
    let content = serde_json::to_vec(value).map_err(|error| Error::State {
        path: name.into(),
        source: error.into(),
    })?;
    machine.store(name, &content, durable)
}
