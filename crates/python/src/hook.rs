//! One hook of one unit.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use ops_coordinator_core::{LockName, Order, Turn};
use ops_coordinator_juju::{Environment, Operation};
use pyo3::prelude::*;
use serde_json::Value;

use crate::error::raised;
use crate::machine::HookMachine;
use crate::model::Model;
use crate::policy::Rule;

/// One hook of one unit: what it has read, and what it will write.
#[pyclass(unsendable, frozen, module = "ops_coordinator._native")]
pub(crate) struct Hook {
    hook: RefCell<ops_coordinator_juju::Hook>,
    /// What this hook is to do for operators at its end.
    orders: RefCell<Vec<Order>>,
}

/// How the attempt to start ended: `(started, what the unit waits for)`.
type Started = (bool, Option<String>);
/// A unit's counters for a lock: newest request, newest finished, outcome, reason.
type Counters = (u64, u64, Option<String>, Option<String>);

#[pymethods]
impl Hook {
    #[new]
    #[pyo3(signature = (answer, *, endpoint, state, waker, from_process_start, unit, context, charm_dir,
        peers, ahead = 0))]
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
        let machine = Rc::new(HookMachine::new(state, waker, from_process_start, ahead));
        let hook = ops_coordinator_juju::Hook::open(
            environment,
            Rc::new(Model::new(answer)),
            machine.clone(),
            endpoint,
        );
        machine.opened();
        Ok(Self {
            hook: hook.map_err(raised)?.into(),
            orders: RefCell::default(),
        })
    }

    /// Asks for a turn; gives the number of the request that serves this one.
    fn request(&self, lock: &str, asked: Option<&str>) -> PyResult<u64> {
        let operation = asked.map(|text| {
            let context: Value = serde_json::from_str(text).map_err(raised)?;
            Operation::new(context, Vec::new()).map_err(raised)
        });
        let requested = self
            .hook()?
            .request(&lock_name(lock)?, None, operation.transpose()?)
            .map_err(raised)?;
        Ok(requested.ticket.seq)
    }

    /// Begins the operation where it is the unit's turn.
    fn start(&self, lock: &str) -> PyResult<Started> {
        let started = self.hook()?.start(&lock_name(lock)?).map_err(raised)?;
        Ok(match started {
            Ok(_) => (true, None),
            Err(Turn::Wait(wait)) => (false, Some(wait.to_string())),
            Err(Turn::NotRequested | Turn::Start(_)) => (false, None),
        })
    }

    /// Ends the operation; with a reason, as one that failed and keeps its place.
    fn finish(&self, lock: &str, failure: Option<String>) -> PyResult<()> {
        let result = failure.map_or(Ok(()), Err);
        self.hook()?
            .finish(&lock_name(lock)?, result)
            .map_err(raised)
    }

    /// Ends the operation as done, and with it every request up to this one.
    fn finish_through(&self, lock: &str, seq: u64) -> PyResult<()> {
        self.hook()?
            .finish_through(&lock_name(lock)?, seq)
            .map_err(raised)
    }

    /// Takes back what the unit asked for; false where nothing waits.
    fn withdraw(&self, lock: &str) -> PyResult<bool> {
        self.hook()?.withdraw(&lock_name(lock)?).map_err(raised)
    }

    /// Withdraws what is outstanding, for a reason that is published; false where nothing is, or where an
    /// operation runs.
    fn withdraw_because(&self, lock: &str, reason: &str) -> PyResult<bool> {
        self.hook()?
            .withdraw_because(&lock_name(lock)?, reason)
            .map_err(raised)
    }

    /// Has another unit's request cancelled at the end of this hook; false where it has none.
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

    /// For each lock of which a request of this unit is outstanding, the number of the one that is served
    /// next; with what is left on `siblings`, the endpoints that the charm has used before.
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

    /// The units that ask for a lock and are not in its line, in the order in which they would join it.
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

    /// What was asked for with the request that is served next, as JSON.
    fn asked(&self, lock: &str) -> PyResult<Option<String>> {
        let operation = self.hook()?.asked(&lock_name(lock)?).map_err(raised)?;
        Ok(operation.map(|operation| operation.context.to_string()))
    }

    /// Where all requests stand, as JSON. Reads every unit's record.
    fn status(&self) -> PyResult<String> {
        let status = self.hook()?.status().map_err(raised)?;
        serde_json::to_string(&status).map_err(raised)
    }

    /// Ends the hook: publishes, and keeps the line where the unit leads.
    fn release(
        &self,
        limits: BTreeMap<String, u32>,
        grant: Option<Py<PyAny>>,
        custom: Vec<String>,
    ) -> PyResult<()> {
        let limits = limits
            .iter()
            .map(|(lock, limit)| Ok((lock_name(lock)?, *limit)))
            .collect::<PyResult<_>>()?;
        let custom = custom
            .iter()
            .map(|lock| lock_name(lock))
            .collect::<PyResult<_>>()?;
        let rule = Rule::new(limits, grant, custom);
        let orders = self.orders.take();
        let released = self.hook()?.release(&rule, &orders);
        match rule.take_error() {
            Some(error) => Err(error),
            None => released.map_err(raised),
        }
    }

    /// Whether the unit leads, as this hook has asked.
    #[getter]
    fn is_leader(&self) -> bool {
        self.hook.borrow().is_leader()
    }

    /// Whether the peer relation is there.
    #[getter]
    fn has_relation(&self) -> bool {
        self.hook.borrow().has_relation()
    }

    /// What a reader of the log should know; each is given once.
    fn take_warnings(&self) -> PyResult<Vec<String>> {
        Ok(self.hook()?.take_warnings())
    }
}

impl Hook {
    /// The hook, for one thing at a time.
    fn hook(&self) -> PyResult<RefMut<'_, ops_coordinator_juju::Hook>> {
        let busy = "a policy cannot use its coordinator while that asks it who gets the lock";
        self.hook.try_borrow_mut().map_err(|_| raised(busy))
    }
}

/// A variable's value, where it has one: Juju exports some that are empty.
fn filled(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

fn lock_name(text: &str) -> PyResult<LockName> {
    text.parse().map_err(raised)
}
