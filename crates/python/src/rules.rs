//! The policy of one lock, as a charm declares it.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

use ops_coordinator_juju::policy::{Limit, LimitError, Sequence, SequenceError, Waves};
use ops_coordinator_juju::{Gate, Timestamp, Window, WindowError, outside, policy};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How units take turns for a lock, and when.
#[pyclass(frozen, eq, module = "ops_coordinator._native")]
#[derive(PartialEq)]
pub(crate) struct Rules {
    pub(crate) rules: policy::Rules,
    windows: Vec<Window>,
}

#[pymethods]
impl Rules {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "it comes from Python")]
    fn new(
        limit: &str,
        order: &str,
        waves: &str,
        canary: bool,
        lookahead: u32,
        window: Vec<String>,
        max_unavailable: Option<&str>,
    ) -> PyResult<Self> {
        let limit: Result<Limit, _> = limit.parse();
        let most: Result<Option<Limit>, _> = max_unavailable.map(str::parse).transpose();
        let order: Result<Sequence, _> = order.parse();
        let waves: Result<Waves, _> = waves.parse();
        let windows = window.iter().map(|window| window.parse::<Window>());
        let windows: Result<Vec<Window>, _> = windows.collect();
        Ok(Self {
            rules: policy::Rules {
                limit: limit.map_err(|error| wrong(&error, &LimitError::hint(&error)))?,
                sequence: order.map_err(|error| wrong(&error, &SequenceError::hint(&error)))?,
                waves: waves.map_err(|error| PyValueError::new_err(error.to_string()))?,
                canary,
                lookahead,
                max_unavailable: most.map_err(|error| wrong(&error, &LimitError::hint(&error)))?,
            },
            windows: windows.map_err(|error| wrong(&error, &WindowError::hint(&error)))?,
        })
    }
}

impl Rules {
    /// What a file declares.
    pub(crate) fn declared(rules: policy::Rules, windows: Vec<Window>) -> Self {
        Self { rules, windows }
    }
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
