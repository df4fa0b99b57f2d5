//! What every command in a charm's hook begins and ends with.

use std::ffi::OsString;
use std::rc::Rc;

use clap::Args;
use ops_coordinator_juju::{
    Coordination, Environment, Exec, Hook, LocalMachine, LockName, WakerCommand,
};

use super::CommandError;

/// Options of every coordination command.
#[derive(Debug, Args)]
pub(crate) struct CoordinationArgs {
    /// The peer relation that carries the coordination
    #[arg(long, value_name = "NAME", default_value = "coordinator")]
    relation: String,
}

impl CoordinationArgs {
    /// The endpoint of that relation.
    pub(crate) fn endpoint(&self) -> &str {
        &self.relation
    }

    /// Opens the current hook, runs `work`, and logs what has happened and the warnings.
    pub(crate) fn in_hook<R>(
        &self,
        work: impl FnOnce(&mut Hook) -> Result<R, CommandError>,
    ) -> Result<R, CommandError> {
        let environment = Environment::from_process()?;
        let machine = machine(&environment);
        let mut hook = Hook::open(environment, Rc::new(Exec), Rc::new(machine), &self.relation)?;
        let result = work(&mut hook);
        hook.log();
        result
    }
}

/// What the charm's `coordination.toml` declares, if it has one.
///
/// # Errors
/// The file is invalid, or does not declare the lock.
pub(crate) fn declared(hook: &Hook, lock: &LockName) -> Result<Option<Coordination>, CommandError> {
    let declared = Coordination::of(&hook.environment().charm_dir)?;
    if let Some(coordination) = &declared {
        coordination.require(lock)?;
    }
    Ok(declared)
}

/// The unit's machine, with its state in the charm's directory.
pub(crate) fn machine(environment: &Environment) -> LocalMachine {
    let unit = environment.unit.to_string();
    let waker = WakerCommand::new(vec![executable(), "wake".into(), unit.clone().into()]);
    let machine = LocalMachine::new(environment.state_dir(), waker);
    if cfg!(feature = "etcd") {
        machine.with_deputy(vec![executable(), "deputy".into(), unit.into()])
    } else {
        machine
    }
}

/// This very executable.
pub(crate) fn executable() -> OsString {
    std::env::current_exe().map_or_else(|_| "ops-coordinator".into(), Into::into)
}
