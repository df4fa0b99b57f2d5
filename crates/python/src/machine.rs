//! The unit's machine, and the process that wakes it.

use std::cell::Cell;
use std::path::PathBuf;
use std::{fs, io};

use ops_coordinator_core::Tick;
use ops_coordinator_juju::{Error, LocalMachine, Machine, Waker};
use pyo3::prelude::*;

use crate::error::raised;

/// The machine of a process in which `ops` has run already.
///
/// `ops` remembers for 30 s that this unit leads, and the charm may have asked long before it came to the
/// coordination. The leader may write the line only shortly after that question, so the hook counts
/// from the start of the process: no answer can be older.
pub(crate) struct HookMachine {
    local: LocalMachine,
    began: Cell<Option<Tick>>,
}

impl HookMachine {
    pub(crate) fn new(state: PathBuf, waker: Vec<String>, from_process_start: bool) -> Self {
        let waker = Waker::new(waker.into_iter().map(Into::into).collect());
        let began = from_process_start.then(process_start).flatten();
        Self {
            local: LocalMachine::new(state, waker),
            began: Cell::new(began),
        }
    }

    /// From here on, now is now.
    pub(crate) fn opened(&self) {
        self.began.set(None);
    }
}

impl Machine for HookMachine {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.local.load(name)
    }

    fn store(&self, name: &str, content: &[u8], durable: bool) -> Result<(), Error> {
        self.local.store(name, content, durable)
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        self.local.set_aside(name)
    }

    fn now(&self) -> Tick {
        self.began.get().unwrap_or_else(|| self.local.now())
    }

    fn random(&self) -> u32 {
        self.local.random()
    }

    fn wake(&self, context: &str) -> io::Result<()> {
        self.local.wake(context)
    }
}

/// When this process began, on the clock that the machine counts by.
fn process_start() -> Option<Tick> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name that may hold blanks and parentheses; the 22nd is the start (proc(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Tick(ticks.saturating_mul(1000) / per_second.max(1)))
}

/// Waits some seconds and runs another hook of the unit, unless one has come of itself. Runs in a process
/// of its own.
#[pyfunction]
pub(crate) fn run_waker(py: Python<'_>, unit: &str, state: PathBuf, context: &str) -> PyResult<()> {
    py.detach(|| ops_coordinator_juju::run_waker(&state, context, unit))
        .map_err(raised)
}
