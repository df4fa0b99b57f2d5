//! Agents and machines that stop, come back, or are disconnected.

use super::World;
use crate::dispatch::Progress;
use crate::error::LabError;
use crate::history::{Happening, Outcome};
use crate::model::timer::Timer;
use crate::name::UnitName;
use crate::settings::{Detail, Millis};
use crate::uniter::agent::{Memory, Process};
use crate::uniter::local::{Operation, Phase};
use crate::uniter::run::Run;

impl World {
    /// Stops or starts a unit's agent. A running hook loses its context; its process, if there is one, keeps running.
    ///
    /// # Errors
    /// When the unit does not exist or is lost.
    pub fn set_agent_up(&mut self, unit: &UnitName, up: bool, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        let process = self.not_lost(unit)?;
        if up && process != Process::Up {
            self.agent_returns(unit, process);
        } else if !up && process != Process::Down {
            self.agent_dies(unit, Process::Down);
        }
        Ok(())
    }

    /// Disconnects a unit's agent from the controller, or reconnects it.
    ///
    /// # Errors
    /// When the unit does not exist or is lost.
    pub fn set_controller_reachable(
        &mut self,
        unit: &UnitName,
        reachable: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        self.advance(now);
        self.not_lost(unit)?;
        self.change(unit, |agent| {
            // The workers start anew once the connection is back, and with them what they had cached.
            agent.memory.cache.clear();
            agent.belief_until = None;
            std::mem::replace(&mut agent.reachable, reachable) != reachable
        });
        Ok(())
    }

    /// Freezes a unit's machine, including its clock, or thaws it. The driver freezes the processes.
    ///
    /// # Errors
    /// When the unit does not exist or is lost.
    pub fn set_suspended(
        &mut self,
        unit: &UnitName,
        suspended: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        self.advance(now);
        self.not_lost(unit)?;
        let led = self.units.get(unit).is_some_and(|unit| unit.local.leader);
        self.change(unit, |agent| {
            std::mem::replace(&mut agent.suspended, suspended) != suspended
        });
        if led && !suspended {
            self.believe_after_thaw(unit);
        }
        Ok(())
    }

    /// Destroys a unit's machine. Nobody is told; the unit stays listed until it is removed.
    ///
    /// # Errors
    /// When the unit does not exist.
    pub fn lose_unit(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        self.not_lost(unit)?;
        self.agent_dies(unit, Process::Lost);
        Ok(())
    }

    pub(super) fn not_lost(&self, name: &UnitName) -> Result<Process, LabError> {
        self.existing(name)?;
        let process = self
            .units
            .get(name)
            .map_or(Process::Lost, |unit| unit.agent.process);
        if process == Process::Lost {
            let reason = "its machine is lost for good";
            return Err(LabError::NotNow {
                unit: name.clone(),
                reason,
            });
        }
        Ok(process)
    }

    /// Changes an agent's condition, and applies the consequences, if any.
    fn change(
        &mut self,
        name: &UnitName,
        change: impl FnOnce(&mut crate::uniter::agent::Agent) -> bool,
    ) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        if !change(&mut unit.agent) {
            return;
        }
        let condition = unit.agent.condition();
        self.record(Happening::Agent {
            unit: name.clone(),
            condition,
        });
        self.renewal_changes(name);
        self.tell(name, |_| ());
        self.wake(name, self.now);
    }

    /// The agent's process ends, and what it had in memory is gone.
    pub(crate) fn agent_dies(&mut self, name: &UnitName, process: Process) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        let ran = unit.agent.process_is_up();
        let memory = std::mem::take(&mut unit.agent.memory);
        let running = unit.running.take();
        for id in memory.execs {
            if let Some((_, record)) = self.requests.execs.get_mut(&id) {
                record.progress = Progress::Failed;
                record.code = 1;
                record.stderr = b"ERROR the unit's agent died\n".to_vec();
            }
        }
        if let Some(context) = running {
            self.abandon(name, &context);
        }
        self.change(name, |agent| {
            agent.belief_until = None;
            std::mem::replace(&mut agent.process, process) != process
        });
        if ran && process != Process::Lost && self.settings.leftovers_die_with_agent {
            self.leftovers_end(name);
        }
        self.disk_goes(name);
        if process == Process::Restarting {
            let at = self.now + self.settings.agent_restart;
            self.set_timer(at, Timer::Restart(name.clone()));
        }
    }

    /// A run whose agent is gone.
    pub(super) fn abandon(&mut self, name: &UnitName, context: &crate::context::Context) {
        match &context.run {
            Run::Hook(_) => {}
            Run::Action(id) => {
                if let Some(action) = self.requests.actions.get_mut(id) {
                    action.record.progress = Progress::Failed;
                    "action terminated".clone_into(&mut action.record.message);
                }
            }
            Run::Exec(id) => {
                if let Some((_, record)) = self.requests.execs.get_mut(id) {
                    record.progress = Progress::Failed;
                    record.code = 1;
                }
            }
        }
        if self.history.records(Detail::Hooks) {
            let (unit, hook) = (name.clone(), context.name.clone());
            let (outcome, took) = (Outcome::Crashed, self.now - context.began);
            self.record(Happening::HookEnd {
                unit,
                hook,
                outcome,
                code: None,
                took,
            });
        } else {
            self.history.count();
        }
    }

    /// The agent's process is back. A hook that it finds begun counts as failed.
    pub(super) fn agent_returns(&mut self, name: &UnitName, from: Process) {
        let interval = self.update_status_interval();
        let retry_at = self.retry_at(1);
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        if unit.agent.process != from {
            return;
        }
        let started = unit.local.started && !unit.local.stopped;
        let pending = matches!(unit.local.operation, Operation::Hook(_, Phase::Pending));
        unit.agent.memory = Memory {
            attempt: u32::from(pending),
            retry_at: retry_at.filter(|_| pending),
            update_status_at: interval
                .filter(|_| started)
                .map(|interval| self.now + interval),
            ..Memory::default()
        };
        self.change(name, |agent| {
            agent.process = Process::Up;
            true
        });
    }
}
