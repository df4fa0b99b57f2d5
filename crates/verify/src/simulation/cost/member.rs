//! A unit whose calls are counted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;

use fastrand::Rng;
use ops_coordinator_core::wire::KEY;
use ops_coordinator_juju::{Availability, Error, Gate, ToolOutput, Transport, write_pending_line};
use ops_coordinator_lab::simulation::{HookContext, Phase, VirtualCharm};
use ops_coordinator_lab::{Dispatch, What};
use serde_json::Value;

use super::super::bridge::{Bridge, Surroundings};
use super::super::disk;
use super::super::unit::{VISIT, environment, number};
use super::ROLL;
use super::ledger::{Cause, Ledger, Note, Report};
use crate::{Charm, Started, Visit, Will};

/// How the units of a run behave.
#[derive(Debug)]
pub(super) struct Behaviour {
    pub(super) charm: Charm,
    pub(super) seed: u64,
    /// How long an operation takes, in milliseconds.
    pub(super) operation: u64,
}

/// One hook of one unit.
pub(super) struct Member {
    behaviour: Rc<Behaviour>,
    ledger: Rc<RefCell<Ledger>>,
    rng: Rng,
    process: u32,
    cause: Option<Cause>,
    will: Will,
    running: Option<Started>,
    report: Report,
}

/// Counts the calls of a step, and keeps what it writes.
struct Counter {
    bridge: Rc<Bridge>,
    calls: Cell<u64>,
    record: RefCell<Option<String>>,
    line: Cell<bool>,
}

impl Transport for Counter {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        self.calls.set(self.calls.get() + 1);
        if tool == "relation-set" {
            if args.iter().any(|arg| arg == "--app") {
                self.line.set(true);
            } else {
                let body: Value = serde_json::from_str(stdin.unwrap_or_default())?;
                self.record.replace(body[KEY].as_str().map(str::to_owned));
            }
        }
        self.bridge.call(tool, args, stdin)
    }
}

impl Member {
    pub(super) fn new(behaviour: &Rc<Behaviour>, ledger: &Rc<RefCell<Ledger>>) -> Self {
        Self {
            behaviour: Rc::clone(behaviour),
            ledger: Rc::clone(ledger),
            rng: Rng::with_seed(0),
            process: ledger.borrow_mut().next_process(),
            cause: None,
            will: Will::WILLING,
            running: None,
            report: Report::default(),
        }
    }

    /// One process of the hook.
    fn step<R>(
        &mut self,
        hook: &Dispatch,
        context: &HookContext,
        work: impl FnOnce(&Charm, Visit, &Will) -> Result<R, Error>,
    ) -> Option<R> {
        let around = Surroundings {
            boots: 0,
            etcd: None,
            now: context.now(),
            tool_takes: 0,
            random: self.rng.u32(..),
            process: Some(self.process),
            alive: BTreeSet::from([self.process]),
        };
        let bridge = Bridge::new(around, context);
        let counter = Rc::new(Counter {
            bridge: Rc::clone(&bridge),
            calls: Cell::default(),
            record: RefCell::default(),
            line: Cell::default(),
        });
        let result = environment(hook).and_then(|environment| {
            let visit = Visit {
                environment,
                transport: counter.clone(),
                machine: bridge.clone(),
                failed_before: false,
                orphan: false,
                gate: Gate::Open,
                aftercare: None,
                availability: Availability::Untold,
                deliberation: None,
            };
            work(&self.behaviour.charm, visit, &self.will)
        });
        self.report.calls += counter.calls.get();
        self.report.line |= counter.line.get();
        if let Some(record) = counter.record.take() {
            self.report.record = Some(record);
        }
        let mut ledger = self.ledger.borrow_mut();
        for wish in bridge.wishes.take() {
            self.report.wished = true;
            ledger.notes.push(Note::Wish(hook.unit.clone(), wish));
        }
        result
            .map_err(|error| {
                let failed = Note::Failed(hook.unit.clone(), error.to_string());
                ledger.notes.push(failed);
            })
            .ok()
    }

    /// Runs the operation that has begun, if one has, and then whatever else a charm does in a hook.
    fn went(&mut self, started: Option<Started>, context: &HookContext) -> Phase {
        let mut takes = self.rng.u64(200..400);
        if let Some(started) = started {
            context.mark_enter(self.lock(started.lock));
            self.running = Some(started);
            takes += self.behaviour.operation;
        }
        Phase::After(takes)
    }

    fn lock(&self, lock: usize) -> &str {
        self.behaviour.charm.locks[lock].as_str()
    }

    fn end(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        self.report.leads = disk::leads(context);
        let mut ledger = self.ledger.borrow_mut();
        ledger.end(&hook.unit, self.cause, &self.report);
        ledger.notes.push(Note::Ended {
            unit: hook.unit.clone(),
            command: matches!(hook.what, What::Exec { .. }),
        });
        Phase::Exit(0)
    }
}

impl VirtualCharm for Member {
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        self.rng = Rng::with_seed(self.behaviour.seed ^ number(&hook.context.to_string()));
        let asks = {
            let mut ledger = self.ledger.borrow_mut();
            self.cause = ledger.cause(hook);
            ledger.is_open() && hook.name == "config-changed"
        };
        self.will.asks = asks;
        let visited = match &hook.what {
            What::Exec { command, .. } => command.strip_prefix(VISIT),
            _ => None,
        };
        if let Some(endpoint) = visited {
            let write = |_: &Charm, visit: Visit, _: &Will| {
                write_pending_line(&visit.environment, visit.transport, visit.machine, endpoint)
            };
            return match self.step(hook, context, write) {
                Some(_) => self.end(hook, context),
                None => Phase::Exit(1),
            };
        }
        if hook.name == ROLL {
            return match self.step(hook, context, |charm, visit, _| charm.roll(&visit, ROLL)) {
                Some(()) => self.end(hook, context),
                None => Phase::Exit(1),
            };
        }
        match self.step(hook, context, |charm, visit, will| {
            charm.begin(&visit, will)
        }) {
            Some(started) => self.went(started, context),
            None => Phase::Exit(1),
        }
    }

    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        let lock = self.running.take().map(|started| started.lock);
        if let Some(lock) = lock {
            context.mark_leave(self.lock(lock));
            self.report.operated = true;
        }
        let next = self.step(hook, context, |charm, visit, will| {
            charm.proceed(&visit, lock, will)
        });
        match next {
            Some(None) => self.end(hook, context),
            Some(started) => self.went(started, context),
            None => Phase::Exit(1),
        }
    }
}
