//! Acts on a lab that runs in another process: what `juju exec`, `juju run` and `juju status` are to a real model.
//!
//! A [`Remote`] talks to the socket in the run's directory. Only the user who runs the lab may.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ops_coordinator_excerpt::path;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{Answer, Order, read_frame, write_frame};
use super::{control, keeper};

/// A lab that runs in another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    directory: PathBuf,
}

/// How a model is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The version of Juju that the lab imitates.
    pub juju: String,
    /// Milliseconds since the lab began.
    pub now: u64,
    /// The units, sorted.
    pub units: Vec<UnitOverview>,
}

/// How a unit is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitOverview {
    /// Its name.
    pub unit: String,
    /// Whether it leads.
    pub leader: bool,
    /// Its availability zone.
    pub zone: String,
    /// The charm's own status, such as `active`.
    pub workload: String,
    /// The message with it.
    pub message: String,
    /// What its agent does.
    pub agent: String,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecEnd {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionEnd {
    /// Whether it succeeded.
    pub completed: bool,
    /// What it set, by dotted key.
    pub results: BTreeMap<String, String>,
    /// Its failure message, if any.
    pub message: String,
    /// What it logged.
    pub log: Vec<String>,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// No lab runs in the directory.
    #[error("no lab is running in {}", path(.0))]
    NotRunning(PathBuf),
    /// No lab of this user runs anywhere.
    #[error("no lab is running")]
    NoneRunning,
    /// Several labs run.
    #[error("{} labs are running", .0.len())]
    Several(Vec<PathBuf>),
    /// The lab ended before it had answered.
    #[error("the lab in {} has ended without an answer: {source}", path(directory))]
    Ended {
        /// Where it ran.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lab refused it.
    #[error("{0}")]
    Refused(String),
}

impl RemoteError {
    /// What to do about it, where there is something that a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoneRunning => Some(
                "start one in another terminal, or say with --dir which directory it runs in"
                    .to_owned(),
            ),
            Self::Several(directories) => {
                let choices = directories
                    .iter()
                    .map(|directory| format!("--dir {}", path(directory)));
                let choices: Vec<String> = choices.collect();
                Some(format!("say which: {}", choices.join(", or ")))
            }
            Self::NotRunning(_) | Self::Ended { .. } | Self::Refused(_) => None,
        }
    }
}

/// The value of an action's parameter as an operator writes it: YAML, or else just a text.
pub fn param(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|_| text.into())
}

impl Remote {
    /// The lab that runs in this directory, or, if none is given, the only one that this user runs under a
    /// [`keeper`].
    ///
    /// # Errors
    /// When there is none, or more than one to choose from.
    pub fn find(directory: Option<&Path>) -> Result<Self, RemoteError> {
        if let Some(directory) = directory {
            let missing = |_| RemoteError::NotRunning(directory.to_owned());
            control::connect(directory).map_err(missing)?;
            return Ok(Self {
                directory: directory.to_owned(),
            });
        }
        let mut running = keeper::announced();
        running.retain(|directory| control::connect(directory).is_ok());
        match running.pop() {
            None => Err(RemoteError::NoneRunning),
            Some(directory) if running.is_empty() => Ok(Self { directory }),
            Some(directory) => {
                running.push(directory);
                Err(RemoteError::Several(running))
            }
        }
    }

    /// How the model is.
    ///
    /// # Errors
    /// When the lab has ended.
    pub fn status(&self) -> Result<Overview, RemoteError> {
        match self.ask(&Order::Status)? {
            (Answer::Status(overview), _) => Ok(overview),
            _ => Err(self.ended(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Runs a command for `/bin/bash` on a unit, or on `APPLICATION/leader`, and waits for its end.
    ///
    /// # Errors
    /// When there is no such unit, its agent is down, or the lab ends meanwhile.
    pub fn exec(&self, unit: &str, command: &str) -> Result<ExecEnd, RemoteError> {
        let (unit, command) = (unit.to_owned(), command.to_owned());
        match self.ask(&Order::Exec { unit, command })? {
            (
                Answer::Exec {
                    code,
                    stdout_length,
                },
                mut stdout,
            ) => {
                let stderr = stdout.split_off(stdout_length.min(stdout.len()));
                Ok(ExecEnd {
                    code,
                    stdout,
                    stderr,
                })
            }
            _ => Err(self.ended(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Runs an action on a unit, or on `APPLICATION/leader`, and waits for its end.
    ///
    /// # Errors
    /// When there is no such unit or action, or the lab ends meanwhile.
    pub fn action(
        &self,
        unit: &str,
        name: &str,
        params: BTreeMap<String, Value>,
    ) -> Result<ActionEnd, RemoteError> {
        let (unit, name) = (unit.to_owned(), name.to_owned());
        match self.ask(&Order::Action { unit, name, params })? {
            (Answer::Action(end), _) => Ok(end),
            _ => Err(self.ended(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Takes steps as a scenario does, each in TOML and with paths relative to `folder`; returns what each of them did.
    /// Marks and hooks count from the step before, also from one that was taken by an earlier call.
    ///
    /// # Errors
    /// When one of them is not a step, cannot be taken, or has not ended after `timeout` milliseconds; those before it
    /// have been taken.
    pub fn steps(
        &self,
        steps: Vec<String>,
        folder: PathBuf,
        timeout: u64,
    ) -> Result<Vec<String>, RemoteError> {
        let order = Order::Steps {
            steps,
            folder,
            timeout,
        };
        match self.ask(&order)? {
            (Answer::Did(said), _) => Ok(said),
            _ => Err(self.ended(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Waits until nothing is left to do and no request is unserved, or nothing has moved for `patience` milliseconds;
    /// returns the requests that are unserved, as sentences.
    ///
    /// # Errors
    /// When that has not come after `timeout` milliseconds, or the lab ends meanwhile.
    pub fn rest(&self, patience: u64, timeout: u64) -> Result<Vec<String>, RemoteError> {
        match self.ask(&Order::Rest { patience, timeout })? {
            (Answer::Rest(unserved), _) => Ok(unserved),
            _ => Err(self.ended(io::ErrorKind::InvalidData.into())),
        }
    }

    fn ask(&self, order: &Order) -> Result<(Answer, Vec<u8>), RemoteError> {
        let missing = |_| RemoteError::NotRunning(self.directory.clone());
        let mut stream = control::connect(&self.directory).map_err(missing)?;
        write_frame(&mut stream, order, &[]).map_err(|error| self.ended(error))?;
        match read_frame(&mut stream).map_err(|error| self.ended(error))? {
            (Answer::Refused(problem), _) => Err(RemoteError::Refused(problem)),
            answered => Ok(answered),
        }
    }

    fn ended(&self, source: io::Error) -> RemoteError {
        RemoteError::Ended {
            directory: self.directory.clone(),
            source,
        }
    }
}
