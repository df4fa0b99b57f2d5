//! The whole model and all its agents, as one deterministic state machine.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::application::Application;
use crate::dispatch::{
    ActionId, ActionRecord, ExecId, ExecRecord, Exit, Step, ToolCall, ToolReply,
};
use crate::error::LabError;
use crate::history::{History, Life};
use crate::name::{ContextId, UnitName};
use crate::settings::{Millis, Settings};

/// The model, its controller and every unit's agent.
///
/// Time never goes backwards: `now` is the driver's clock, and a value below an earlier one counts as that.
pub struct World {
    settings: Settings,
    history: History,
}

/// What a live view shows of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitStatus {
    /// Which unit.
    pub unit: UnitName,
    /// How far its life has got.
    pub life: Life,
    /// What its agent does.
    pub agent: AgentStatus,
    /// Whether it holds its application's lease.
    pub leader: bool,
    /// The charm's own status, such as `active`.
    pub workload: String,
    /// The message with it.
    pub message: String,
    /// How many hooks, actions and commands it has run so far.
    pub runs: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// What a unit's agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    /// Nothing is due.
    Idle,
    /// This hook, action or command runs.
    Executing(String),
    /// A hook failed.
    Error {
        /// Which.
        hook: String,
        /// How many times it has failed in a row.
        attempt: u32,
        /// When it runs again by itself.
        retry_at: Option<Millis>,
    },
    /// The agent does not run, is cut off, or its machine is lost.
    Lost,
}

impl World {
    /// An empty model.
    pub fn new(settings: Settings) -> Self {
        let history = History::new(settings.detail);
        Self { settings, history }
    }

    /// Deploys an application with this many units. Their hooks begin with the next step.
    ///
    /// # Errors
    /// When an application of that name exists, or the name cannot be one.
    pub fn deploy(
        &mut self,
        application: Application,
        units: u32,
        now: Millis,
    ) -> Result<Vec<UnitName>, LabError> {
        todo!()
    }

    /// Adds units.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn add_units(
        &mut self,
        application: &str,
        units: u32,
        now: Millis,
    ) -> Result<Vec<UnitName>, LabError> {
        todo!()
    }

    /// Removes a unit: it runs its last hooks and is gone. With `force`, it is gone after
    /// `Settings::force_wait` even if they have not run.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn remove_unit(
        &mut self,
        unit: &UnitName,
        force: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        todo!()
    }

    /// Sets options. Options not named keep their value; `Null` takes an option back to its default.
    ///
    /// # Errors
    /// When the application, an option, or a value's type does not fit; then nothing is set.
    pub fn set_config(
        &mut self,
        application: &str,
        values: BTreeMap<String, Value>,
        now: Millis,
    ) -> Result<(), LabError> {
        todo!()
    }

    /// An application's configuration as `config-get --all` shows it.
    ///
    /// # Errors
    /// When there is no such application.
    pub fn config(&self, application: &str) -> Result<BTreeMap<String, Value>, LabError> {
        todo!()
    }

    /// Queues an action.
    ///
    /// # Errors
    /// When the unit does not exist or its charm has no such action.
    pub fn run_action(
        &mut self,
        unit: &UnitName,
        name: &str,
        params: BTreeMap<String, Value>,
        now: Millis,
    ) -> Result<ActionId, LabError> {
        todo!()
    }

    /// An action's record, once it was asked for.
    pub fn action(&self, id: ActionId) -> Option<&ActionRecord> {
        todo!()
    }

    /// Queues a command (`juju-exec`) for a unit's agent.
    ///
    /// # Errors
    /// When the unit does not exist.
    pub fn exec(
        &mut self,
        unit: &UnitName,
        command: String,
        now: Millis,
    ) -> Result<ExecId, LabError> {
        todo!()
    }

    /// A command's record, once it was queued.
    pub fn exec_record(&self, id: ExecId) -> Option<&ExecRecord> {
        todo!()
    }

    /// Moves the lease to this unit at once.
    ///
    /// # Errors
    /// When the unit does not exist.
    pub fn set_leader(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        todo!()
    }

    /// Lets the lease of an application lapse now; the others race for it.
    ///
    /// # Errors
    /// When the application does not exist.
    pub fn expire_lease(&mut self, application: &str, now: Millis) -> Result<(), LabError> {
        todo!()
    }

    /// The holder of an application's lease.
    pub fn leader(&self, application: &str) -> Option<UnitName> {
        todo!()
    }

    /// Resolves a failed hook: it runs again now, or (`retry` false) counts as done though what it
    /// buffered is lost.
    ///
    /// # Errors
    /// When the unit does not exist or no hook of it has failed.
    pub fn resolve(&mut self, unit: &UnitName, retry: bool, now: Millis) -> Result<(), LabError> {
        todo!()
    }

    /// A new revision of the charm for all units (`juju refresh`). The drivers' files are their own matter.
    /// With `force`, units in error take the new code as well, and do not get `upgrade-charm`.
    ///
    /// # Errors
    /// When the application does not exist.
    pub fn upgrade_charm(
        &mut self,
        application: &str,
        force: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        todo!()
    }

    /// Stops a unit's agent, or starts it. A running hook's process loses its context.
    ///
    /// # Errors
    /// When the unit does not exist or is lost.
    pub fn set_agent_up(&mut self, unit: &UnitName, up: bool, now: Millis) -> Result<(), LabError> {
        todo!()
    }

    /// Cuts a unit's agent off the controller, or reconnects it.
    ///
    /// # Errors
    /// When the unit does not exist or is lost.
    pub fn set_controller_reachable(
        &mut self,
        unit: &UnitName,
        reachable: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        todo!()
    }

    /// Freezes a unit's machine, its clock included, or thaws it. The driver holds the processes still.
    ///
    /// # Errors
    /// When the unit does not exist or is lost.
    pub fn set_suspended(
        &mut self,
        unit: &UnitName,
        suspended: bool,
        now: Millis,
    ) -> Result<(), LabError> {
        todo!()
    }

    /// Loses a unit's machine for good. Nobody is told; the unit stays listed until it is removed.
    ///
    /// # Errors
    /// When the unit does not exist.
    pub fn lose_unit(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        todo!()
    }

    /// What the unit's agent does next. A `Run` begins at once: call this only when the unit runs nothing.
    pub fn step(&mut self, unit: &UnitName, now: Millis) -> Step {
        todo!()
    }

    /// One hook-tool call of a running hook, action or command.
    pub fn call(&mut self, call: &ToolCall, now: Millis) -> ToolReply {
        todo!()
    }

    /// Keeps what an action or a command wrote; call it before `exited`.
    pub fn set_output(&mut self, context: &ContextId, stdout: Vec<u8>, stderr: Vec<u8>) {
        todo!()
    }

    /// A run has ended. Flushes what it buffered, or fails it, or queues it again. Of a context that
    /// no longer exists (its agent died) nothing is heard.
    pub fn exited(&mut self, context: &ContextId, exit: Exit, now: Millis) {
        todo!()
    }

    /// The units for which something is due since the last call of this, each with the time from which it should
    /// be stepped. A driver that steps every unit often may ignore it.
    pub fn take_woken(&mut self) -> BTreeMap<UnitName, Millis> {
        todo!()
    }

    /// Nothing runs and nothing is due but `update-status`: no hook, action or command is queued, and no
    /// failed hook, restarting agent or lapsing lease waits for its time. Units whose agent is down,
    /// cut off or lost do not count.
    pub fn is_idle(&self) -> bool {
        todo!()
    }

    /// What happened so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What happened so far, to take events out.
    pub fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// The settings that the world was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every unit that exists, sorted by name.
    pub fn units(&self) -> Vec<UnitStatus> {
        todo!()
    }

    /// A committed databag, for views and checks: a unit's own on one of its peer endpoints, or with `unit` None
    /// the application's.
    pub fn databag(
        &self,
        application: &str,
        endpoint: &str,
        unit: Option<u32>,
    ) -> Option<BTreeMap<String, String>> {
        todo!()
    }
}
