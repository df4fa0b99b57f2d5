//! One hook: carries out what the engine decides.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ops_coordinator_core::engine::{
    Answer, Availability, Effect, Engine, Facts, Gate, LineRead, Need, Shared, Stored,
};
use ops_coordinator_core::wire::KEY;
use ops_coordinator_core::{Check, LockName, Look, News, Recovery, RelationId};

use crate::operation::join_payloads;
use crate::shared::Found;
use crate::state::{JOURNAL, PENDING, ROSTER, SESSION, State};
use crate::tool::Bag;
use crate::{Environment, Error, Machine, SharedLock, Tools, Transport, require_peer_relation};

/// One hook of one unit. It reads as little as it can, each thing at most once, and continues where an
/// earlier process of the same hook stopped.
///
/// Several processes of one hook may run at once: each method reads what the others have written, and locks them
/// out only while it reads and writes.
///
/// All decisions are the [`Engine`]'s; this reads for it, writes, and starts its wakers.
pub struct Hook {
    environment: Environment,
    endpoint: String,
    pub(crate) tools: Tools<Rc<dyn Transport>>,
    pub(crate) machine: Rc<dyn Machine>,
    states: BTreeMap<String, State>,
    pub(crate) engine: Engine,
    warnings: Vec<String>,
    /// Whether an effect has failed, so that the engine expects other things on the disk than there are.
    stale: bool,
    gatekeeper: Rc<dyn Fn(&LockName) -> Gate>,
    availability: Option<Rc<dyn Fn() -> Availability>>,
    checks: BTreeMap<LockName, Examiner>,
    /// The shared locks that operations need, by the unit's own locks.
    pub(crate) shared: BTreeMap<LockName, SharedLock>,
    /// Those of them without which the last operation has begun.
    pub(crate) waived: BTreeSet<LockName>,
    /// What is said instead of asking for one.
    pub(crate) shared_answers: BTreeMap<LockName, Shared>,
    /// How this process has found the deputies, by endpoint.
    pub(crate) deputies: BTreeMap<String, Found>,
    /// Why the line that the last question decided to write was not written, if it was not.
    pub(crate) unwritten: Option<String>,
}

/// What must hold after an operation, and who can tell.
#[derive(Clone)]
struct Examiner {
    check: Check,
    recovery: Recovery,
    holds: Rc<dyn Fn() -> Result<(), String>>,
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
        let facts = Facts {
            unit: environment.unit.clone(),
            context: environment.context.clone(),
            endpoint: endpoint.to_owned(),
            peers: environment.peers.clone(),
            relation: environment.relation.clone(),
            relation_created: environment.relation_created(),
            remote_unit: environment.remote_unit.clone(),
            departing_unit: environment.departing_unit.clone(),
            zone: environment.zone.clone(),
            will_be_retried: environment.will_be_retried,
            process: machine.process(),
            random: machine.random(),
            boot: machine.boot(),
            join: join_payloads,
        };
        let mut hook = Self {
            environment,
            endpoint: endpoint.to_owned(),
            tools: Tools::new(transport),
            machine,
            states: BTreeMap::new(),
            engine: Engine::new(facts),
            warnings: Vec::new(),
            stale: false,
            gatekeeper: Rc::new(|_| Gate::Open),
            availability: None,
            checks: BTreeMap::new(),
            shared: BTreeMap::new(),
            waived: BTreeSet::new(),
            shared_answers: BTreeMap::new(),
            deputies: BTreeMap::new(),
            unwritten: None,
        };
        hook.ask(Engine::open)?;
        if !hook.has_relation() {
            require_peer_relation(&hook.environment.charm_dir, endpoint)?;
        }
        Ok(hook)
    }

    /// Asks the engine a question: reads what it has to know first, and then carries out what follows.
    pub(crate) fn ask<T>(
        &mut self,
        mut question: impl FnMut(&mut Engine) -> Result<T, Need>,
    ) -> Result<T, Error> {
        let mut guard = Some(self.machine.lock()?);
        self.refresh()?;
        self.unwritten = None;
        self.engine.handle_question();
        let answer = loop {
            self.engine.handle_time(self.machine.now());
            self.engine.handle_wall_time(self.machine.wall());
            match question(&mut self.engine) {
                Ok(answer) => break answer,
                Err(need) => {
                    let answer = self.read(need, &mut guard)?;
                    self.engine.handle_answer(answer);
                }
            }
        };
        while let Some(effect) = self.engine.poll_effect() {
            if let Err(error) = self.carry_out(effect) {
                self.engine.drop_effects();
                self.stale = true;
                return Err(error);
            }
        }
        Ok(answer)
    }

    /// Hands in what other processes have stored since this one last looked.
    fn refresh(&mut self) -> Result<(), Error> {
        let open: Vec<String> = self.engine.open_endpoints().map(str::to_owned).collect();
        for endpoint in open {
            let state = self.state(&endpoint);
            let changed = state.has_changed(SESSION)? || state.has_changed(JOURNAL)?;
            if changed || self.stale {
                let stored = self.load(&endpoint)?;
                let taken = self.engine.handle_stored(&endpoint, stored);
                taken.map_err(|_| Error::HookOver {
                    context: self.environment.context.clone(),
                })?;
            }
        }
        self.stale = false;
        Ok(())
    }

    pub(crate) fn state(&mut self, endpoint: &str) -> &State {
        let new = || State::new(Rc::clone(&self.machine), endpoint);
        self.states.entry(endpoint.to_owned()).or_insert_with(new)
    }

    fn load(&mut self, endpoint: &str) -> Result<Stored, Error> {
        let mut warnings = Vec::new();
        let state = self.state(endpoint);
        state.adopt(&mut warnings)?;
        let stored = Stored {
            journal: state.load(JOURNAL, &mut warnings)?,
            session: state.load(SESSION, &mut warnings)?,
        };
        self.warnings.extend(warnings);
        Ok(stored)
    }

    fn read(&mut self, need: Need, guard: &mut Option<Box<dyn Any>>) -> Result<Answer, Error> {
        Ok(match need {
            Need::Stored(endpoint) => {
                let stored = self.load(&endpoint)?;
                Answer::Stored(endpoint, Box::new(stored))
            }
            Need::Roster(endpoint) => {
                let mut warnings = Vec::new();
                let roster = self.state(&endpoint).load(ROSTER, &mut warnings)?;
                self.warnings.extend(warnings);
                Answer::Roster(endpoint, roster)
            }
            Need::Relations(endpoint) => {
                let ids = self.tools.relation_ids(&endpoint)?;
                Answer::Relations(endpoint, ids)
            }
            Need::Line(relation) => {
                let line = self.read_line(&relation)?;
                Answer::Line(relation, line)
            }
            Need::Own(relation) => {
                let bag = Bag::Unit(&self.environment.unit);
                let value = self.tools.relation_get(&relation, KEY, bag)?;
                Answer::Own(relation, value)
            }
            Need::Records(relation, units) => {
                let values = units.into_iter().map(|unit| {
                    let value = self.tools.relation_get(&relation, KEY, Bag::Unit(&unit));
                    (unit, value.map_err(|error| error.to_string()))
                });
                let values = values.collect();
                Answer::Records(relation, values)
            }
            Need::Members(relation) => {
                let members = self.tools.relation_list(&relation)?;
                Answer::Members(relation, members)
            }
            Need::GoalState => {
                let units = self.tools.goal_state_units();
                Answer::GoalState(units.map_err(|error| error.to_string()))
            }
            Need::Alive(processes) => {
                let processes = processes.into_iter();
                let alive = processes.map(|process| (process, self.machine.is_alive(process)));
                Answer::Alive(alive.collect())
            }
            Need::Gate(lock) => {
                let gatekeeper = Rc::clone(&self.gatekeeper);
                let gate = self.unlocked(guard, || gatekeeper(&lock))?;
                Answer::Gate(lock, gate)
            }
            Need::Availability => {
                let told = self.availability.clone();
                let told = told.map(|tell| self.unlocked(guard, || tell()));
                Answer::Availability(told.transpose()?.unwrap_or_default())
            }
            Need::Shared {
                endpoint,
                lock,
                seq,
            } => {
                let shared = self.share(&endpoint, &lock, seq, guard)?;
                Answer::Shared(lock, shared)
            }
            Need::Check(lock) => {
                let examiner = self.checks.get(&lock).cloned();
                let look = self.unlocked(guard, || {
                    examiner.map(|examiner| Look {
                        check: examiner.check,
                        recovery: examiner.recovery,
                        result: (examiner.holds)(),
                    })
                })?;
                Answer::Check(lock, look.map(Box::new))
            }
        })
    }

    /// Does what may take a while, and may look at this unit's state itself.
    pub(crate) fn unlocked<T>(
        &mut self,
        guard: &mut Option<Box<dyn Any>>,
        work: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        *guard = None;
        let done = work();
        *guard = Some(self.machine.lock()?);
        self.refresh()?;
        self.engine.handle_question();
        Ok(done)
    }

    fn read_line(&self, relation: &RelationId) -> Result<Option<LineRead>, Error> {
        let read_at = self.machine.now();
        let leader = self.tools.is_leader()?;
        let application = Bag::Application(self.environment.unit.application());
        match self.tools.relation_get(relation, KEY, application) {
            Ok(value) => Ok(Some(LineRead {
                read_at,
                leader,
                value,
            })),
            Err(Error::Tool(error)) if error.relation_is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), Error> {
        match effect {
            Effect::StoreJournal { endpoint, journal } => {
                self.state(&endpoint).save(JOURNAL, &journal, true)
            }
            Effect::StoreSession { endpoint, session } => {
                self.state(&endpoint).save(SESSION, &session, false)
            }
            Effect::StoreRoster { endpoint, roster } => {
                self.state(&endpoint).save(ROSTER, &roster, false)
            }
            Effect::PublishRecord { relation, value } => {
                self.tools.relation_set(&relation, false, KEY, &value)
            }
            Effect::PublishLine {
                relation,
                value,
                by,
            } => {
                if self.machine.now() >= by {
                    let why = self.engine.handle_line_late(&relation);
                    self.unwritten = Some(why.to_owned());
                    return Ok(());
                }
                match self.tools.relation_set(&relation, true, KEY, &value) {
                    Err(Error::Tool(refused)) => {
                        let why = self
                            .engine
                            .handle_line_refused(&relation, &refused.to_string());
                        self.unwritten = Some(why);
                        Ok(())
                    }
                    published => published,
                }
            }
            Effect::StorePending { endpoint, pending } => {
                self.state(&endpoint).save(PENDING, &pending, false)
            }
            Effect::DropPending { endpoint } => self.state(&endpoint).remove(PENDING),
            Effect::Wake { endpoint, errand } => {
                let context = &self.environment.context;
                if let Err(error) = self.machine.wake(&endpoint, context, errand) {
                    let why = error.to_string();
                    self.engine.handle_wake_failed(&endpoint, errand, &why);
                }
                Ok(())
            }
        }
    }

    /// Sets what decides whether an operation may begin whose turn has come. It is called just before the operation would
    /// begin, once in a hook, and not for one that has begun before. While it says no, the unit keeps its turn.
    pub fn set_gatekeeper(&mut self, gatekeeper: impl Fn(&LockName) -> Gate + 'static) {
        self.gatekeeper = Rc::new(gatekeeper);
    }

    /// Sets what tells whether the unit is available, for locks whose policy limits how many may be unavailable at once. It is
    /// called in [`Hook::release`], once in a hook. Every hook must set it: after one that does not, the unit counts as
    /// available.
    pub fn set_availability(&mut self, availability: impl Fn() -> Availability + 'static) {
        self.availability = Some(Rc::new(availability));
    }

    /// Sets what must hold after an operation for a lock before its turn is over. `holds` is called once the operation has
    /// succeeded, and then in every hook that calls [`Hook::start`], until it has held without interruption for as long as
    /// `check` demands; `Err` says why it does not hold. If it does not come good in time, the operation has failed, and
    /// the unit does as `recovery` says. Every hook must set it: one that does not lets the turn go.
    pub fn set_check(
        &mut self,
        lock: &LockName,
        check: Check,
        recovery: Recovery,
        holds: impl Fn() -> Result<(), String> + 'static,
    ) {
        let examiner = Examiner {
            check,
            recovery,
            holds: Rc::new(holds),
        };
        self.checks.insert(lock.clone(), examiner);
    }

    pub(crate) fn has_check(&self, lock: &LockName) -> bool {
        self.checks.contains_key(lock)
    }

    /// The endpoint that the charm names.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether this hook is running the lock's operation.
    pub fn is_running(&self, lock: &LockName) -> bool {
        self.engine.is_running(lock)
    }

    /// Whether this unit leads, according to this hook's `is-leader` call.
    pub fn is_leader(&self) -> bool {
        self.engine.is_leader()
    }

    /// Whether the peer relation exists.
    pub fn has_relation(&self) -> bool {
        self.engine.has_relation()
    }

    /// The text stored by [`Hook::note`] under a name, in this hook or an earlier one. It may be lost.
    pub fn noted(&self, name: &str) -> Option<&str> {
        self.engine.noted(name)
    }

    /// Stores a short text under a name, for later hooks on this endpoint.
    pub fn note(&mut self, name: &str, text: &str) {
        self.engine.note(name, text);
    }

    /// Stores what [`Hook::note`] has changed. The next question to the hook would do so as well.
    pub(crate) fn save_notes(&mut self) -> Result<(), Error> {
        self.ask(|_| Ok(()))
    }

    /// Adds a warning for the log; only once, however often it is repeated.
    pub fn warn(&mut self, warning: String) {
        self.engine.warn(warning);
    }

    /// Warnings for the log; each is returned once.
    pub fn take_warnings(&mut self) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.extend(self.engine.poll_warnings());
        warnings
    }

    /// What has happened to this unit's requests, for the log; each is returned once.
    pub fn take_news(&mut self) -> Vec<News> {
        self.engine.poll_news()
    }

    /// Writes what [`Hook::take_news`] and [`Hook::take_warnings`] return to the unit's log. If the log cannot be
    /// reached, they are lost: that is no reason to fail a hook.
    pub fn log(&mut self) {
        for news in self.take_news() {
            let _ = self
                .tools
                .juju_log("INFO", &format!("ops-coordinator: {news}"));
        }
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
}
