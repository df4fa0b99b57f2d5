//! One hook of one unit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use ops_coordinator_core::{LockName, Turn, UnitName};
use ops_coordinator_juju::{Environment, Operation, RelationId};
use pyo3::prelude::*;
use serde_json::Value;

use crate::error::raised;
use crate::machine::HookMachine;
use crate::model::Model;
use crate::policy::Rule;

/// One hook of one unit: what it has read, and what it will write.
#[pyclass(unsendable, frozen, module = "ops_coordinator._native")]
pub(crate) struct Hook {
    hook: std::cell::RefCell<ops_coordinator_juju::Hook>,
}

/// How the attempt to start ended: `(started, what the unit waits for)`.
type Started = (bool, Option<String>);
/// A unit's counters for a lock: newest request, newest finished, outcome, reason.
type Counters = (u64, u64, Option<String>, Option<String>);

#[pymethods]
impl Hook {
    #[new]
    #[pyo3(signature = (answer, *, unit, context, charm_dir, state, endpoint, waker, relation, remote_unit,
        departing_unit, zone, peers, from_process_start))]
    #[expect(
        clippy::too_many_arguments,
        reason = "named in Python, one each for what Juju tells a hook"
    )]
    fn open(
        answer: Py<PyAny>,
        unit: &str,
        context: String,
        charm_dir: PathBuf,
        state: PathBuf,
        endpoint: &str,
        waker: Vec<String>,
        relation: Option<String>,
        remote_unit: Option<&str>,
        departing_unit: Option<&str>,
        zone: Option<String>,
        peers: Vec<String>,
        from_process_start: bool,
    ) -> PyResult<Self> {
        let environment = Environment {
            unit: name(unit)?,
            context,
            charm_dir,
            relation: relation.map(RelationId::new),
            remote_unit: remote_unit.map(name).transpose()?,
            departing_unit: departing_unit.map(name).transpose()?,
            zone,
            retried: std::env::var_os("JUJU_ACTION_NAME").is_none_or(|name| name.is_empty()),
            peers: peers.into_iter().collect(),
        };
        let machine = Rc::new(HookMachine::new(state, waker, from_process_start));
        let hook = ops_coordinator_juju::Hook::open(
            environment,
            Rc::new(Model::new(answer)),
            machine.clone(),
            endpoint,
        );
        machine.opened();
        Ok(Self {
            hook: hook.map_err(raised)?.into(),
        })
    }

    /// Asks for a turn; gives the number of the request that serves this one.
    fn request(&self, lock: &str, asked: Option<&str>) -> PyResult<u64> {
        let operation = asked.map(|text| {
            let context: Value = serde_json::from_str(text).map_err(raised)?;
            Operation::new(context, Vec::new()).map_err(raised)
        });
        let requested = self
            .hook
            .borrow_mut()
            .request(&lock_name(lock)?, None, operation.transpose()?)
            .map_err(raised)?;
        Ok(requested.ticket.seq)
    }

    /// Begins the operation where it is the unit's turn.
    fn start(&self, lock: &str) -> PyResult<Started> {
        let started = self
            .hook
            .borrow_mut()
            .start(&lock_name(lock)?)
            .map_err(raised)?;
        Ok(match started {
            Ok(_) => (true, None),
            Err(Turn::Wait(wait)) => (false, Some(wait.to_string())),
            Err(Turn::NotRequested | Turn::Start(_)) => (false, None),
        })
    }

    /// Ends the operation; with a reason, as one that failed and keeps its place.
    fn finish(&self, lock: &str, failure: Option<String>) -> PyResult<()> {
        let result = failure.map_or(Ok(()), Err);
        self.hook
            .borrow_mut()
            .finish(&lock_name(lock)?, result)
            .map_err(raised)
    }

    /// Ends the operation well, and with it the requests up to a number that it has served.
    fn finish_through(&self, lock: &str, seq: u64) -> PyResult<()> {
        self.hook
            .borrow_mut()
            .finish_through(&lock_name(lock)?, seq)
            .map_err(raised)
    }

    /// Takes back what nobody wants any more; false where nothing waits.
    fn withdraw_because(&self, lock: &str, reason: &str) -> PyResult<bool> {
        self.hook
            .borrow_mut()
            .withdraw_because(&lock_name(lock)?, reason)
            .map_err(raised)
    }

    /// Takes back what the unit asked for; false where nothing waits.
    fn withdraw(&self, lock: &str) -> PyResult<bool> {
        self.hook
            .borrow_mut()
            .withdraw(&lock_name(lock)?)
            .map_err(raised)
    }

    /// The unit's counters for a lock.
    fn counters(&self, lock: &str) -> PyResult<Counters> {
        let record = self
            .hook
            .borrow_mut()
            .record(&lock_name(lock)?)
            .map_err(raised)?;
        let outcome = record.outcome.map(|outcome| outcome.as_str().to_owned());
        Ok((record.seq, record.done, outcome, record.reason))
    }

    /// What was asked for with the request that is served next, as JSON.
    fn asked(&self, lock: &str) -> PyResult<Option<String>> {
        let operation = self
            .hook
            .borrow_mut()
            .asked(&lock_name(lock)?)
            .map_err(raised)?;
        Ok(operation.map(|operation| operation.context.to_string()))
    }

    /// Where all requests stand, as JSON. Reads every unit's record.
    fn status(&self) -> PyResult<String> {
        let status = self.hook.borrow_mut().status().map_err(raised)?;
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
        let released = self.hook.borrow_mut().release(&rule, &[]);
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
    fn take_warnings(&self) -> Vec<String> {
        self.hook.borrow_mut().take_warnings()
    }
}

fn name(text: &str) -> PyResult<UnitName> {
    text.parse().map_err(raised)
}

fn lock_name(text: &str) -> PyResult<LockName> {
    text.parse().map_err(raised)
}
