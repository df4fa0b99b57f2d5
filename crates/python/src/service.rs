//! Restarting a systemd service.

use ops_coordinator_juju::service::{ServiceName, restart};
use pyo3::prelude::*;

use crate::error::raised;

/// Restarts a service and checks that it runs. Returns `None` if it does, otherwise what was found and the last
/// lines of its log.
#[pyfunction]
pub(crate) fn restart_service(
    py: Python<'_>,
    name: &str,
) -> PyResult<Option<(String, Vec<String>)>> {
    let service: ServiceName = name.parse().map_err(raised)?;
    Ok(py
        .detach(|| restart(&[service]))
        .err()
        .map(|error| (error.found, error.log)))
}

/// Whether systemd allows a unit of this name.
#[pyfunction]
pub(crate) fn is_service_name(name: &str) -> bool {
    name.parse::<ServiceName>().is_ok()
}
