//! A unit's charm in the lab, step by step.

mod operation;
mod surroundings;

use std::cell::RefCell;
use std::hash::Hasher;
use std::rc::Rc;

use fastrand::Rng;
use ops_coordinator_core::policy::Limit;
use ops_coordinator_core::{Check, Instruction, Recovery, Tick, Ticket};
use ops_coordinator_juju::{Environment, Error, SharedTurn, write_pending_line};
use ops_coordinator_lab::simulation::{HookContext, Phase, VirtualCharm};
use ops_coordinator_lab::{Dispatch, ToolDelays, UnitName, What};

use super::bridge::{Bridge, Wish};
use super::disk;
use super::revision::Revision;
use super::shared::Shared;
use crate::{Bug, Charm, Started, Visit, Will};

/// The command of a visit that writes a line which a long hook has left behind; the endpoint follows.
pub(super) const VISIT: &str = "visit ";
/// How often an operation looks at its shared lock within the life of a lease. `run` does it more often.
const LOOKS: u32 = 20;

/// What happened that no history tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// A unit has asked for turns, for the locks of these numbers.
    Asked(String, Vec<usize>),
    /// A unit expects campaigns, for the locks of these numbers.
    Expects(String, Vec<usize>),
    /// A unit's charm has forgotten what it has asked for.
    Forgot(String),
    /// A unit has passed, for the locks of these numbers, a bit each.
    Passed(String, u8),
    /// An operation has begun.
    Began(Ticket, usize),
    /// An operation has begun while a process of an earlier attempt was still running.
    Beside(Ticket),
    /// An operation has succeeded, and its check has yet to hold.
    Succeeded(Ticket, usize),
    /// A unit has looked at a lock's check, at this time by its own clock, and found whether it holds.
    Looked(String, usize, Tick, bool),
    /// An operation has succeeded, and its turn is over.
    Finished(Ticket, usize),
    /// An operation has failed, and the turn has passed on.
    PassedOn(Ticket, usize),
    /// A charm takes back requests whose operation has outlived its hook and goes on, where the machine does not tell which
    /// processes live: so the unit cannot know.
    Blind,
    /// A hook of a unit, or a visit, has a wish.
    Wish(String, Wish),
    /// A unit runs a command; whether it is a visit.
    Command(String, bool),
}

/// How a run's charms behave.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one run"
)]
pub(super) struct Behaviour {
    /// What all revisions have in common.
    pub(super) charm: Charm,
    pub(super) revisions: Vec<Revision>,
    pub(super) lowered: Option<(u64, u64)>,
    pub(super) zones: bool,
    pub(super) ails: bool,
    pub(super) thinks: u64,
    pub(super) shut: Option<(u64, u64)>,
    pub(super) check: Option<Check>,
    pub(super) check_fails: u64,
    pub(super) recovery: Recovery,
    pub(super) seed: u64,
    pub(super) faults_until: u64,
    pub(super) operations_fail: bool,
    pub(super) operations_stop: bool,
    pub(super) slow: bool,
    pub(super) long: bool,
    pub(super) ignores: bool,
    pub(super) forgets: bool,
    pub(super) passes: bool,
    pub(super) announces: bool,
    pub(super) tells_processes: bool,
    pub(super) tool_delays: ToolDelays,
}

/// One hook of one unit, or what has outlived it.
pub(super) struct VirtualUnit {
    behaviour: Rc<Behaviour>,
    shared: Rc<RefCell<Shared>>,
    rng: Rng,
    process: u32,
    running: Option<Started>,
    will: Will,
    /// What the charm remembers of having asked for, a bit for each lock.
    claims: u8,
    /// For which locks it has asked while their operation ran.
    asked_again: u8,
    may_ask: bool,
    released: bool,
    orphan: bool,
    /// The operation that needs a shared lock, while it runs.
    watched: Option<Watched>,
    /// For how many milliseconds its policy has thought in the last step.
    thought: u64,
}

/// An operation that lasts as long as its shared lock.
#[derive(Debug, Clone, Copy)]
struct Watched {
    turn: Option<SharedTurn>,
    /// When it comes to its end by itself.
    ends: u64,
    /// Whether it has lost its lock, and is being stopped.
    stopped: bool,
}

impl Drop for VirtualUnit {
    fn drop(&mut self) {
        self.shared.borrow_mut().process_ends(self.process);
    }
}

impl VirtualUnit {
    pub(super) fn new(behaviour: &Rc<Behaviour>, shared: &Rc<RefCell<Shared>>) -> Self {
        Self {
            behaviour: Rc::clone(behaviour),
            shared: Rc::clone(shared),
            rng: Rng::with_seed(0),
            process: shared.borrow_mut().process_begins(),
            running: None,
            will: Will::WILLING,
            claims: 0,
            asked_again: 0,
            may_ask: true,
            released: false,
            orphan: false,
            watched: None,
            thought: 0,
        }
    }

    /// What the step has left for deputies to do.
    fn note_deputies(&self, unit: &UnitName, bridge: &Bridge, context: &HookContext) {
        let mut shared = self.shared.borrow_mut();
        if shared.outer.is_none() {
            return;
        }
        let wanted = bridge.deputies.take().into_iter();
        let starts: Vec<(String, u32)> = wanted
            .map(|endpoint| (endpoint, shared.process_begins()))
            .collect();
        if let Some(outer) = &mut shared.outer {
            outer.hook_stepped(&unit.to_string(), clock_of(unit), &starts, context);
        }
    }

    fn note_wishes(&self, unit: &str, bridge: &Bridge) {
        let wishes = bridge.wishes.take().into_iter();
        let mut shared = self.shared.borrow_mut();
        shared
            .notes
            .extend(wishes.map(|wish| Note::Wish(unit.to_owned(), wish)));
    }

    fn step<R>(
        &mut self,
        hook: &Dispatch,
        context: &HookContext,
        work: impl FnOnce(&Charm, &Visit, &Will) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let environment = self.environment(hook)?;
        let unit = hook.unit.to_string();
        let bridge = self.bridge(hook, context);
        let visit = Visit {
            environment,
            transport: bridge.clone(),
            machine: bridge.clone(),
            failed_before: self.shared.borrow().failed.contains(&unit),
            orphan: self.orphan,
            gate: self.gate(context),
            aftercare: self.aftercare(&unit, context, &bridge),
            availability: self.availability(&unit, context),
            deliberation: self.deliberation(&unit, context, &bridge),
        };
        let charm = Charm {
            homes: self.revision(hook).homes.clone(),
            ..self.behaviour.charm.clone()
        };
        let result = work(&charm, &visit, &self.will);
        drop(visit);
        self.thought = bridge.thought.get();
        self.note_wishes(&unit, &bridge);
        self.note_deputies(&hook.unit, &bridge, context);
        self.settle(hook, context);
        result
    }

    fn note(&self, note: Note) {
        self.shared.borrow_mut().notes.push(note);
    }

    fn lock(&self, lock: usize) -> &str {
        self.behaviour.charm.locks[lock].as_str()
    }

    /// Marks as over what the unit itself holds for over, though it did not run to its end in this hook: an orphan
    /// has finished it in time, or it was cancelled or withdrawn after it had been cut off.
    fn settle(&mut self, hook: &Dispatch, context: &HookContext) {
        if self.orphan {
            return;
        }
        let unit = hook.unit.to_string();
        let mine = self.running.as_ref().map(|started| started.lock);
        let inside = self.shared.borrow().inside_of(&unit);
        for (lock, ticket) in inside {
            if Some(lock) == mine || self.shared.borrow().is_at_work(&unit, lock, self.process) {
                continue;
            }
            let Some(end) = disk::ended(context, self.lock(lock), &ticket) else {
                continue;
            };
            // A journal may say of a failed operation that it is done. That is a lie, and nobody has left.
            if end == disk::Ended::Well && !self.shared.borrow().has_ended_well(&ticket, lock) {
                continue;
            }
            context.mark_leave(self.lock(lock));
            let mut shared = self.shared.borrow_mut();
            shared.leaves(&unit, lock);
            if end == disk::Ended::Well {
                shared.notes.push(Note::Finished(ticket, lock));
            }
        }
    }

    fn mind_the_claims(&mut self, unit: &str) {
        if !self.behaviour.forgets {
            return;
        }
        self.will.takes &= self.claims;
        self.will.withdraws = !self.claims;
        let mut shared = self.shared.borrow_mut();
        let goes_on = |lock: usize| {
            self.will.withdraws & (1 << lock) != 0 && shared.is_at_work(unit, lock, self.process)
        };
        let charm = &self.behaviour.charm;
        // The bug is that the unit does not look.
        let blind = !self.behaviour.tells_processes && charm.bug != Some(Bug::OrphansFinishCounts);
        if blind && (0..charm.locks.len()).any(goes_on) {
            shared.notes.push(Note::Blind);
        }
    }

    /// What the charm wants of this hook.
    fn make_up_its_mind(&mut self, hook: &Dispatch, context: &HookContext) {
        let wild = context.now() < self.behaviour.faults_until;
        let lowered = |(from, to): (u64, u64)| (from..to).contains(&context.now());
        let lowered = self.behaviour.lowered.is_some_and(lowered);
        self.will.limit = lowered.then_some(Limit::ONE);
        self.will.asks = match &hook.what {
            What::Hook => hook.name == "config-changed",
            What::Action { .. } => hook.name == "ask",
            What::Exec { .. } => false,
        };
        if self.behaviour.announces && hook.name == "config-changed" {
            self.will.asks = false;
            self.will.expects = Some(reason(context));
        }
        if let What::Action { params, .. } = &hook.what {
            let number = params.get("unit").and_then(serde_json::Value::as_u64);
            let unit = number.and_then(|number| format!("app/{number}").parse().ok());
            if hook.name == "cancel" {
                self.will.cancels.clone_from(&unit);
            }
            let reason = params.get("reason").and_then(serde_json::Value::as_u64);
            let reason = reason.filter(|_| hook.name == "roll");
            self.will.fills = reason.is_none_or(|_| self.rng.bool());
            self.will.rolls = reason.map(|reason| if reason == 0 { "keys" } else { "cipher" });
            self.will.instruction = match hook.name.as_str() {
                "skip" => unit.map(Instruction::Skip),
                "retry" => unit.map(Instruction::Retry),
                "pause" => Some(Instruction::Pause {
                    reason: "night".to_owned(),
                }),
                "resume" => Some(Instruction::Resume),
                "abort" => Some(Instruction::Abort),
                _ => None,
            };
        }
        if self.behaviour.forgets {
            self.claims = disk::claims(context);
            if wild && self.rng.u32(0..12) == 0 {
                self.claims = 0;
                self.note(Note::Forgot(hook.unit.to_string()));
            }
            if self.will.asks {
                self.claims = u8::MAX;
            }
            self.will.takes = self.claims;
        }
        if wild && self.behaviour.ignores && self.rng.u32(0..3) == 0 {
            self.will.takes = 0;
        }
    }

    /// Whether the charm passes in this hook. It has dice of its own.
    fn has_nothing_to_do(&self, hook: &Dispatch, context: &HookContext) -> bool {
        let seed = self.behaviour.seed ^ number(&format!("pass {}", hook.context));
        let wild = context.now() < self.behaviour.faults_until;
        let may = self.behaviour.passes && wild && !self.will.asks;
        may && Rng::with_seed(seed).u32(0..8) == 0
    }

    fn visit(&mut self, hook: &Dispatch, context: &HookContext, endpoint: &str) -> Phase {
        let Ok(environment) = self.environment(hook) else {
            return Phase::Exit(1);
        };
        let bridge = self.bridge(hook, context);
        let written = write_pending_line(&environment, bridge.clone(), bridge.clone(), endpoint);
        self.note_wishes(&hook.unit.to_string(), &bridge);
        self.released = true;
        match written {
            Ok(_) => Phase::After(self.rng.u64(0..3_000)),
            Err(_) => Phase::Exit(1),
        }
    }
}

/// What Juju tells a hook, or a waker's command.
pub(super) fn environment(hook: &Dispatch) -> Result<Environment, Error> {
    let visits = is_visit(hook);
    Environment::from_variables(|name| match name {
        "JUJU_CHARM_DIR" => Some("/nowhere".to_owned()),
        // Every other command is a waker's, which says so.
        "JUJU_HOOK_NAME" if matches!(hook.what, What::Exec { .. }) && !visits => {
            Some("update-status".to_owned())
        }
        name => hook.env.get(name).cloned(),
    })
}

fn is_visit(hook: &Dispatch) -> bool {
    matches!(&hook.what, What::Exec { command, .. } if command.starts_with(VISIT))
}

impl VirtualCharm for VirtualUnit {
    fn begin(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        self.rng = Rng::with_seed(self.behaviour.seed ^ number(&hook.context.to_string()));
        if let What::Exec { command, .. } = &hook.what {
            self.note(Note::Command(hook.unit.to_string(), is_visit(hook)));
            if let Some(endpoint) = command.strip_prefix(VISIT) {
                return self.visit(hook, context, endpoint);
            }
        }
        self.make_up_its_mind(hook, context);
        if self.has_nothing_to_do(hook, context) {
            let passed = self.step(hook, context, |charm, visit, _| charm.pass(visit));
            let Ok(passed) = passed else {
                return Phase::Exit(1);
            };
            self.note(Note::Passed(hook.unit.to_string(), passed));
        }
        let began = self.step(hook, context, Charm::begin);
        let locks = (0..self.behaviour.charm.locks.len()).collect();
        let Ok(started) = began else {
            if self.will.asks || self.will.expects.is_some() {
                // The journal may say so.
                self.note(Note::Asked(hook.unit.to_string(), locks));
            }
            return Phase::Exit(1);
        };
        if self.will.asks {
            self.note(Note::Asked(hook.unit.to_string(), locks));
        } else if self.will.expects.is_some() {
            self.note(Note::Expects(hook.unit.to_string(), locks));
        }
        self.went(hook, started, context)
    }

    fn resume(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        if self.released {
            return Phase::Exit(0);
        }
        if let Some(phase) = self.look_at_turn(hook, context) {
            return phase;
        }
        if self.orphan {
            return self.end_as_orphan(hook, context);
        }
        self.go_on(hook, context).unwrap_or(Phase::Exit(1))
    }

    fn orphaned(&mut self, _hook: &Dispatch, _context: &HookContext) -> bool {
        self.orphan = self.running.is_some();
        if let Some(outer) = &mut self.shared.borrow_mut().outer {
            outer.orphan(self.process);
        }
        self.orphan
    }
}

/// What all units learn from the configuration. An operator may roll them for the same reason.
fn reason(context: &HookContext) -> &'static str {
    let reply = context.call("config-get", &["--format=json", "generation"], None);
    let number = serde_json::from_slice(&reply.stdout).unwrap_or(0_u64);
    if number % 2 == 0 { "keys" } else { "cipher" }
}

/// By how much a unit's clock is ahead.
fn clock_of(unit: &UnitName) -> u64 {
    u64::from(unit.number()) * 1_000_003
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
