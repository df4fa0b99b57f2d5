//! The hook tools, typed. Arguments and outputs follow Juju's `jujuc` commands.

mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use ops_coordinator_core::UnitName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, RelationId, ToolError};

/// The result of a hook tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolOutput {
    /// Its exit code; absent if a signal terminated it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// How hook tools are called: as processes, or in memory if a model replaces Juju.
pub trait Transport {
    /// Calls a tool. A failing tool gives an output like any other; the error is for a tool that could
    /// not be called at all.
    ///
    /// # Errors
    /// The reason why the tool could not be called.
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>)
    -> std::io::Result<ToolOutput>;
}

/// Calls hook tools as processes, found on the `PATH` that Juju sets; no shell is involved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exec;

impl Transport for Exec {
    fn call(
        &self,
        tool: &str,
        args: &[String],
        stdin: Option<&str>,
    ) -> std::io::Result<ToolOutput> {
        let mut child = Command::new(tool)
            .args(args)
            .stdin(if stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            match pipe.write_all(text.as_bytes()) {
                // The tool refused before it read; its own message is the better one.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        let output = child.wait_with_output()?;
        Ok(ToolOutput {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// A unit's workload status, as `status-get` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// Such as `active`; `unknown` if it was never set.
    pub status: String,
    /// The message beside it.
    #[serde(default)]
    pub message: String,
}

/// Whose databag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bag<'a> {
    /// A unit's.
    Unit(&'a UnitName),
    /// An application's.
    Application(&'a str),
}

/// The hook tools that coordination needs. Each method is one call of one tool.
#[derive(Debug)]
pub struct Tools<T> {
    transport: T,
}

impl<T: Transport> Tools<T> {
    /// Tools over a transport.
    pub fn new(transport: T) -> Self {
        Self { transport }
    }

    fn run(&self, tool: &str, args: &[&str], stdin: Option<&str>) -> Result<String, Error> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let failed = |code, stderr| ToolError {
            tool: tool.to_owned(),
            args: args.clone(),
            code,
            stderr,
        };
        let output = self
            .transport
            .call(tool, &args, stdin)
            .map_err(|error| failed(None, format!("could not be run: {error}")))?;
        match output.code {
            Some(0) => Ok(output.stdout),
            Some(code) => Err(failed(Some(code), output.stderr).into()),
            None => Err(failed(None, format!("terminated by a signal {}", output.stderr)).into()),
        }
    }

    fn json<V: DeserializeOwned>(&self, tool: &str, args: &[&str]) -> Result<V, Error> {
        let text = self.run(tool, args, None)?;
        let text = if text.trim().is_empty() {
            "null"
        } else {
            text.trim()
        };
        serde_json::from_str(text).map_err(|error| Error::ToolOutput {
            tool: tool.to_owned(),
            why: error.to_string(),
        })
    }

    /// `is-leader`: whether this unit leads; a positive answer is valid for 30 s from the call.
    ///
    /// # Errors
    /// The tool's failure, as for every method here.
    pub fn is_leader(&self) -> Result<bool, Error> {
        self.json("is-leader", &["--format=json"])
    }

    /// `relation-ids`: the relations of an endpoint, in the order of their numbers.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_ids(&self, endpoint: &str) -> Result<Vec<RelationId>, Error> {
        let ids: Option<Vec<String>> = self.json("relation-ids", &["--format=json", endpoint])?;
        let mut ids: Vec<RelationId> = ids
            .unwrap_or_default()
            .into_iter()
            .map(RelationId::new)
            .collect();
        ids.sort_by_key(RelationId::number);
        Ok(ids)
    }

    /// `relation-list`: the other units that this unit has met in the relation.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_list(&self, relation: &RelationId) -> Result<BTreeSet<UnitName>, Error> {
        let units: Option<BTreeSet<UnitName>> =
            self.json("relation-list", &["--format=json", "-r", relation.as_str()])?;
        Ok(units.unwrap_or_default())
    }

    /// `relation-get`: one key of a databag.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_get(
        &self,
        relation: &RelationId,
        key: &str,
        bag: Bag<'_>,
    ) -> Result<Option<String>, Error> {
        let relation = relation.as_str();
        match bag {
            Bag::Unit(unit) => self.json(
                "relation-get",
                &["--format=json", "-r", relation, key, &unit.to_string()],
            ),
            Bag::Application(name) => self.json(
                "relation-get",
                &["--format=json", "-r", relation, "--app", key, name],
            ),
        }
    }

    /// `relation-list --app`: the application at the other end of a relation.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_application(&self, relation: &RelationId) -> Result<Option<String>, Error> {
        let args = ["--format=json", "-r", relation.as_str(), "--app"];
        self.json("relation-list", &args)
    }

    /// `relation-get`: all that an application says in its databag.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_get_all(
        &self,
        relation: &RelationId,
        application: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let relation = relation.as_str();
        let args = ["--format=json", "-r", relation, "--app", "-", application];
        let all: Option<_> = self.json("relation-get", &args)?;
        Ok(all.unwrap_or_default())
    }

    /// `relation-model-get`: the id of the model of the application at the other end of a relation. Juju has this tool from
    /// 3.6.2 on.
    ///
    /// # Errors
    /// The tool's failure; one without exit code where there is no such tool.
    pub fn relation_model(&self, relation: &RelationId) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Model {
            uuid: String,
        }
        let args = ["--format=json", "-r", relation.as_str()];
        let model: Model = self.json("relation-model-get", &args)?;
        Ok(model.uuid)
    }

    /// `relation-set --file -`: sets one key of this unit's databag, or of its application's.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_set(
        &self,
        relation: &RelationId,
        app: bool,
        key: &str,
        value: &str,
    ) -> Result<(), Error> {
        let one = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        self.relation_set_all(relation, app, &one)
    }

    /// `relation-set --file -`: sets these keys of this unit's databag, or of its application's.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn relation_set_all(
        &self,
        relation: &RelationId,
        app: bool,
        values: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let values = values.iter();
        let values = values.map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        let body = Value::Object(values.collect()).to_string();
        let mut args = vec!["-r", relation.as_str()];
        if app {
            args.push("--app");
        }
        args.extend(["--file", "-"]);
        self.run("relation-set", &args, Some(&body)).map(drop)
    }

    /// `goal-state`: the units of this application that the controller knows, this unit included.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn goal_state_units(&self) -> Result<BTreeSet<UnitName>, Error> {
        #[derive(serde::Deserialize)]
        struct GoalState {
            units: BTreeMap<UnitName, Value>,
        }
        let goal: GoalState = self.json("goal-state", &["--format=json"])?;
        Ok(goal.units.into_keys().collect())
    }

    /// `goal-state`: whether a unit of this application is being removed.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn is_dying(&self, unit: &UnitName) -> Result<bool, Error> {
        #[derive(serde::Deserialize)]
        struct GoalState {
            units: BTreeMap<UnitName, Goal>,
        }
        #[derive(serde::Deserialize)]
        struct Goal {
            #[serde(default)]
            status: String,
        }
        let goal: GoalState = self.json("goal-state", &["--format=json"])?;
        let own = goal.units.get(unit);
        Ok(own.is_some_and(|own| own.status == "dying"))
    }

    /// `config-get`: one option's value; null where it is not set.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn config_get(&self, option: &str) -> Result<Value, Error> {
        self.json("config-get", &["--format=json", option])
    }

    /// `status-set`: the unit's workload status, visible at once.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn status_set(&self, status: &str, message: &str) -> Result<(), Error> {
        self.run("status-set", &[status, message], None).map(drop)
    }

    /// `status-get --include-data`: the unit's workload status.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn status_get(&self) -> Result<WorkloadStatus, Error> {
        self.json("status-get", &["--include-data", "--format=json"])
    }

    /// `action-get`: the parameters of the running action.
    ///
    /// # Errors
    /// The tool's failure, such as outside an action.
    pub fn action_get(&self) -> Result<Map<String, Value>, Error> {
        let parameters: Option<_> = self.json("action-get", &["--format=json"])?;
        Ok(parameters.unwrap_or_default())
    }

    /// `action-set`: one result of the running action.
    ///
    /// # Errors
    /// The tool's failure, such as outside an action.
    pub fn action_set(&self, key: &str, value: &str) -> Result<(), Error> {
        self.run("action-set", &[&format!("{key}={value}")], None)
            .map(drop)
    }

    /// `action-fail`: marks the running action as failed.
    ///
    /// # Errors
    /// The tool's failure, such as outside an action.
    pub fn action_fail(&self, message: &str) -> Result<(), Error> {
        self.run("action-fail", &[message], None).map(drop)
    }

    /// `juju-log`: a line in the unit's log, at a level such as `INFO` or `WARNING`.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn juju_log(&self, level: &str, message: &str) -> Result<(), Error> {
        self.run("juju-log", &["--log-level", level, "--", message], None)
            .map(drop)
    }

    /// `state-get`: one key of the unit's state in the controller.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn state_get(&self, key: &str) -> Result<Option<String>, Error> {
        let text: Option<String> = self.json("state-get", &["--format=json", key])?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// `state-set --file -`: sets one key of the unit's state in the controller.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn state_set(&self, key: &str, value: &str) -> Result<(), Error> {
        let body =
            Value::Object([(key.to_owned(), Value::from(value))].into_iter().collect()).to_string();
        self.run("state-set", &["--file", "-"], Some(&body))
            .map(drop)
    }

    /// `state-delete`: forgets one key of the unit's state in the controller.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn state_delete(&self, key: &str) -> Result<(), Error> {
        self.run("state-delete", &[key], None).map(drop)
    }

    /// `leader-get`: the leader's settings. Juju 4.0 has no such tool.
    ///
    /// # Errors
    /// The tool's failure; one without exit code where there is no such tool.
    pub fn leader_get(&self) -> Result<BTreeMap<String, String>, Error> {
        let settings: Option<BTreeMap<String, String>> =
            self.json("leader-get", &["--format=json", "-"])?;
        Ok(settings.unwrap_or_default())
    }

    /// `leader-set`: one of the leader's settings, visible at once and never rolled back. Juju 4.0 has
    /// no such tool.
    ///
    /// # Errors
    /// The tool's failure; one without exit code where there is no such tool.
    pub fn leader_set(&self, key: &str, value: &str) -> Result<(), Error> {
        self.run("leader-set", &[&format!("{key}={value}")], None)
            .map(drop)
    }
}
