//! Runs a model with real processes, in real time.
//!
//! A [`Lab`] has a directory with a folder for each unit (a copy of the charm, the hook tools, a
//! log) and a thread for each unit's agent. The agents ask the one [`World`] what to run next,
//! start it in its own process group with its own environment, and serve its hook tools over a
//! socket. What is done to the units is a [`Deed`](crate::deed::Deed); a [`Lab`] carries it out as a [`Driver`].
//!
//! Processes that a hook leaves running in the background stay alive, as they do on a machine, and
//! end with the lab: [`Lab::end`] ends every process with the lab's mark in its environment and all
//! of its descendants, and a command that runs under a [`keeper`] leaves nothing behind, however it
//! ends.

mod act;
mod agent;
mod awaited;
mod charm;
mod clock;
mod command;
mod control;
mod deed;
mod delay;
mod directory;
mod error;
mod expectation;
mod folders;
mod hook;
mod jobs;
pub mod keeper;
mod lock;
mod log;
mod options;
mod ordered;
mod output;
pub mod play;
mod queue;
pub mod remote;
mod shared;
mod socket;
mod sweep;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::charm::Charm;
use crate::deed::Driver;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

pub use error::ProcessError;
pub use jobs::Running;
pub use options::{Insight, Options};

use directory::Directory;
use shared::Shared;

/// A model whose units run real charm processes. Ends when it is dropped.
pub struct Lab {
    shared: Arc<Shared>,
    application: String,
    /// Whether the lab ends with this value. One that only serves another terminal's order is as good for the rest.
    ends: bool,
}

impl Lab {
    /// Deploys `units` units of `charm` with `config`, and starts their agents.
    ///
    /// # Errors
    /// When the directory is not empty or cannot be written, or the model refuses the charm or its config.
    pub fn start(
        options: Options,
        charm: &Charm,
        units: u32,
        config: BTreeMap<String, serde_json::Value>,
    ) -> Result<Self, ProcessError> {
        if let Some(stranger) = options
            .clocks
            .keys()
            .find(|unit| unit.application() != charm.name)
        {
            return Err(crate::error::LabError::NoUnit(stranger.clone()).into());
        }
        let directory = Directory::open(options.directory.clone())?;
        let history = options.history.clone();
        let history = history.unwrap_or_else(|| directory.path().join("history.jsonl"));
        let shared = Shared::new(options, directory, &history, charm.into())?;
        let lab = Self {
            shared: Arc::new(shared),
            application: charm.name.clone(),
            ends: true,
        };
        let mut application = charm.application();
        for (option, value) in config {
            if !application.config.contains_key(&option) {
                let problem = crate::error::LabError::NoOption {
                    application: charm.name.clone(),
                    option,
                    known: application
                        .config
                        .into_keys()
                        .collect::<Vec<_>>()
                        .join(", "),
                };
                return Err(problem.into());
            }
            application.config.insert(option, value);
        }
        let names = lab.with_world(|world, now| world.deploy(application, units, now))?;
        (&lab).start(&names)?;
        control::listen(&lab.shared, lab.application())?;
        keeper::announce(lab.directory());
        Ok(lab)
    }

    /// The name of the application.
    pub fn application(&self) -> &str {
        &self.application
    }

    /// The directory of the run.
    pub fn directory(&self) -> &Path {
        self.shared.folders.directory.path()
    }

    /// The copy of the charm that a unit runs.
    pub fn charm_directory(&self, unit: &UnitName) -> PathBuf {
        self.shared.folders.directory.unit(unit).charm()
    }

    /// The log of a unit: what its hooks print and log.
    pub fn log_file(&self, unit: &UnitName) -> PathBuf {
        self.shared.folders.directory.unit(unit).log()
    }

    /// Milliseconds since the lab began.
    pub fn now(&self) -> Millis {
        self.shared.now()
    }

    /// Reads or changes the model; agents and viewers are notified of changes.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World, Millis) -> T) -> T {
        self.shared.with_world(look)
    }

    /// Waits until something happens in the model, at most this long.
    pub fn wait_for_news(&self, at_most: Duration) {
        self.shared.wait_for_news(at_most);
    }

    /// What runs now, sorted by unit.
    pub fn running(&self) -> Vec<Running> {
        self.shared.jobs.running()
    }

    /// Ends the lab, with all hooks and all processes that they left behind.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.ends {
            self.shared.end();
        }
    }
}
