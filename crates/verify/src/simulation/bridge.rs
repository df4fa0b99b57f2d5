//! One step of a hook in the lab.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ops_coordinator_core::{Tick, Wall};
use ops_coordinator_juju::{Errand, Error, Machine, Process, ToolOutput, Transport};
use ops_coordinator_lab::simulation::HookContext;
use serde_json::{Value, json};

/// What a step has to do with the world.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// What the unit's monotonic clock says when the step begins.
    pub(super) now: u64,
    /// How long each hook tool takes.
    pub(super) tool_takes: u64,
    /// From what the machine draws random numbers.
    pub(super) random: u32,
    /// The process that this is; nobody where the machine does not tell.
    pub(super) process: Option<u32>,
    /// The unit's processes that live.
    pub(super) alive: BTreeSet<u32>,
    /// How often the machine was booted.
    pub(super) boots: u64,
    /// Whether there is a relation with etcd, if one is declared.
    pub(super) etcd: Option<bool>,
}

/// The endpoint of the relation with etcd.
pub(super) const RELATION: &str = "etcd";

/// A wish for another hook, or for a visit that writes a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) endpoint: String,
    /// The hook after which it is wished.
    pub(super) context: String,
    pub(super) errand: Errand,
    /// How many milliseconds after the step began.
    pub(super) after: u64,
}

/// Hook tools, a disk and a clock for one step.
pub(super) struct Bridge {
    around: Surroundings,
    context: HookContext,
    calls: Cell<u64>,
    /// For how many milliseconds a policy has thought.
    pub(super) thought: Cell<u64>,
    drawn: Cell<u32>,
    pub(super) wishes: RefCell<Vec<Wish>>,
    /// The endpoints of the deputies that are to start.
    pub(super) deputies: RefCell<Vec<String>>,
}

impl Bridge {
    pub(super) fn new(around: Surroundings, context: &HookContext) -> Rc<Self> {
        Rc::new(Self {
            around,
            context: context.clone(),
            calls: Cell::default(),
            thought: Cell::default(),
            drawn: Cell::default(),
            wishes: RefCell::default(),
            deputies: RefCell::default(),
        })
    }

    /// For how many milliseconds the step has been running.
    fn passed(&self) -> u64 {
        self.calls.get() * self.around.tool_takes + self.thought.get()
    }
}

impl Transport for Bridge {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        self.calls.set(self.calls.get() + 1);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if let Some(related) = self.around.etcd
            && let Some(answer) = about_etcd(tool, &args, related)
        {
            return Ok(ToolOutput {
                code: Some(0),
                stdout: answer.to_string(),
                stderr: String::new(),
            });
        }
        let reply = self.context.call(tool, &args, stdin);
        Ok(ToolOutput {
            code: Some(reply.code),
            stdout: String::from_utf8_lossy(&reply.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&reply.stderr).into_owned(),
        })
    }
}

/// What the hook tools say about the relation with etcd, which the lab does not know.
fn about_etcd(tool: &str, args: &[&str], related: bool) -> Option<Value> {
    let id = format!("{RELATION}:9");
    let about = |word: &str| args.contains(&word);
    match tool {
        "relation-ids" if about(RELATION) => Some(json!(if related { vec![id] } else { vec![] })),
        "relation-list" if about(&id) => Some(json!("charmed-etcd")),
        "relation-get" if about(&id) => Some(json!({"endpoints": "http://10.0.0.1"})),
        _ => None,
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
        self.around.process.map(|id| Process { id, began: 0 })
    }

    fn is_alive(&self, process: Process) -> bool {
        self.around.alive.contains(&process.id)
    }

    fn now(&self) -> Tick {
        Tick(self.around.now + self.passed())
    }

    /// Each machine's own clock, so that they differ.
    fn wall(&self) -> Option<Wall> {
        Some(Wall(self.now().0 / 1000))
    }

    fn boot(&self) -> Option<String> {
        Some(self.around.boots.to_string())
    }

    fn random(&self) -> u32 {
        let drawn = self.drawn.get();
        self.drawn.set(drawn + 1);
        self.around
            .random
            .wrapping_add(drawn.wrapping_mul(0x9e37_79b9))
    }

    /// Nothing else happens before the step is over.
    fn wait(&self, _time: Duration) -> Duration {
        Duration::MAX
    }

    fn start_deputy(&self, endpoint: &str) -> io::Result<()> {
        self.deputies.borrow_mut().push(endpoint.to_owned());
        Ok(())
    }

    fn wake(&self, endpoint: &str, context: &str, errand: Errand) -> io::Result<()> {
        self.wishes.borrow_mut().push(Wish {
            endpoint: endpoint.to_owned(),
            context: context.to_owned(),
            errand,
            after: self.passed(),
        });
        Ok(())
    }
}
