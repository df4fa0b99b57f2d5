//! What every command in a charm's hook begins and ends with.

use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use clap::Args;
use ops_coordinator_juju::{Environment, Exec, Hook, LocalMachine, Tools, Waker};

use super::CommandError;

/// Where a unit keeps its state, in the charm's directory.
const STATE: &str = ".ops-coordinator";

/// Options of every command that takes part in the coordination.
#[derive(Debug, Args)]
pub(crate) struct CoordinationArgs {
    /// The peer relation that carries the coordination
    #[arg(long, value_name = "NAME", default_value = "coordinator")]
    relation: String,
}

impl CoordinationArgs {
    /// Opens the present hook, lets `work` do its part, and logs what was amiss.
    pub(crate) fn in_hook<R>(
        &self,
        work: impl FnOnce(&mut Hook) -> Result<R, CommandError>,
    ) -> Result<R, CommandError> {
        let environment = Environment::from_process()?;
        let waker = waker(&environment.unit.to_string(), &environment.charm_dir);
        let machine = LocalMachine::new(environment.charm_dir.join(STATE), waker);
        let mut hook = Hook::open(environment, Rc::new(Exec), Rc::new(machine), &self.relation)?;
        let result = work(&mut hook);
        let warnings = hook.take_warnings();
        if !warnings.is_empty() {
            let tools = Tools::new(Exec);
            for warning in warnings {
                tools.juju_log("WARNING", &format!("ops-coordinator: {warning}"))?;
            }
        }
        result
    }
}

/// This very executable, as a detached process.
fn waker(unit: &str, charm_dir: &Path) -> Waker {
    let executable = std::env::current_exe().unwrap_or_else(|_| charm_dir.join("ops-coordinator"));
    Waker::new(vec![
        executable.into(),
        OsString::from("wake"),
        OsString::from(unit),
    ])
}
