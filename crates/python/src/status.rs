//! Who waits for whom and why, as Python objects.

use std::collections::BTreeMap;

use ops_coordinator_juju as juju;
use pyo3::prelude::*;

/// The state of all locks.
#[pyclass(frozen, get_all, module = "ops_coordinator._native")]
pub(crate) struct Status {
    now: Option<u64>,
    leader: Option<String>,
    warnings: Vec<String>,
    locks: BTreeMap<String, Py<LockStatus>>,
    table: String,
}

/// The state of one lock.
#[pyclass(frozen, get_all, module = "ops_coordinator._native")]
pub(crate) struct LockStatus {
    paused: Option<String>,
    units: Vec<Py<UnitStatus>>,
}

/// A unit's state for one lock.
#[pyclass(frozen, get_all, module = "ops_coordinator._native")]
pub(crate) struct UnitStatus {
    unit: String,
    place: String,
    position: Option<usize>,
    waits_for: Vec<String>,
    wait: Option<String>,
    since: Option<u64>,
    ticket: Option<String>,
    number: Option<u64>,
    operation: Option<String>,
    attempt: Option<u16>,
    outcome: Option<String>,
    reason: Option<String>,
    held: Option<String>,
    done: u64,
    last: Option<String>,
}

impl Status {
    pub(crate) fn new(py: Python<'_>, status: juju::Status) -> PyResult<Self> {
        let table = status.table();
        let locks = status.locks.into_iter();
        let locks = locks.map(|(lock, state)| Ok((lock.to_string(), LockStatus::new(py, state)?)));
        Ok(Self {
            now: status.now.map(|now| now.0),
            leader: status.leader.map(|unit| unit.to_string()),
            warnings: status.warnings,
            locks: locks.collect::<PyResult<_>>()?,
            table,
        })
    }
}

impl LockStatus {
    fn new(py: Python<'_>, state: juju::LockStatus) -> PyResult<Py<Self>> {
        let units = state.units.into_iter().map(|unit| {
            let unit = UnitStatus {
                unit: unit.unit.to_string(),
                place: name_of(unit.place),
                position: unit.position,
                waits_for: unit.waits_for.iter().map(ToString::to_string).collect(),
                wait: unit.wait,
                since: unit.since.map(|since| since.0),
                ticket: unit.ticket,
                number: unit.number,
                operation: unit.operation,
                attempt: unit.attempt,
                outcome: unit.outcome.map(|outcome| outcome.as_str().to_owned()),
                reason: unit.reason,
                held: unit.held,
                done: unit.done,
                last: unit.last,
            };
            Py::new(py, unit)
        });
        let units = units.collect::<PyResult<_>>()?;
        let paused = state.paused;
        Py::new(py, Self { paused, units })
    }
}

/// A place's name, as in JSON.
fn name_of(place: juju::Place) -> String {
    let name = serde_json::to_value(place).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}
