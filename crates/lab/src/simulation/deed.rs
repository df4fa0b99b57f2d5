//! External events of a model: operators' actions and faults.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Simulation;
use super::agenda::Entry;
use super::charm::VirtualCharm;
use super::machine::Trap;
use crate::dispatch::{CrashPoint, Exit};
use crate::error::LabError;
use crate::name::UnitName;

/// One external event of a model. Units are given by number.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Options are set.
    Config(BTreeMap<String, Value>),
    /// Units are added.
    AddUnits(u32),
    /// A unit is removed.
    RemoveUnit {
        /// Which.
        unit: u32,
        /// Whether it is gone after a while even if its hooks have not finished.
        force: bool,
        /// Whether the others are never told, see [`World::remove_unit_untold`](crate::World::remove_unit_untold).
        untold: bool,
    },
    /// The lease moves to a unit.
    SetLeader(u32),
    /// The lease lapses.
    ExpireLease,
    /// The process that a unit runs is killed now, if there is one.
    Kill(u32),
    /// Only the process that the agent started is killed, if there is one: the hook runs again, and its children may
    /// stay alive, see [`VirtualCharm::orphaned`].
    KillDispatch(u32),
    /// Processes that the unit's hooks left running die: orphans here, and `leftovers-ended` in the history for
    /// simulations of more, such as wakers.
    EndLeftovers(u32),
    /// The unit's files are lost once none of its hooks runs, and its agent restarts.
    LoseDisk(u32),
    /// The unit's running or next process is killed after this many phases.
    KillAfter {
        /// Which unit.
        unit: u32,
        /// The number of phases; 0 kills it before its first.
        phases: u32,
    },
    /// The agent dies at this point of its running or next hook, and restarts.
    Crash {
        /// Which unit.
        unit: u32,
        /// Where.
        point: CrashPoint,
    },
    /// The unit's running or next process exits with this code instead of 0.
    Fail {
        /// Which unit.
        unit: u32,
        /// The exit code.
        code: i32,
    },
    /// The changes of the unit's running or next process become public, but its agent never learns of it.
    LoseReply(u32),
    /// The agent stops, or starts.
    AgentUp(u32, bool),
    /// The controller becomes unreachable, or reachable again.
    Reachable(u32, bool),
    /// The machine is frozen, including its clock, or thawed.
    Suspended(u32, bool),
    /// The machine is lost.
    Lose(u32),
    /// The operator resolves a failed hook.
    Resolve {
        /// Which unit.
        unit: u32,
        /// Whether the hook runs again.
        retry: bool,
    },
    /// A new revision of the charm, forced upon units in error or not.
    Upgrade {
        /// Whether it is forced.
        force: bool,
        /// The peer endpoints that it adds.
        adds: Vec<String>,
    },
    /// A peer endpoint gets another relation.
    DuplicateRelation(String),
    /// The unit stops seeing the lowest of two relations of one endpoint.
    ForgetRelation(u32),
    /// An action is queued.
    Action {
        /// Which unit.
        unit: u32,
        /// Its name.
        name: String,
        /// Its parameters.
        params: BTreeMap<String, Value>,
    },
    /// A command is queued.
    Exec {
        /// Which unit.
        unit: u32,
        /// Its text.
        command: String,
    },
}

impl<F> Simulation<F>
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    pub(super) fn do_deed(&mut self, deed: &Deed) -> Result<(), LabError> {
        let application = self.plan.application.name.clone();
        let name = |number: u32| UnitName::new(application.as_str(), number);
        match deed {
            Deed::Suspended(unit, suspended) => {
                self.do_to_world(deed)?;
                self.freeze(&name(*unit), *suspended);
                Ok(())
            }
            Deed::Kill(unit) => {
                let unit = name(*unit);
                if self
                    .machines
                    .get(&unit)
                    .is_some_and(|m| m.runs() && !m.frozen)
                {
                    self.end(&unit, Exit::Killed);
                }
                Ok(())
            }
            Deed::KillDispatch(unit) => {
                let unit = name(*unit);
                if self.machines.get(&unit).is_some_and(|m| !m.frozen) {
                    self.kill_dispatch(&unit);
                }
                Ok(())
            }
            Deed::KillAfter { unit, phases } => {
                let trap = Trap::Kill { phases: *phases };
                self.set_trap(&name(*unit), trap)
            }
            Deed::Crash { unit, point } => self.set_trap(&name(*unit), Trap::Crash(*point)),
            Deed::LoseReply(unit) => self.set_trap(&name(*unit), Trap::LoseReply),
            Deed::Fail { unit, code } => self.set_trap(&name(*unit), Trap::Fail(*code)),
            other => self.do_to_world(other),
        }
    }

    /// What Juju itself takes part in.
    fn do_to_world(&self, deed: &Deed) -> Result<(), LabError> {
        let (now, mut world) = (self.now, self.world.borrow_mut());
        let application = self.plan.application.name.as_str();
        let name = |number: u32| UnitName::new(application, number);
        match deed {
            Deed::Config(values) => world.set_config(application, values.clone(), now),
            Deed::AddUnits(units) => world.add_units(application, *units, now).map(drop),
            Deed::RemoveUnit {
                unit,
                force,
                untold: false,
            } => world.remove_unit(&name(*unit), *force, now),
            Deed::RemoveUnit { unit, force, .. } => {
                world.remove_unit_untold(&name(*unit), *force, now)
            }
            Deed::EndLeftovers(unit) => world.end_leftovers(&name(*unit), now),
            Deed::LoseDisk(unit) => world.lose_disk(&name(*unit), now),
            Deed::DuplicateRelation(endpoint) => world
                .duplicate_relation(application, endpoint, now)
                .map(drop),
            Deed::ForgetRelation(unit) => world.forget_relation(&name(*unit), now),
            Deed::SetLeader(unit) => world.set_leader(&name(*unit), now),
            Deed::ExpireLease => world.expire_lease(application, now),
            Deed::AgentUp(unit, up) => world.set_agent_up(&name(*unit), *up, now),
            Deed::Reachable(unit, reachable) => {
                world.set_controller_reachable(&name(*unit), *reachable, now)
            }
            Deed::Suspended(unit, suspended) => world.set_suspended(&name(*unit), *suspended, now),
            Deed::Lose(unit) => world.lose_unit(&name(*unit), now),
            Deed::Resolve { unit, retry } => world.resolve(&name(*unit), *retry, now),
            Deed::Upgrade { force, adds } if adds.is_empty() => {
                world.upgrade_charm(application, *force, now)
            }
            Deed::Upgrade { force, adds } => {
                let mut revision = world.declared(application)?.clone();
                revision.peers.extend(adds.iter().cloned());
                world.upgrade_charm_to(&revision, *force, now)
            }
            Deed::Action {
                unit,
                name: action,
                params,
            } => world
                .run_action(&name(*unit), action, params.clone(), now)
                .map(drop),
            Deed::Exec { unit, command } => {
                world.exec(&name(*unit), command.clone(), now).map(drop)
            }
            Deed::Kill(_)
            | Deed::KillDispatch(_)
            | Deed::KillAfter { .. }
            | Deed::Crash { .. }
            | Deed::LoseReply(_)
            | Deed::Fail { .. } => Ok(()),
        }
    }

    fn set_trap(&mut self, unit: &UnitName, trap: Trap) -> Result<(), LabError> {
        self.world.borrow().existing(unit)?;
        self.machines.entry(unit.clone()).or_default().trap = Some(trap);
        Ok(())
    }

    /// Freezes a machine, or lets its process continue where it was.
    fn freeze(&mut self, unit: &UnitName, frozen: bool) {
        let machine = self.machines.entry(unit.clone()).or_default();
        machine.frozen = frozen;
        if !frozen {
            for run in machine.release() {
                self.agenda.add(self.now, Entry::Resume(unit.clone(), run));
            }
        }
    }
}
