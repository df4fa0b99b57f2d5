//! The check after an operation: a function of the charm.

use std::cell::RefCell;
use std::rc::Rc;

use ops_coordinator_juju::{Ended, Span};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How an operation stands that has ended: `done`, `checking`, or what the unit does after a failure; and why.
pub(crate) type EndedInWords = (&'static str, Option<String>);

pub(crate) fn in_words(ended: Ended) -> EndedInWords {
    match ended {
        Ended::Done => ("done", None),
        Ended::Checking(wait) => ("checking", Some(wait.to_string())),
        Ended::Failed { why, then } => (then.as_str(), Some(why)),
    }
}

/// Calls the functions of the charm that say whether a check holds.
#[derive(Clone, Default)]
pub(crate) struct Examiner {
    raised: Rc<RefCell<Option<PyErr>>>,
}

impl Examiner {
    /// Asks `holds`, which returns why the check does not hold, or nothing.
    pub(crate) fn ask(&self, holds: &Py<PyAny>) -> Result<(), String> {
        let answer = Python::attach(|py| holds.call0(py)?.extract::<Option<String>>(py));
        answer
            .unwrap_or_else(|error| {
                *self.raised.borrow_mut() = Some(error);
                Some("it could not be asked".to_owned())
            })
            .map_or(Ok(()), Err)
    }

    /// The exception that a function of the charm raised.
    pub(crate) fn take_error(&self) -> Option<PyErr> {
        self.raised.borrow_mut().take()
    }
}

/// The milliseconds in a span of time such as `90s`.
#[pyfunction]
pub(crate) fn milliseconds(span: &str) -> PyResult<u64> {
    let span: Span = span
        .parse()
        .map_err(|error| PyValueError::new_err(format!("{error}")))?;
    Ok(span.0)
}
