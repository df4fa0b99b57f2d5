//! The lab in virtual time: charms as Rust values, faults by plan, one history for each seed.
//!
//! The [`World`] decides everything that Juju would. This driver decides only what the outside world would:
//! which of the units that are ready steps first, how long their charms take, and when a fault strikes.

mod agenda;
mod charm;
mod deed;
mod machine;
mod phase;
mod plan;

pub use charm::{Disk, HookContext, Phase, VirtualCharm};
pub use plan::{End, Limits, Outcome, Plan};

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use agenda::{Agenda, Entry};
use machine::Machine;

use crate::deed::Deed;
use crate::dispatch::Step;
use crate::error::LabError;
use crate::history::Happening;
use crate::judge::Judge;
use crate::name::UnitName;
use crate::settings::{Millis, Settings};
use crate::world::World;

/// Runs a plan to its end.
///
/// # Errors
/// When the plan's application cannot be deployed.
pub fn run<F>(settings: Settings, plan: Plan, charms: F) -> Result<Outcome, LabError>
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    let mut simulation = Simulation::new(settings, plan, charms)?;
    loop {
        if let Some(end) = simulation.advance() {
            return Ok(simulation.into_outcome(end));
        }
    }
}

/// A run that can be looked at between its steps.
pub struct Simulation<F> {
    world: Rc<RefCell<World>>,
    agenda: Agenda,
    machines: BTreeMap<UnitName, Machine>,
    charms: F,
    plan: Plan,
    deeds_left: usize,
    now: Millis,
    hooks: u64,
    judge: Judge,
    refused: Vec<(Millis, LabError)>,
}

impl<F> Simulation<F>
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    /// A run at its start. The charm is created again for each hook: what it keeps between
    /// hooks is on its disk.
    ///
    /// # Errors
    /// When the plan's application cannot be deployed.
    pub fn new(settings: Settings, plan: Plan, charms: F) -> Result<Self, LabError> {
        let mut agenda = Agenda::new(settings.seed);
        let mut world = World::new(settings);
        world.deploy(plan.application.clone(), plan.units, 0)?;
        for (place, (at, _)) in plan.deeds.iter().enumerate() {
            agenda.add(*at, Entry::Deed(place));
        }
        let mut simulation = Self {
            world: Rc::new(RefCell::new(world)),
            agenda,
            machines: BTreeMap::new(),
            charms,
            deeds_left: plan.deeds.len(),
            judge: Judge::new(plan.limits_of_locks.clone()),
            plan,
            now: 0,
            hooks: 0,
            refused: Vec::new(),
        };
        simulation.settle();
        Ok(simulation)
    }

    /// Does the next thing. `Some` when the run is over.
    pub fn advance(&mut self) -> Option<End> {
        let idle = self.deeds_left == 0 && self.world.borrow().is_idle();
        if idle && !self.plan.limits.past_idle {
            return Some(End::Idle);
        }
        if self.hooks >= self.plan.limits.hooks {
            return Some(End::TooManyHooks);
        }
        let next = self.agenda.next();
        // With every unit lost, only the model's own timers are left.
        let Some((at, entry)) = next else {
            let Some(at) = self.world.borrow().next_timer() else {
                debug_assert!(
                    idle || self.world.borrow().is_idle(),
                    "something is due, but nothing will do it"
                );
                return Some(End::Idle);
            };
            self.now = self.now.max(at);
            self.world.borrow_mut().tick(self.now);
            self.settle();
            return None;
        };
        if at > self.plan.limits.time {
            self.agenda.add(at, entry);
            return Some(End::TooLate);
        }
        self.now = self.now.max(at);
        match entry {
            Entry::Step(unit) => self.step(&unit, at),
            Entry::Resume(unit, run) => self.resume(&unit, run),
            Entry::Deed(place) => self.deed(place),
        }
        self.settle();
        None
    }

    /// The world as it stands.
    pub fn world(&self) -> Ref<'_, World> {
        self.world.borrow()
    }

    /// When the next thing happens; `None` if nothing does by itself.
    pub fn next_at(&self) -> Option<Millis> {
        let next = self.agenda.next_at();
        let next = next.or_else(|| self.world.borrow().next_timer());
        next.map(|at| at.max(self.now))
    }

    /// Lets time pass until then, or until just before the next thing happens.
    pub fn pass(&mut self, until: Millis) {
        let latest = self.next_at().unwrap_or(until);
        self.now = self.now.max(until.min(latest));
    }

    /// The virtual time, in milliseconds since the start.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// How many hooks, actions and commands have begun.
    pub fn hooks(&self) -> u64 {
        self.hooks
    }

    /// What the marks say so far.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// A unit's disk.
    pub fn disk(&self, unit: &UnitName) -> Option<Ref<'_, Disk>> {
        let machine = self.machines.get(unit)?;
        Some(machine.disk.borrow())
    }

    /// Does something to the model now, as an operator or as bad luck; false if it is refused.
    pub fn strike(&mut self, deed: &Deed<u32>) -> bool {
        let done = self.do_deed(deed);
        let success = done.is_ok();
        self.refused
            .extend(done.err().map(|error| (self.now, error)));
        self.settle();
        success
    }

    /// Ends the run as it stands.
    pub fn into_outcome(self, end: End) -> Outcome {
        Outcome {
            end,
            now: self.now,
            hooks: self.hooks,
            judge: self.judge,
            refused: self.refused,
            disks: self
                .machines
                .into_iter()
                .map(|(unit, machine)| (unit, machine.disk.take()))
                .collect(),
            world: self.world.replace(World::new(Settings::default())),
        }
    }

    fn deed(&mut self, place: usize) {
        self.deeds_left -= 1;
        let deed = self.plan.deeds[place].1.clone();
        if let Err(error) = self.do_deed(&deed) {
            self.refused.push((self.now, error));
        }
    }

    /// Notes what the last change has led to: units to step, and marks to judge.
    fn settle(&mut self) {
        let mut world = self.world.borrow_mut();
        for event in world.history_mut().news() {
            self.judge.observe(event);
            match &event.happening {
                Happening::LeftoversEnded { unit } => {
                    if let Some(machine) = self.machines.get_mut(unit) {
                        machine.orphans.clear();
                    }
                }
                Happening::DiskLost { unit } => {
                    if let Some(machine) = self.machines.get_mut(unit) {
                        machine.disk.borrow_mut().clear();
                    }
                }
                _ => {}
            }
        }
        if !self.plan.keep_history {
            world.history_mut().take();
        }
        let woken = world.take_woken();
        drop(world);
        for (unit, at) in woken {
            self.schedule(unit, at);
        }
    }

    /// Sees to it that a unit steps at that time or soon after.
    fn schedule(&mut self, unit: UnitName, at: Millis) {
        let at = at.max(self.now);
        let machine = self.machines.entry(unit.clone()).or_default();
        if machine.runs() || machine.scheduled.is_some_and(|other| other <= at) {
            return;
        }
        let at = at + self.agenda.pause(self.plan.latency);
        if machine.scheduled.is_none_or(|other| at < other) {
            machine.scheduled = Some(at);
            self.agenda.add(at, Entry::Step(unit));
        }
    }

    fn step(&mut self, unit: &UnitName, at: Millis) {
        let Some(machine) = self.machines.get_mut(unit) else {
            return;
        };
        // An earlier step has taken this one's place.
        if machine.scheduled != Some(at) || machine.runs() {
            return;
        }
        machine.scheduled = None;
        let step = self.world.borrow_mut().step(unit, self.now);
        match step {
            Step::Run(dispatch) => {
                self.hooks += 1;
                let charm = (self.charms)(unit);
                machine.start(charm, *dispatch);
                self.begin(unit);
            }
            Step::Wait { until: Some(until) } => {
                self.schedule(unit.clone(), until.max(self.now + 1));
            }
            Step::Wait { until: None } => {}
            Step::Gone => {
                self.machines.remove(unit);
            }
        }
    }
}
