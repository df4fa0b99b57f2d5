//! Errors, mapped once: whatever goes wrong below is one family in Python.

use pyo3::PyErr;
use pyo3::exceptions::PyException;

pyo3::create_exception!(
    ops_coordinator,
    CoordinatorError,
    PyException,
    "Something that keeps a unit from taking its turns. The message says what, and what to do."
);

/// The Python exception for an error of the coordination.
pub(crate) fn raised(error: impl std::fmt::Display) -> PyErr {
    CoordinatorError::new_err(error.to_string())
}
