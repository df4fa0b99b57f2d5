//! Maps all errors to one family of Python exceptions.

use pyo3::PyErr;
use pyo3::exceptions::PyException;

pyo3::create_exception!(
    ops_coordinator,
    CoordinatorError,
    PyException,
    "A problem that keeps a unit from taking its turns. The message says what, and what to do."
);

/// The Python exception for an error of the coordination.
pub(crate) fn raised(error: impl std::fmt::Display) -> PyErr {
    CoordinatorError::new_err(error.to_string())
}
