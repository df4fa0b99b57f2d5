//! The unit's machine, and the process that wakes it.

use std::any::Any;
use std::cell::Cell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;
use std::{fs, io};

use ops_coordinator_juju::{
    Certified, Environment, Errand, Error, Exec, LocalMachine, Machine, Process, Tick,
    WakerCommand, Wall,
};
use pyo3::prelude::*;

use crate::error::{raised, refused};

/// The machine of a process in which `ops` is already running.
///
/// `ops` caches for 30 s that this unit leads, and the charm may have asked long before it first used the
/// coordinator. The leader may write the line only shortly after that question, so the hook counts from the
/// start of the process: no answer can be older.
pub(crate) struct HookMachine {
    local: LocalMachine,
    began: Cell<Option<Tick>>,
    /// Gives the command of the deputy, or raises why there is none.
    deputy: Option<Py<PyAny>>,
    unit: String,
    state: PathBuf,
    /// By how many milliseconds its clock is ahead: 0, except where a charm's test lets time pass.
    ahead: u64,
}

impl HookMachine {
    pub(crate) fn new(
        state: PathBuf,
        waker: Vec<String>,
        deputy: Option<Py<PyAny>>,
        unit: String,
        from_process_start: bool,
        ahead: u64,
    ) -> Self {
        let waker = WakerCommand::new(waker.into_iter().map(Into::into).collect());
        let began = from_process_start.then(process_start).flatten();
        Self {
            local: LocalMachine::new(&state, waker),
            deputy,
            unit,
            state,
            began: Cell::new(began),
            ahead,
        }
    }

    /// The machine with the command for etcd, which Python looks for only if it is needed.
    fn with_deputy(&self) -> io::Result<LocalMachine> {
        let Some(deputy) = &self.deputy else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let found = Python::attach(|py| deputy.call0(py)?.extract::<String>(py));
        let command = found.map_err(|error: PyErr| {
            let why = Python::attach(|py| error.value(py).to_string());
            io::Error::new(io::ErrorKind::NotFound, why)
        })?;
        let command = vec![command.into(), "deputy".into(), (&self.unit).into()];
        Ok(LocalMachine::new(&self.state, WakerCommand::none()).with_deputy(command))
    }

    /// From here on, the clock is the real one.
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

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.local.remove(name)
    }

    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        self.local.lock()
    }

    fn process(&self) -> Option<Process> {
        self.local.process()
    }

    fn is_alive(&self, process: Process) -> bool {
        self.local.is_alive(process)
    }

    fn now(&self) -> Tick {
        let now = self.began.get().unwrap_or_else(|| self.local.now());
        Tick(now.0.saturating_add(self.ahead))
    }

    fn wall(&self) -> Option<Wall> {
        let now = self.local.wall()?;
        Some(Wall(now.0.saturating_add(self.ahead / 1000)))
    }

    fn boot(&self) -> Option<String> {
        self.local.boot()
    }

    fn random(&self) -> u32 {
        self.local.random()
    }

    fn wake(&self, endpoint: &str, context: &str, errand: Errand) -> io::Result<()> {
        self.local.wake(endpoint, context, errand)
    }

    fn start_deputy(&self, endpoint: &str) -> io::Result<()> {
        self.with_deputy()?.start_deputy(endpoint)
    }

    fn certify(&self, name: &str) -> io::Result<Certified> {
        self.with_deputy()?.certify(name)
    }
}

/// When this process started, on the machine's clock.
fn process_start() -> Option<Tick> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name that may hold blanks and parentheses; the 22nd is the start (proc(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().nth(19)?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Tick(ticks.saturating_mul(1000) / per_second.max(1)))
}

/// Runs a waker, see `ops_coordinator_juju::run_waker`. Needs a separate process; `visit` is the command that ends
/// up in [`write_pending_line`].
#[pyfunction]
pub(crate) fn run_waker(
    py: Python<'_>,
    unit: &str,
    state: PathBuf,
    endpoint: &str,
    context: &str,
    errand: &str,
    visit: Vec<OsString>,
) -> PyResult<()> {
    let errand: Errand = errand.parse().map_err(refused)?;
    py.detach(|| ops_coordinator_juju::run_waker(&state, endpoint, context, errand, unit, &visit))
        .map_err(raised)
}

/// Writes the line that a long hook left pending: a visit without the charm's code, in a separate context.
/// `waker` is the command of a waker, as for a hook.
#[pyfunction]
pub(crate) fn write_pending_line(
    py: Python<'_>,
    state: PathBuf,
    endpoint: &str,
    waker: Vec<OsString>,
) -> PyResult<bool> {
    py.detach(|| {
        let environment = Environment::from_process()?;
        let machine = LocalMachine::new(state, WakerCommand::new(waker));
        ops_coordinator_juju::write_pending_line(
            &environment,
            Rc::new(Exec),
            Rc::new(machine),
            endpoint,
        )
    })
    .map_err(raised)
}
