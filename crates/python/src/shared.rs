//! Locks in etcd: what a charm declares of them, and what ends a process that would outlive one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ops_coordinator_juju::SharedLock;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustix::process::{Signal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};

use crate::error::refused;

/// How long a fuse that is put out may go on sleeping.
const NAP: u64 = 50;
/// No time: the fuse is out.
const OUT: u64 = 0;

/// Checks what a charm declares, which is JSON with the keys of `coordination.toml`; returns it with each key and each
/// default, as JSON.
#[pyfunction]
pub(crate) fn checked_shared(said: &str) -> PyResult<String> {
    let mut from = serde_json::Deserializer::from_str(said);
    let shared = SharedLock::read(&mut from).map_err(|error| {
        // JSON is not what the charm has written.
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or(&text);
        PyValueError::new_err(why.to_owned())
    })?;
    as_json(&shared)
}

/// All of a lock, as JSON.
pub(crate) fn as_json(shared: &SharedLock) -> PyResult<String> {
    serde_json::to_string(shared).map_err(refused)
}

/// Ends this process when its time is up, whatever its Python does: then somebody else may have the lock.
#[pyclass(frozen, module = "ops_coordinator._native")]
pub(crate) struct Fuse {
    /// When it burns down, in milliseconds since the boot.
    until: Arc<AtomicU64>,
}

#[pymethods]
impl Fuse {
    /// Burns down after so many milliseconds.
    #[new]
    fn light(left: u64) -> PyResult<Self> {
        let until = Arc::new(AtomicU64::new(after(left)));
        let burns = Arc::clone(&until);
        let name = "ops-coordinator".to_owned();
        thread::Builder::new()
            .name(name)
            .spawn(move || burn(&burns))
            .map_err(|error| refused(format!("cannot start a thread: {error}")))?;
        Ok(Self { until })
    }

    /// From now, it has so many milliseconds.
    fn set(&self, left: u64) {
        self.until.store(after(left), Ordering::Relaxed);
    }

    /// Puts it out.
    fn put_out(&self) {
        self.until.store(OUT, Ordering::Relaxed);
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.put_out();
    }
}

fn burn(until: &AtomicU64) {
    loop {
        let (until, now) = (until.load(Ordering::Relaxed), now());
        if until == OUT {
            return;
        }
        if now >= until {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        thread::sleep(Duration::from_millis(NAP.min(until.saturating_sub(now))));
    }
}

fn after(left: u64) -> u64 {
    now().saturating_add(left).max(OUT + 1)
}

/// Milliseconds since the boot, which also pass while the machine sleeps.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let millis = time
        .tv_sec
        .saturating_mul(1000)
        .saturating_add(time.tv_nsec / 1_000_000);
    u64::try_from(millis).unwrap_or_default()
}
