//! Actions, commands, and how an operator resolves failed hooks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use crate::dispatch::{ActionId, ActionRecord, ExecId, ExecRecord};
use crate::error::LabError;
use crate::history::Happening;
use crate::model::deployed::or_none;
use crate::model::queue::Action;
use crate::name::UnitName;
use crate::settings::Millis;

impl World {
    /// Queues an action. Parameters that are not given have the default that the charm declares, if it declares one.
    ///
    /// # Errors
    /// When the unit does not exist or its charm has no such action.
    pub fn run_action(
        &mut self,
        unit: &UnitName,
        name: &str,
        mut params: BTreeMap<String, Value>,
        now: Millis,
    ) -> Result<ActionId, LabError> {
        self.advance(now);
        self.existing(unit)?;
        let deployed = self.deployed.get(unit.application());
        if let Some(declared) = deployed.map(|deployed| &deployed.declared) {
            if !declared.actions.iter().any(|action| action == name) {
                let known: Vec<&str> = declared.actions.iter().map(String::as_str).collect();
                return Err(LabError::NoAction {
                    application: unit.application().to_owned(),
                    action: name.to_owned(),
                    known: or_none(&known),
                });
            }
            for (param, value) in declared.action_defaults.get(name).into_iter().flatten() {
                params.entry(param.clone()).or_insert_with(|| value.clone());
            }
        }
        let id = ActionId(self.requests.next());
        let record = ActionRecord {
            name: name.to_owned(),
            ..ActionRecord::default()
        };
        self.requests.actions.insert(
            id,
            Action {
                unit: unit.clone(),
                params,
                record,
            },
        );
        let name = name.to_owned();
        self.record(Happening::ActionQueued {
            unit: unit.clone(),
            id: id.0,
            name,
        });
        if let Some(unit) = self.units.get_mut(unit) {
            unit.actions.push(id);
        }
        self.tell(unit, |_| ());
        Ok(id)
    }

    /// An action's record, once it was asked for.
    pub fn action(&self, id: ActionId) -> Option<&ActionRecord> {
        self.requests.actions.get(&id).map(|action| &action.record)
    }

    /// The unit that an action was asked of.
    pub fn action_unit(&self, id: ActionId) -> Option<&UnitName> {
        self.requests.actions.get(&id).map(|action| &action.unit)
    }

    /// Queues a command (`juju-exec`) for a unit's agent. The queue is lost when the agent dies.
    ///
    /// # Errors
    /// When the unit does not exist or its agent does not run.
    pub fn exec(
        &mut self,
        unit: &UnitName,
        command: String,
        now: Millis,
    ) -> Result<ExecId, LabError> {
        self.advance(now);
        self.existing(unit)?;
        let runs = self
            .units
            .get(unit)
            .is_some_and(|unit| unit.agent.process_is_up());
        if !runs {
            let reason = "its agent is down";
            return Err(LabError::NotNow {
                unit: unit.clone(),
                reason,
            });
        }
        let id = ExecId(self.requests.next());
        self.requests
            .execs
            .insert(id, (command, ExecRecord::default()));
        self.record(Happening::ExecQueued {
            unit: unit.clone(),
            id: id.0,
        });
        if let Some(unit) = self.units.get_mut(unit) {
            unit.agent.memory.execs.push_back(id);
        }
        self.wake(unit, self.now);
        Ok(id)
    }

    /// A command's record, once it was queued.
    pub fn exec_record(&self, id: ExecId) -> Option<&ExecRecord> {
        self.requests.execs.get(&id).map(|(_, record)| record)
    }

    /// Whether every action and command has ended.
    pub fn requests_are_done(&self) -> bool {
        let (actions, execs) = (&self.requests.actions, &self.requests.execs);
        let mut actions = actions.values();
        let mut execs = execs.values();
        actions.all(|action| action.record.progress.has_ended())
            && execs.all(|(_, record)| record.progress.has_ended())
    }

    /// Resolves a failed hook: it runs again now, or (`retry` false) counts as done though what it
    /// buffered is lost.
    ///
    /// # Errors
    /// When the unit does not exist or no hook of it has failed.
    pub fn resolve(&mut self, unit: &UnitName, retry: bool, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        self.existing(unit)?;
        let failed = self
            .units
            .get_mut(unit)
            .filter(|unit| unit.failed_hook().is_some());
        let Some(failed) = failed else {
            let reason = "no hook of it has failed, so that there is nothing to resolve";
            return Err(LabError::NotNow {
                unit: unit.clone(),
                reason,
            });
        };
        failed.agent.memory.resolve = Some(retry);
        self.record(Happening::Resolved {
            unit: unit.clone(),
            retry,
        });
        self.wake(unit, self.now);
        Ok(())
    }
}
