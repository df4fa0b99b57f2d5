//! The policy of one lock, as a charm declares it.

use std::cell::RefCell;
use std::fmt::Display;
use std::path::Path;
use std::rc::Rc;

use ops_coordinator_juju::policy::{
    Chooser, Limit, LimitError, PerLock, Sequence, SequenceError, Waves,
};
use ops_coordinator_juju::{
    Declared, Gate, LockName, NameError, Timestamp, UnitName, Window, WindowError, outside, policy,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How units take turns for a lock, and when.
#[pyclass(frozen, eq, module = "ops_coordinator._native")]
pub(crate) struct Rules {
    declared: policy::Rules,
    windows: Vec<Window>,
    order: Option<Order>,
}

/// What says which units go first.
pub(crate) enum Order {
    /// A function of the charm, from units to units.
    Function(Py<PyAny>),
    /// A command of `coordination.toml`.
    Command {
        /// Its words.
        words: Vec<String>,
        /// It, ready to run.
        chooser: Chooser,
    },
}

impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Function(one), Self::Function(other)) => one.is(other),
            (Self::Command { words: one, .. }, Self::Command { words: other, .. }) => one == other,
            _ => false,
        }
    }
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        (&self.declared, &self.windows, &self.order)
            == (&other.declared, &other.windows, &other.order)
    }
}

#[pymethods]
impl Rules {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "it comes from Python")]
    #[expect(
        clippy::too_many_arguments,
        reason = "Python's Policy is what people call"
    )]
    fn new(
        limit: &str,
        order: &str,
        waves: &str,
        canary: bool,
        lookahead: u32,
        window: Vec<String>,
        max_unavailable: Option<&str>,
        choose: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let limit: Result<Limit, _> = limit.parse();
        let most: Result<Option<Limit>, _> = max_unavailable.map(str::parse).transpose();
        let order: Result<Sequence, _> = order.parse();
        let waves: Result<Waves, _> = waves.parse();
        let windows = window.iter().map(|window| window.parse::<Window>());
        let windows: Result<Vec<Window>, _> = windows.collect();
        Ok(Self {
            declared: policy::Rules {
                limit: limit.map_err(|error| wrong(&error, &LimitError::hint(&error)))?,
                sequence: order.map_err(|error| wrong(&error, &SequenceError::hint(&error)))?,
                waves: waves.map_err(|error| PyValueError::new_err(error.to_string()))?,
                canary,
                lookahead,
                max_unavailable: most.map_err(|error| wrong(&error, &LimitError::hint(&error)))?,
            },
            windows: windows.map_err(|error| wrong(&error, &WindowError::hint(&error)))?,
            order: choose.map(Order::Function),
        })
    }
}

impl Rules {
    /// What a file declares.
    pub(crate) fn declared(said: &Declared, charm_dir: &Path) -> Self {
        let order = said.order_command.clone().zip(said.chooser(charm_dir));
        Self {
            declared: said.rules.clone(),
            windows: said.windows.clone(),
            order: order.map(|(words, chooser)| Order::Command { words, chooser }),
        }
    }

    /// The policy with these rules for a lock.
    pub(crate) fn apply(&self, lock: &LockName, policy: PerLock) -> PerLock {
        let policy = policy.with_rules(lock.clone(), self.declared.clone());
        let chooser = match &self.order {
            None => return policy,
            Some(Order::Command { chooser, .. }) => chooser.clone(),
            Some(Order::Function(function)) => {
                let function = Python::attach(|py| function.clone_ref(py));
                Chooser::new(move |_, units| called(&function, units))
            }
        };
        policy.with_chooser(lock.clone(), chooser)
    }
}

/// What a function of the charm says of the order of these units.
fn called(function: &Py<PyAny>, units: &[UnitName]) -> Result<Vec<UnitName>, String> {
    let units: Vec<String> = units.iter().map(ToString::to_string).collect();
    let answer = Python::attach(|py| function.call1(py, (units,))?.extract::<Vec<String>>(py));
    let first = answer.map_err(|error| format!("its function order raised {error}"))?;
    let names = first.iter().map(|name| {
        let wrong = |error: NameError| format!("its function order returned an {error}");
        name.parse().map_err(wrong)
    });
    names.collect()
}

fn wrong(error: &dyn Display, hint: &str) -> PyErr {
    PyValueError::new_err(format!("{error}: {hint}"))
}

/// What decides whether an operation may begin: its windows, and then a function of the charm, which returns why not.
pub(crate) struct Gatekeeper {
    windows: Vec<Window>,
    blocker: Option<Py<PyAny>>,
    raised: RefCell<Option<PyErr>>,
}

impl Gatekeeper {
    pub(crate) fn new(rules: Option<&Rules>, blocker: Option<Py<PyAny>>) -> Rc<Self> {
        Rc::new(Self {
            windows: rules.map(|rules| rules.windows.clone()).unwrap_or_default(),
            blocker,
            raised: RefCell::default(),
        })
    }

    pub(crate) fn gate(&self) -> Gate {
        if let Some(gate) = outside(&self.windows, Timestamp::now()) {
            return gate;
        }
        let Some(blocker) = &self.blocker else {
            return Gate::Open;
        };
        let answer = Python::attach(|py| blocker.call0(py)?.extract::<Option<String>>(py));
        match answer {
            Ok(why) => why.map_or(Gate::Open, Gate::Blocked),
            Err(error) => {
                *self.raised.borrow_mut() = Some(error);
                Gate::Blocked("its blocker failed".to_owned())
            }
        }
    }

    /// The exception that the charm's function raised.
    pub(crate) fn take_error(&self) -> Option<PyErr> {
        self.raised.borrow_mut().take()
    }
}
