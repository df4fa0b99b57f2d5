//! The native module `ops_coordinator._native`: one hook of a charm, driven from Python.
//!
//! The protocol and its state are here, in Rust. The Python package around this module integrates them with
//! `ops`: its model, its events and its life cycle.

mod check;
mod declared;
mod error;
mod hook;
mod machine;
mod model;
mod policy;
mod rules;
mod service;
mod shared;
mod status;

#[pyo3::pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    /// The greatest limit.
    #[pymodule_export]
    const LIMIT_MAX: u32 = ops_coordinator_juju::policy::Limit::MAX;
    #[pymodule_export]
    use crate::check::milliseconds;
    #[pymodule_export]
    use crate::declared::declared;
    #[pymodule_export]
    use crate::error::CoordinatorError;
    #[pymodule_export]
    use crate::hook::{Hook, is_lock_name, status_text};
    #[pymodule_export]
    use crate::machine::{run_waker, write_pending_line};
    #[pymodule_export]
    use crate::rules::Rules;
    #[pymodule_export]
    use crate::service::{is_service_name, restart_service};
    #[pymodule_export]
    use crate::shared::{Fuse, checked_shared};
    #[pymodule_export]
    use crate::status::{LockStatus, Status, UnitStatus};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // Exceptions that Python code raises have a `hint` as well.
        module
            .py()
            .get_type::<CoordinatorError>()
            .setattr("hint", module.py().None())
    }
}
