//! Maps all errors to one family of Python exceptions.

use ops_coordinator_juju::Error;
use pyo3::PyErr;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

pyo3::create_exception!(
    ops_coordinator,
    CoordinatorError,
    PyException,
    "A problem that keeps a unit from taking its turns. The message says what, `hint` what to do, if anything."
);

/// The Python exception for an error of the coordination. Its text ends with the hint, which a traceback then shows.
pub(crate) fn raised(error: impl Into<Error>) -> PyErr {
    let error = error.into();
    let raised = refused(error.explained());
    match Python::attach(|py| raised.value(py).setattr("hint", error.hint())) {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// The Python exception for a call that makes no sense.
pub(crate) fn refused(why: impl std::fmt::Display) -> PyErr {
    CoordinatorError::new_err(why.to_string())
}
