//! A unit's charm in the lab, step by step.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::hash::Hasher;
use std::rc::Rc;

use fastrand::Rng;
use ops_coordinator_core::Ticket;
use ops_coordinator_juju::{Environment, Error};
use ops_coordinator_lab::simulation::{HookContext, Phase, VirtualCharm};
use ops_coordinator_lab::{Dispatch, What};

use super::bridge::{Surroundings, step};
use crate::{Charm, Started, Visit};

/// What happened that no history tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// A unit has asked for turns, for the locks of these numbers.
    Asked(String, Vec<usize>),
    /// An operation has begun.
    Began(Ticket, usize),
    /// An operation has come to a good end.
    Finished(Ticket, usize),
    /// A hook wants to be followed by another.
    Wake(String, String),
}

/// What all units of a run share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) notes: Vec<Note>,
    /// Units whose last hook failed.
    pub(super) failed: BTreeSet<String>,
}

/// How a run's charms behave.
#[derive(Debug)]
pub(super) struct Behaviour {
    pub(super) charm: Charm,
    pub(super) seed: u64,
    pub(super) faults_until: u64,
    pub(super) operations_fail: bool,
    pub(super) slow: bool,
}

/// One hook of one unit.
pub(super) struct VirtualUnit {
    behaviour: Rc<Behaviour>,
    shared: Rc<RefCell<Shared>>,
    rng: Rng,
    running: Option<Started>,
    may_ask: bool,
    released: bool,
}

impl VirtualUnit {
    pub(super) fn new(behaviour: &Rc<Behaviour>, shared: &Rc<RefCell<Shared>>) -> Self {
        Self {
            behaviour: Rc::clone(behaviour),
            shared: Rc::clone(shared),
            rng: Rng::with_seed(0),
            running: None,
            may_ask: true,
            released: false,
        }
    }

    fn step<R>(
        &mut self,
        hook: &Dispatch,
        context: &HookContext,
        work: impl FnOnce(&Charm, Visit) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let environment = Environment::from_variables(|name| match name {
            "JUJU_CHARM_DIR" => Some("/nowhere".to_owned()),
            // Every command is a waker's, which says so.
            "JUJU_HOOK_NAME" if matches!(hook.what, What::Exec { .. }) => {
                Some("update-status".to_owned())
            }
            name => hook.env.get(name).cloned(),
        })?;
        let unit = hook.unit.to_string();
        // No two machines agree on the time, and none has to.
        let offset = u64::from(hook.unit.number()) * 1_000_003;
        let around = Surroundings {
            now: context.now() + offset,
            random: self.rng.u32(..),
            retried: self.shared.borrow().failed.contains(&unit),
        };
        let charm = &self.behaviour.charm;
        let (result, woke) = step(&environment, around, context, |visit| work(charm, visit));
        if woke {
            self.note(Note::Wake(unit, environment.context));
        }
        result
    }

    fn note(&self, note: Note) {
        self.shared.borrow_mut().notes.push(note);
    }

    fn went(&mut self, started: Option<Started>, context: &HookContext) -> Phase {
        let slow = self.behaviour.slow;
        if let Some(started) = started {
            let lock = &self.behaviour.charm.locks[started.lock];
            context.mark_enter(lock.as_str());
            self.note(Note::Began(started.ticket.clone(), started.lock));
            self.running = Some(started);
            let longest = if slow { 90_000 } else { 9_000 };
            return Phase::After(self.rng.u64(10..longest));
        }
        let longest = if slow && self.rng.u32(0..8) == 0 {
            60_000
        } else {
            800
        };
        Phase::After(self.rng.u64(1..longest))
    }

    /// The operation ends, or there is none; then comes the next, or the release.
    fn go_on(&mut self, hook: &Dispatch, context: &HookContext) -> Result<Phase, Error> {
        let running = self.running.take();
        let lock = running.as_ref().map(|started| started.lock);
        let wild = context.now() < self.behaviour.faults_until;
        if let Some(lock) = lock {
            if wild && std::mem::take(&mut self.may_ask) && self.rng.u32(0..10) == 0 {
                self.step(hook, context, |charm, visit| charm.ask(visit, lock))?;
                self.note(Note::Asked(hook.unit.to_string(), vec![lock]));
                self.running = running;
                return Ok(Phase::After(self.rng.u64(1..500)));
            }
            if wild && self.behaviour.operations_fail && self.rng.u32(0..8) == 0 {
                self.step(hook, context, |charm, visit| charm.fail(visit, lock))?;
                return Ok(Phase::Exit(1));
            }
        }
        if let Some(started) = running {
            context.mark_leave(self.behaviour.charm.locks[started.lock].as_str());
            self.note(Note::Finished(started.ticket, started.lock));
        }
        let next = self.step(hook, context, |charm, visit| {
            charm.proceed(visit, lock, &[])
        })?;
        if next.is_some() {
            return Ok(self.went(next, context));
        }
        self.released = true;
        // Juju is asked to commit only when the process has ended.
        Ok(Phase::After(self.rng.u64(0..3_000)))
    }
}

impl VirtualCharm for VirtualUnit {
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        self.rng = Rng::with_seed(self.behaviour.seed ^ number(&hook.context.to_string()));
        let asks = match &hook.what {
            What::Hook => hook.name == "config-changed",
            What::Action { .. } => true,
            What::Exec { .. } => false,
        };
        let began = self.step(hook, context, |charm, visit| charm.begin(visit, asks));
        let Ok(started) = began else {
            return Phase::Exit(1);
        };
        if asks {
            let locks = (0..self.behaviour.charm.locks.len()).collect();
            self.note(Note::Asked(hook.unit.to_string(), locks));
        }
        self.went(started, context)
    }

    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        if self.released {
            return Phase::Exit(0);
        }
        self.go_on(hook, context).unwrap_or(Phase::Exit(1))
    }
}

/// A number for a text, the same on every machine (FNV-1a).
pub(super) fn number(text: &str) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(text.as_bytes());
    hasher.finish()
}
