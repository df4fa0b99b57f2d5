//! One step of a hook over the lab's hook context.
//!
//! A [`Transport`] outlives the hook context that the lab lends for one phase. So the step is run until it
//! calls a tool whose answer is not known, the tool is called, and the step is run again from its beginning,
//! on the files as they were. The production code is deterministic: it makes the same calls again.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use ops_coordinator_core::{KEY, Tick};
use ops_coordinator_juju::{Environment, Error, Machine, ToolOutput, Transport};
use ops_coordinator_lab::simulation::{Disk, HookContext};
use serde_json::Value;

use crate::Visit;

/// A tool call: tool, arguments, standard input.
type Call = (String, Vec<String>, Option<String>);

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
    answers: RefCell<Vec<(Call, ToolOutput)>>,
    next: Cell<usize>,
    wanted: RefCell<Option<Call>>,
    disk: RefCell<Disk>,
    woke: Cell<bool>,
}

/// Runs a step to its end; also tells whether it has asked to be woken.
pub(super) fn step<R>(
    environment: &Environment,
    around: Surroundings,
    context: &mut dyn HookContext,
    work: impl Fn(Visit) -> Result<R, Error>,
) -> (Result<R, Error>, bool) {
    let before = context.disk().clone();
    let mut answers = Vec::new();
    loop {
        let bridge = Rc::new(Bridge {
            around,
            answers: RefCell::new(answers),
            next: Cell::new(0),
            wanted: RefCell::default(),
            disk: RefCell::new(before.clone()),
            woke: Cell::new(false),
        });
        let result = work(Visit {
            environment: environment.clone(),
            transport: bridge.clone(),
            machine: bridge.clone(),
            retried: around.retried,
        });
        answers = bridge.answers.take();
        let Some(call) = bridge.wanted.take() else {
            *context.disk() = bridge.disk.take();
            return (result, bridge.woke.get());
        };
        answers.truncate(bridge.next.get());
        let reply = ask(context, &call);
        let ahead = reads_ahead(&call, &reply, &bridge.disk.borrow());
        answers.push((call, reply));
        for call in ahead {
            let reply = ask(context, &call);
            answers.push((call, reply));
        }
    }
}

fn ask(context: &mut dyn HookContext, (tool, args, stdin): &Call) -> ToolOutput {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let reply = context.call(tool, &args, stdin.as_deref());
    ToolOutput {
        code: Some(reply.code),
        stdout: String::from_utf8_lossy(&reply.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&reply.stderr).into_owned(),
    }
}

/// A leader that asks for the list of units reads all of them next. To make these calls now spares a run
/// of the step for each.
fn reads_ahead((tool, args, _): &Call, reply: &ToolOutput, disk: &Disk) -> Vec<Call> {
    let relation = args.iter().skip_while(|arg| *arg != "-r").nth(1);
    let (true, Some(relation)) = (tool == "relation-list", relation) else {
        return Vec::new();
    };
    let session = disk
        .get("session.json")
        .map(Vec::as_slice)
        .unwrap_or_default();
    let session: Value = serde_json::from_slice(session).unwrap_or_default();
    let units: Vec<String> = serde_json::from_str(&reply.stdout).unwrap_or_default();
    let mut units: Vec<ops_coordinator_core::UnitName> =
        units.iter().filter_map(|unit| unit.parse().ok()).collect();
    units.sort();
    let unread = units
        .iter()
        .map(ToString::to_string)
        .filter(|unit| session["peers"][unit].is_null());
    let args = |unit: String| {
        ["--format=json", "-r", relation, KEY, &unit]
            .map(str::to_owned)
            .to_vec()
    };
    unread
        .map(|unit| ("relation-get".to_owned(), args(unit), None))
        .collect()
}

impl Transport for Bridge {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        let mut wanted = self.wanted.borrow_mut();
        if wanted.is_none() {
            let call = (tool.to_owned(), args.to_vec(), stdin.map(str::to_owned));
            let answers = self.answers.borrow();
            if let Some((_, answer)) = answers
                .get(self.next.get())
                .filter(|(known, _)| known == &call)
            {
                self.next.set(self.next.get() + 1);
                return Ok(answer.clone());
            }
            *wanted = Some(call);
        }
        Err(io::Error::other("the answer is not known yet"))
    }
}

impl Machine for Bridge {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.disk.borrow().get(name).cloned())
    }

    fn store(&self, name: &str, content: &[u8], _durable: bool) -> Result<(), Error> {
        self.disk
            .borrow_mut()
            .insert(name.to_owned(), content.to_vec());
        Ok(())
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        let mut disk = self.disk.borrow_mut();
        if let Some(content) = disk.remove(name) {
            disk.insert(format!("{name}.unreadable"), content);
        }
        Ok(())
    }

    fn now(&self) -> Tick {
        Tick(self.around.now)
    }

    fn random(&self) -> u32 {
        self.around.random
    }

    fn wake(&self, _context: &str) -> io::Result<()> {
        self.woke.set(true);
        Ok(())
    }
}
