//! One hook of one unit.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use ops_coordinator_juju::policy::PerLock;
use ops_coordinator_juju::shared::Way;
use ops_coordinator_juju::{
    Availability, Check, Environment, Errand, Error, Exec, Instruction, LocalMachine, LockName,
    Machine, OnFailure, Operation, Order, Recovery, Shared, SharedLock, Start, Turn, UnitName,
    WakerCommand,
};
use pyo3::prelude::*;
use serde_json::Value;

use crate::check::{EndedInWords, Examiner, in_words};
use crate::error::{raised, refused};
use crate::machine::HookMachine;
use crate::model::Model;
use crate::policy::Rule;
use crate::rules::{Gatekeeper, Rules};
use crate::shared::as_json;
use crate::status::Status;

/// One hook of one unit: what it has read, and what it will write.
#[pyclass(unsendable, frozen, module = "ops_coordinator._native")]
#[expect(
    clippy::struct_field_names,
    reason = "it is the hook; the rest is Python's"
)]
pub(crate) struct Hook {
    hook: RefCell<ops_coordinator_juju::Hook>,
    /// What wakes this unit again.
    waking: Waking,
    /// Operators' orders to carry out at the end of this hook.
    orders: RefCell<Vec<Order>>,
    /// Asks the charm whether its checks hold.
    examiner: Examiner,
}

/// What a waker needs.
struct Waking {
    machine: Rc<HookMachine>,
    endpoint: String,
    context: String,
}

/// The result of trying to start: `(started, what the unit waits for)`.
type Started = (bool, Option<String>);
/// A unit's counters for a lock: newest request, newest finished, outcome, reason.
type Counters = (u64, u64, Option<String>, Option<String>);

#[pymethods]
impl Hook {
    #[new]
    #[pyo3(signature = (answer, *, endpoint, state, waker, from_process_start, unit, context, charm_dir,
        peers, ahead = 0, deputy = None))]
    #[expect(clippy::too_many_arguments, reason = "named in Python")]
    fn open(
        answer: Py<PyAny>,
        endpoint: &str,
        state: PathBuf,
        waker: Vec<String>,
        from_process_start: bool,
        unit: String,
        context: String,
        charm_dir: String,
        peers: Vec<String>,
        ahead: u64,
        deputy: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        // A charm's tests set only some of the variables; a hook has them all.
        let variable = |name: &str| {
            let set = std::env::var(name).ok();
            match name {
                "JUJU_UNIT_NAME" => filled(set).or_else(|| Some(unit.clone())),
                "JUJU_CONTEXT_ID" => filled(set).or_else(|| Some(context.clone())),
                "JUJU_CHARM_DIR" => filled(set).or_else(|| Some(charm_dir.clone())),
                _ => set,
            }
        };
        let mut environment = Environment::from_variables(variable).map_err(raised)?;
        // `ops` has read the charm's metadata already.
        environment.peers = peers.into_iter().collect();
        let own_context = environment.context.clone();
        let machine = Rc::new(HookMachine::new(
            state,
            waker,
            deputy,
            environment.unit.to_string(),
            from_process_start,
            ahead,
        ));
        let hook = ops_coordinator_juju::Hook::open(
            environment,
            Rc::new(Model::new(answer)),
            machine.clone(),
            endpoint,
        );
        machine.opened();
        Ok(Self {
            hook: hook.map_err(raised)?.into(),
            waking: Waking {
                machine,
                endpoint: endpoint.to_owned(),
                context: own_context,
            },
            orders: RefCell::default(),
            examiner: Examiner::default(),
        })
    }

    /// Requests a turn; returns the number of the request that serves this one.
    fn request(&self, lock: &str, asked: Option<&str>) -> PyResult<u64> {
        let operation = asked.map(|text| {
            let context: Value = serde_json::from_str(text).map_err(refused)?;
            Operation::new(context, Vec::new()).map_err(raised)
        });
        let (lock, mut hook) = (lock_name(lock)?, self.hook()?);
        let requested = match operation.transpose()? {
            Some(operation) => hook.request_with(&lock, &operation),
            None => hook.request(&lock),
        };
        let requested = requested.map_err(raised)?;
        Ok(requested.ticket.seq)
    }

    /// Begins the operation if it is the unit's turn, and if the windows of `rules` and the function `blocker` let it.
    #[pyo3(signature = (lock, rules = None, blocker = None))]
    #[expect(clippy::needless_pass_by_value, reason = "it comes from Python")]
    fn start(
        &self,
        lock: &str,
        rules: Option<PyRef<'_, Rules>>,
        blocker: Option<Py<PyAny>>,
    ) -> PyResult<Started> {
        let gatekeeper = Gatekeeper::new(rules.as_deref(), blocker);
        let asked = Rc::clone(&gatekeeper);
        let mut hook = self.hook()?;
        hook.set_gatekeeper(move |_| asked.gate());
        let started = hook.start(&lock_name(lock)?);
        if let Some(error) = gatekeeper.take_error() {
            return Err(error);
        }
        Ok(match started.map_err(raised)? {
            Start::Begun(..) => (true, None),
            Start::Waiting(wait) => (false, Some(wait.to_string())),
            Start::NotRequested | Start::Done(_) | Start::Failed { .. } => (false, None),
        })
    }

    /// Makes operations for a lock need a shared lock, which is JSON as `checked_shared` returns it.
    fn set_shared(&self, lock: &str, shared: &str) -> PyResult<()> {
        let shared: SharedLock = serde_json::from_str(shared).map_err(refused)?;
        self.hook()?.set_shared(&lock_name(lock)?, shared);
        Ok(())
    }

    /// On the leader, asks the etcd charm for access; on each unit, notes where etcd is, if this hook is about that. The
    /// shared lock is JSON as `checked_shared` returns it.
    fn ask_for_access(&self, shared: &str) -> PyResult<()> {
        let shared: SharedLock = serde_json::from_str(shared).map_err(refused)?;
        let mut hook = self.hook()?;
        hook.ask_for_access(&shared).map_err(raised)?;
        hook.remember_etcd(&shared).map_err(raised)
    }

    /// How this hook comes to hold a shared lock itself: `("turn", the unit's lock whose turn it is then)`, `("line", the
    /// lock as JSON for the command)`, `("without", why)` or `("closed", why)`.
    fn way_to_shared(&self, shared: &str) -> PyResult<(&'static str, String)> {
        let shared: SharedLock = serde_json::from_str(shared).map_err(refused)?;
        let way = self.hook()?.way_to(&shared).map_err(raised)?;
        Ok(match way {
            Way::ByTurn(lock) => ("turn", lock.into()),
            Way::InLine(shared) => ("line", as_json(&shared)?),
            Way::Without(why) => ("without", why),
            Way::Closed(why) => ("closed", why),
        })
    }

    /// In words, how this unit stands with the shared lock of a lock's operation; None if it wants none.
    fn shared_in_words(&self, lock: &str) -> PyResult<Option<String>> {
        let mut said = self.hook()?.shared_in_words().map_err(raised)?;
        Ok(said.remove(&lock_name(lock)?))
    }

    /// Answers instead of etcd, for a charm's tests: why the lock is waited for; it is held if that is None.
    fn answer_shared(&self, lock: &str, why: Option<String>) -> PyResult<()> {
        let answer = why.map_or(Shared::Held, |why| Shared::Awaited {
            in_short: why.clone(),
            why,
        });
        self.hook()?.answer_shared(&lock_name(lock)?, answer);
        Ok(())
    }

    /// Whether the operation that has begun goes without its optional shared lock.
    fn goes_without_shared(&self, lock: &str) -> PyResult<bool> {
        Ok(self.hook()?.goes_without_shared(&lock_name(lock)?))
    }

    /// The turn of the shared lock that the operation has now, as `(token, milliseconds left, milliseconds that it
    /// needs to end)`; None if it has none, or none any more. Sees to it that its lease is being renewed.
    fn shared_turn(&self, lock: &str) -> PyResult<Option<(i64, u64, u64)>> {
        let turn = self.hook()?.shared_turn(&lock_name(lock)?);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(turn
            .map_err(raised)?
            .map(|turn| (turn.token, millis(turn.left), millis(turn.grace()))))
    }

    /// Ends the operation; with a reason, as a failed one that keeps its place.
    fn finish(&self, lock: &str, failure: Option<String>) -> PyResult<()> {
        let result = failure.map_or(Ok(()), Err);
        self.hook()?
            .finish(&lock_name(lock)?, result)
            .map(drop)
            .map_err(raised)
    }

    /// Ends the operation as failed; the unit then does as `on_failure` says, and does not try again for `back_off`
    /// milliseconds, doubled for each further failure.
    fn fail(&self, lock: &str, reason: &str, on_failure: &str, back_off: u64) -> PyResult<()> {
        let recovery = recovery(on_failure, back_off)?;
        self.hook()?
            .fail(&lock_name(lock)?, reason, recovery)
            .map(drop)
            .map_err(raised)
    }

    /// Sets what must hold after an operation before its turn is over: `holds` returns why it does not, or None. Times
    /// are in milliseconds.
    #[pyo3(signature = (lock, holds, *, soak, within, on_failure, back_off))]
    fn set_check(
        &self,
        lock: &str,
        holds: Py<PyAny>,
        soak: u64,
        within: u64,
        on_failure: &str,
        back_off: u64,
    ) -> PyResult<()> {
        let recovery = recovery(on_failure, back_off)?;
        let examiner = self.examiner.clone();
        let demands = Check { soak, within };
        let ask = move || examiner.ask(&holds);
        self.hook()?
            .set_check(&lock_name(lock)?, demands, recovery, ask);
        Ok(())
    }

    /// Asks whether the unit is available: `available` returns why not, or None. Every hook must ask, for locks whose
    /// policy limits how many units may be unavailable at once.
    #[expect(clippy::needless_pass_by_value, reason = "it comes from Python")]
    fn ask_availability(&self, available: Py<PyAny>) -> PyResult<()> {
        // Nothing may be requested in it.
        let mut hook = self.hook()?;
        let asked = self.examiner.ask(&available);
        let told = asked.map_or_else(Availability::Unavailable, |()| Availability::Available);
        hook.set_availability(move || told.clone());
        self.unless_raised(())
    }

    /// Looks at the check of an operation that has succeeded in an earlier hook; None if there is none.
    fn look_at_check(&self, lock: &str) -> PyResult<Option<EndedInWords>> {
        let looked = self.hook()?.look_at_check(&lock_name(lock)?);
        self.unless_raised(looked.map_err(raised)?.map(in_words))
    }

    /// Carries out an operator's instruction at once, on the leader; returns what was done, in words.
    fn instruct(&self, lock: &str, instruction: &str, about: &str) -> PyResult<String> {
        let unit = || about.parse::<UnitName>().map_err(raised);
        let instruction = match instruction {
            "pause" => Instruction::Pause {
                reason: about.to_owned(),
            },
            "resume" => Instruction::Resume,
            "abort" => Instruction::Abort,
            "retry" => Instruction::Retry(unit()?),
            "skip" => Instruction::Skip(unit()?),
            "cancel" => Instruction::Cancel(unit()?),
            "force" => Instruction::Force(unit()?),
            other => return Err(refused(format!("there is no instruction '{other}'"))),
        };
        let told = self.hook()?.instruct(&lock_name(lock)?, &instruction);
        told.map_err(raised)
    }

    /// Who would go when, and what stands in the way, as JSON. Reads every unit's record.
    fn plan(&self, lock: &str, rules: &Rules) -> PyResult<String> {
        let lock = lock_name(lock)?;
        let policy = rules.apply(&lock, PerLock::new());
        let plan = self.hook()?.plan(&lock, &policy);
        serde_json::to_string(&plan.map_err(raised)?).map_err(refused)
    }

    /// Ends the operation as done, and with it every request up to this one, once its check has held.
    fn finish_through(&self, lock: &str, seq: u64) -> PyResult<EndedInWords> {
        let ended = self.hook()?.finish_through(&lock_name(lock)?, seq);
        self.unless_raised(in_words(ended.map_err(raised)?))
    }

    /// Withdraws the unit's request; returns false if none is waiting.
    fn withdraw(&self, lock: &str) -> PyResult<bool> {
        self.hook()?.withdraw(&lock_name(lock)?).map_err(raised)
    }

    /// Withdraws the outstanding request and publishes the reason; returns false if there is none, or if an
    /// operation is running.
    fn withdraw_because(&self, lock: &str, reason: &str) -> PyResult<bool> {
        self.hook()?
            .withdraw_because(&lock_name(lock)?, reason)
            .map_err(raised)
    }

    /// Cancels another unit's request at the end of this hook; returns false if it has none.
    fn cancel(&self, lock: &str, unit: &str, force: bool) -> PyResult<bool> {
        let (lock, unit) = (lock_name(lock)?, unit.parse().map_err(raised)?);
        let Some(ticket) = self.hook()?.ticket_of(&lock, &unit).map_err(raised)? else {
            return Ok(false);
        };
        let order = if force {
            Order::Force(lock, ticket)
        } else {
            Order::Cancel(lock, ticket)
        };
        self.orders.borrow_mut().push(order);
        Ok(true)
    }

    /// Rolls all units, at the end of this hook on the leader; each is given `context`, which is JSON.
    fn roll(&self, lock: &str, reason: &str, operation: &str, context: &str) -> PyResult<()> {
        let lock = lock_name(lock)?;
        if !self.is_leader() {
            return Err(raised(Error::NotLeader));
        }
        let context: Value = serde_json::from_str(context).map_err(refused)?;
        let given = Operation::new(context, Vec::new()).map_err(raised)?;
        let order = Order::Roll(lock, given.named(operation).to_call(reason));
        self.orders.borrow_mut().push(order);
        Ok(())
    }

    /// Expects a campaign in which each unit is given `context`, which is JSON; asks for this unit alone if none comes.
    fn expect(&self, lock: &str, reason: &str, operation: &str, context: &str) -> PyResult<()> {
        let context: Value = serde_json::from_str(context).map_err(refused)?;
        let given = Operation::new(context, Vec::new()).map_err(raised)?;
        self.hook()?
            .expect(&lock_name(lock)?, reason, &given.named(operation))
            .map_err(raised)
    }

    /// Passes in the campaign that calls this unit; returns false if none does, or if it has a request of its own.
    fn pass_in_campaign(&self, lock: &str, reason: Option<&str>) -> PyResult<bool> {
        self.hook()?.pass(&lock_name(lock)?, reason).map_err(raised)
    }

    /// What a campaign has this unit do now, as `(number, context as JSON)`: its turn has come, and it has no request of
    /// its own.
    fn invitation(&self, lock: &str) -> PyResult<Option<(u64, String)>> {
        let invited = self.hook()?.invitation(&lock_name(lock)?).map_err(raised)?;
        Ok(invited.map(|(number, given)| (number, given.context.to_string())))
    }

    /// The locks for which a campaign has this unit take its turn now, although it has no request of its own.
    fn invitations(&self) -> PyResult<Vec<String>> {
        let locks = self.hook()?.invitations().map_err(raised)?.into_iter();
        Ok(locks.map(Into::into).collect())
    }

    /// For each lock with an outstanding request of this unit, the number of the one that is served next,
    /// including those left on `siblings`, the endpoints that the charm has used before.
    #[expect(clippy::needless_pass_by_value, reason = "it comes from Python")]
    fn outstanding(&self, siblings: Vec<String>) -> PyResult<BTreeMap<String, u64>> {
        let outstanding = self.hook()?.outstanding(&siblings).map_err(raised)?;
        let named = outstanding.into_iter();
        Ok(named.map(|(lock, seq)| (lock.into(), seq)).collect())
    }

    /// Whether the turn of this unit has come.
    fn is_turn(&self, lock: &str) -> PyResult<bool> {
        let turn = self.hook()?.turn(&lock_name(lock)?);
        Ok(matches!(turn.map_err(raised)?, Turn::Start(_)))
    }

    /// The units that have requested a lock and are not in its line, in the order in which they would join it.
    fn queue(&self, lock: &str) -> PyResult<Vec<String>> {
        let queue = self.hook()?.queue(&lock_name(lock)?);
        let queue = queue.map_err(raised)?.into_iter();
        Ok(queue.map(|unit| unit.to_string()).collect())
    }

    /// The unit's counters for a lock.
    fn counters(&self, lock: &str) -> PyResult<Counters> {
        let record = self.hook()?.record(&lock_name(lock)?).map_err(raised)?;
        let outcome = record.outcome.map(|outcome| outcome.as_str().to_owned());
        Ok((record.seq, record.done, outcome, record.reason))
    }

    /// The payload of the request that is served next, as JSON.
    fn asked(&self, lock: &str) -> PyResult<Option<String>> {
        let operation = self.hook()?.asked(&lock_name(lock)?).map_err(raised)?;
        Ok(operation.map(|operation| operation.context.to_string()))
    }

    /// What this unit waits for, in one line for all its locks.
    fn summary(&self) -> PyResult<Option<String>> {
        self.hook()?.summary().map_err(raised)
    }

    /// Writes this unit's metrics to a file, after the release.
    fn write_metrics(&self, path: PathBuf) -> PyResult<()> {
        self.hook()?.write_metrics(&path).map_err(raised)
    }

    /// What has happened to this unit's requests, for the log; each is returned once.
    fn take_news(&self) -> PyResult<Vec<String>> {
        let news = self.hook()?.take_news().into_iter();
        Ok(news.map(|news| news.to_string()).collect())
    }

    /// Lets a waker run another hook after this time, whatever else runs meanwhile.
    fn wake_later(&self, milliseconds: u64) -> PyResult<()> {
        let Waking {
            machine,
            endpoint,
            context,
        } = &self.waking;
        let woken = machine.wake(endpoint, context, Errand::Later(milliseconds));
        woken.map_err(|error| refused(format!("cannot start a waker: {error}")))
    }

    /// Where all requests stand. Reads every unit's record.
    fn status(&self, py: Python<'_>) -> PyResult<Status> {
        let status = self.hook()?.status().map_err(raised)?;
        Status::new(py, status)
    }

    /// Ends the hook: publishes, and maintains the line if the unit leads.
    fn release(
        &self,
        rules: BTreeMap<String, Py<Rules>>,
        grant: Option<Py<PyAny>>,
        custom: Vec<String>,
    ) -> PyResult<()> {
        let mut policy = PerLock::new();
        for (lock, rules) in rules {
            policy = rules.get().apply(&lock_name(&lock)?, policy);
        }
        let custom = custom
            .iter()
            .map(|lock| lock_name(lock))
            .collect::<PyResult<_>>()?;
        let rule = Rule::new(policy, grant, custom);
        let orders = self.orders.take();
        let released = self.hook()?.release_with(&rule, &orders);
        match rule.take_error() {
            Some(error) => Err(error),
            None => released.map_err(raised),
        }
    }

    /// Whether the unit leads, according to this hook's `is-leader` call.
    #[getter]
    fn is_leader(&self) -> bool {
        self.hook.borrow().is_leader()
    }

    /// Whether the peer relation exists.
    #[getter]
    fn has_relation(&self) -> bool {
        self.hook.borrow().has_relation()
    }

    /// Warnings for the log; each is returned once.
    fn take_warnings(&self) -> PyResult<Vec<String>> {
        Ok(self.hook()?.take_warnings())
    }
}

impl Hook {
    /// The hook, for one thing at a time.
    fn hook(&self) -> PyResult<RefMut<'_, ops_coordinator_juju::Hook>> {
        let busy = "a function that a coordinator asks cannot use its coordinator meanwhile";
        self.hook.try_borrow_mut().map_err(|_| refused(busy))
    }

    /// The answer, unless the charm's check raised something while it was found.
    fn unless_raised<T>(&self, answer: T) -> PyResult<T> {
        self.examiner.take_error().map_or(Ok(answer), Err)
    }
}

/// A variable's value, if it has one: Juju exports some empty variables.
fn filled(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

/// Where all requests stand, as a table or as JSON, for an operator: needs hook tools, and no charm. `waker` is the
/// command of a waker, as for a hook.
#[pyfunction]
pub(crate) fn status_text(
    py: Python<'_>,
    endpoint: &str,
    waker: Vec<OsString>,
    json: bool,
) -> PyResult<String> {
    let status = py.detach(|| {
        let environment = Environment::from_process()?;
        let machine = LocalMachine::new(environment.state_dir(), WakerCommand::new(waker));
        let transport = Rc::new(Exec);
        let machine = Rc::new(machine);
        let mut hook = ops_coordinator_juju::Hook::open(environment, transport, machine, endpoint)?;
        hook.status()
    });
    let status = status.map_err(raised)?;
    if json {
        serde_json::to_string_pretty(&status).map_err(refused)
    } else {
        Ok(status.table())
    }
}

/// Whether the line may have a lock of this name.
#[pyfunction]
pub(crate) fn is_lock_name(name: &str) -> bool {
    name.parse::<LockName>().is_ok()
}

/// What happens after a failure. How often is counted in Python.
fn recovery(on_failure: &str, back_off: u64) -> PyResult<Recovery> {
    let on_failure: OnFailure = on_failure.parse().map_err(refused)?;
    Ok(Recovery {
        back_off,
        ..Recovery::from(on_failure)
    })
}

fn lock_name(text: &str) -> PyResult<LockName> {
    text.parse().map_err(raised)
}
