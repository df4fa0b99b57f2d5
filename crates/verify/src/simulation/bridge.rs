//! One step of a hook in the lab's surroundings.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::rc::Rc;

use ops_coordinator_core::Tick;
use ops_coordinator_juju::{Environment, Errand, Error, Machine, Process, ToolOutput, Transport};
use ops_coordinator_lab::simulation::HookContext;

use crate::Visit;

/// What a step has to do with the world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    /// What the unit's monotonic clock says.
    pub(super) now: u64,
    /// The random number that the machine draws.
    pub(super) random: u32,
    /// Whether the hook has failed before.
    pub(super) retried: bool,
}

struct Bridge {
    around: Surroundings,
    context: HookContext,
    woke: Cell<bool>,
}

/// Runs a step to its end; also tells whether it has asked to be woken.
pub(super) fn step<R>(
    environment: &Environment,
    around: Surroundings,
    context: &HookContext,
    work: impl FnOnce(Visit) -> Result<R, Error>,
) -> (Result<R, Error>, bool) {
    let bridge = Rc::new(Bridge {
        around,
        context: context.clone(),
        woke: Cell::new(false),
    });
    let result = work(Visit {
        environment: environment.clone(),
        transport: bridge.clone(),
        machine: bridge.clone(),
        retried: around.retried,
    });
    (result, bridge.woke.get())
}

impl Transport for Bridge {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let reply = self.context.call(tool, &args, stdin);
        Ok(ToolOutput {
            code: Some(reply.code),
            stdout: String::from_utf8_lossy(&reply.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&reply.stderr).into_owned(),
        })
    }
}

impl Machine for Bridge {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.context.disk().get(name).cloned())
    }

    fn store(&self, name: &str, content: &[u8], _durable: bool) -> Result<(), Error> {
        self.context
            .disk()
            .insert(name.to_owned(), content.to_vec());
        Ok(())
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        let mut disk = self.context.disk();
        if let Some(content) = disk.remove(name) {
            disk.insert(format!("{name}.unreadable"), content);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.context.disk().remove(name);
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }

    fn process(&self) -> Option<Process> {
        None
    }

    fn is_alive(&self, _process: Process) -> bool {
        false
    }

    fn now(&self) -> Tick {
        Tick(self.around.now)
    }

    fn random(&self) -> u32 {
        self.around.random
    }

    fn wake(&self, _endpoint: &str, _context: &str, _errand: Errand) -> io::Result<()> {
        self.woke.set(true);
        Ok(())
    }
}
