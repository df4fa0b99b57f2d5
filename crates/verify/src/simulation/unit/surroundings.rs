//! What a hook finds around it: its machine, its windows, its checks, its policy.

use std::rc::Rc;

use ops_coordinator_juju::{Availability, Environment, Error, Gate, Machine};
use ops_coordinator_lab::Dispatch;
use ops_coordinator_lab::simulation::HookContext;

use super::{Note, VirtualUnit, clock_of, environment, number};
use crate::Aftercare;
use crate::simulation::bridge::{Bridge, Surroundings};
use crate::simulation::disk;
use crate::simulation::revision::Revision;

impl VirtualUnit {
    pub(super) fn revision(&self, hook: &Dispatch) -> &Revision {
        let revisions = &self.behaviour.revisions;
        let number = usize::try_from(hook.revision).unwrap_or(usize::MAX);
        &revisions[number.min(revisions.len() - 1)]
    }

    pub(super) fn environment(&self, hook: &Dispatch) -> Result<Environment, Error> {
        let mut environment = environment(hook)?;
        environment.peers.clone_from(&self.revision(hook).peers);
        if self.behaviour.zones {
            // The last one does not know its zone.
            let zones = ["a", "b"].iter();
            let mut zone = zones.skip(hook.unit.number() as usize % 3);
            environment.zone = zone.next().map(|zone| (*zone).to_owned());
        }
        Ok(environment)
    }

    pub(super) fn bridge(&mut self, hook: &Dispatch, context: &HookContext) -> Rc<Bridge> {
        let shared = self.shared.borrow();
        let told = self.behaviour.tells_processes;
        // No two machines agree on the time, and none has to.
        let offset = clock_of(&hook.unit);
        let around = Surroundings {
            now: context.now() + shared.leapt + offset,
            tool_takes: self.behaviour.tool_delays.of(&hook.unit, "relation-get"),
            random: self.rng.u32(..),
            process: told.then_some(self.process),
            alive: shared.alive().clone(),
            boots: shared
                .boots
                .get(&hook.unit.to_string())
                .copied()
                .unwrap_or_default(),
            etcd: shared
                .outer
                .as_ref()
                .and_then(|outer| outer.relates(hook.unit.number(), context.now())),
        };
        Bridge::new(around, context)
    }

    /// Its window opens soon enough for a waker to wait for it.
    pub(super) fn gate(&self, context: &HookContext) -> Gate {
        let now = context.now();
        match self.behaviour.shut {
            Some((from, to)) if (from..to).contains(&now) => Gate::Outside {
                opens: "soon".to_owned(),
                opens_in: to - now,
            },
            _ => Gate::Open,
        }
    }

    /// By turns it is available and not. Once all is repaired, it is; but some units are only once they have had the turn
    /// that they wait for.
    pub(super) fn availability(&self, unit: &str, context: &HookContext) -> Availability {
        if !self.behaviour.ails {
            return Availability::Untold;
        }
        let shared = self.shared.borrow();
        let seed = self.behaviour.seed;
        let ails = if shared.repaired {
            number(&format!("{seed} {unit} ails")) & 1 == 0 && disk::waits(context)
        } else {
            let time = (context.now() + shared.leapt) / 40_000;
            number(&format!("{seed} {unit} ails {time}")).is_multiple_of(3)
        };
        if ails {
            Availability::Unavailable("out of order".to_owned())
        } else {
            Availability::Available
        }
    }

    /// What must hold after an operation: by turns it does and does not, until all is repaired.
    pub(super) fn aftercare(
        &self,
        unit: &str,
        context: &HookContext,
        bridge: &Rc<Bridge>,
    ) -> Option<Aftercare> {
        let check = self.behaviour.check?;
        let (shared, bridge) = (Rc::clone(&self.shared), Rc::clone(bridge));
        let (seed, fails) = (self.behaviour.seed, self.behaviour.check_fails);
        let (unit, now) = (unit.to_owned(), context.now());
        let holds = move |lock: usize| {
            let mut shared = shared.borrow_mut();
            let time = (now + shared.leapt) / 20_000;
            let good = number(&format!("{seed} {unit} {lock} {time}")) >> 7 & 7 >= fails;
            let holds = shared.repaired || good;
            let at = bridge.now();
            shared
                .notes
                .push(Note::Looked(unit.clone(), lock, at, holds));
            holds
        };
        Some(Aftercare {
            check,
            recovery: self.behaviour.recovery,
            holds: Rc::new(holds),
        })
    }

    /// What its policy does first: it takes its time.
    pub(super) fn deliberation(
        &self,
        unit: &str,
        context: &HookContext,
        bridge: &Rc<Bridge>,
    ) -> Option<Rc<dyn Fn()>> {
        let longest = Some(self.behaviour.thinks).filter(|longest| *longest > 0)?;
        let (bridge, seed, now) = (Rc::clone(bridge), self.behaviour.seed, context.now());
        let takes = number(&format!("{seed} {unit} thinks {now}")) % longest;
        Some(Rc::new(move || {
            bridge.thought.set(bridge.thought.get() + takes);
        }))
    }
}
