//! Units of a Juju application take turns: the library for charms in Rust, and for anything else that runs in a hook.
//!
//! The protocol is in `ops-coordinator-core`, which does no I/O. This crate is the rest of a hook: it calls Juju's hook
//! tools, keeps the unit's state files, and restarts services.
//!
//! # What happens in a hook
//!
//! Every hook of the charm, whatever its name, goes through the same four steps:
//!
//! 1. **Open.** [`Hook::open`] asks whether the unit leads, and reads the line. It comes before anything else in the
//!    hook; [`run_charm`] is a `main` that does this.
//! 2. **Request.** [`Hook::request`] asks for a turn, in hooks that have a reason to.
//! 3. **Run.** [`Hook::run`] runs the operation if it is the unit's turn. Otherwise it says what the unit waits for.
//! 4. **Release.** [`Hook::release`] publishes and, on the leader, maintains the line. It comes last, because the line
//!    may be written only within a short time after it was read.
//!
//! [`Hook::log`] tells the unit's log what has happened to its requests; [`run_charm`] does so. [`Hook::show_unit_status`]
//! and [`Hook::write_metrics`] are for operators, and optional.
//!
//! Juju commits what a hook publishes when the hook succeeds, and retries a hook that fails. When it does, a finished
//! operation is not repeated. One that was interrupted is, and [`Attempt::interrupted`] says so.
//!
//! ```no_run
//! use std::error::Error;
//! use std::process::ExitCode;
//!
//! use ops_coordinator_juju::policy::Rotation;
//! use ops_coordinator_juju::{Hook, Ran, run_charm, service};
//!
//! fn main() -> ExitCode {
//!     run_charm("coordinator", dispatch)
//! }
//!
//! fn dispatch(hook: &mut Hook) -> Result<(), Box<dyn Error>> {
//!     let restart = "restart".parse()?;
//!     if hook.environment().hook.as_deref() == Some("config-changed") {
//!         hook.request(&restart)?;
//!     }
//!     let services = ["nginx".parse()?];
//!     match hook.run(&restart, |_, _| service::restart(&services))? {
//!         Ran::Done | Ran::NotRequested => hook.tools().status_set("active", "")?,
//!         Ran::Waiting(wait) => hook.tools().status_set("waiting", &wait.to_string())?,
//!         // The unit keeps its turn, and Juju runs the hook again.
//!         Ran::Failed(why) => return Err(why.into()),
//!         Ran::CheckFailed { why, .. } => return Err(why.into()),
//!     }
//!     hook.release(&Rotation::default())?;
//!     Ok(())
//! }
//! ```
//!
//! The charm must declare a peer relation with the name given to [`run_charm`]. If it does not, the hint of
//! [`Error::NotDeclared`] shows the lines to add.
//!
//! # Overview
//!
//! - [`Hook`]: one hook, from its first look at the databags to its last write;
//! - [`Operation`]: what a request asks for; [`service`]: restarting systemd services;
//! - [`policy`]: how many may run at once, and in which order requests join the line;
//! - [`Coordination`]: what `coordination.toml` declares about the charm's locks;
//! - [`Environment`]: which unit, which hook, which remote unit;
//! - [`Tools`]: the hook tools, typed, over any [`Transport`] (processes, or a model in memory);
//! - [`Machine`]: the unit's disk, clock and waker, so that a test or a simulation can stand in for them.

mod charm;
mod coordination;
mod declaration;
mod environment;
mod error;
mod hook;
mod machine;
mod metrics;
mod operation;
mod pending;
pub mod process;
mod question;
pub mod service;
pub mod shared;
mod state;
mod tool;
mod turn;
mod unit_status;
mod waker;

pub use ops_coordinator_core::engine::{Availability, Gate, Process, Shared};
pub use ops_coordinator_core::wire::{LockRecord, Outcome};
pub use ops_coordinator_core::{
    Attempt, Call, CampaignStatus, Check, Errand, Incarnation, Instruction, LockName, LockStatus,
    NameError, News, Obstacle, ObstacleKind, OnFailure, Order, Place, Planned, Recovery,
    RelationId, Requested, RollPlan, Status, Tick, Ticket, Transition, Turn, UnitName, UnitStatus,
    UnknownOnFailure, Wait, Wall, policy,
};
pub use ops_coordinator_window::{Now, Timestamp, Window, WindowError};

pub use charm::{run_charm, run_charm_with_deputy};
pub use coordination::{
    Coordination, Declared, DeclaredCheck, Span, SpanError, availability, outside,
};
pub use declaration::require_peer_relation;
pub use environment::Environment;
pub use error::{Error, ToolError};
pub use hook::Hook;
pub use machine::{Certified, LocalMachine, Machine};
pub use operation::{CONTEXT_MAX, Operation};
pub use pending::write_pending_line;
pub use question::Ended;
pub use shared::{SharedLock, SharedTurn};
pub use tool::{Bag, Exec, ToolOutput, Tools, Transport, WorkloadStatus};
pub use turn::Ran;
/// The outcome of [`Hook::start`].
pub type Start = ops_coordinator_core::Start<Operation>;

pub use waker::{WakerCommand, run_waker};
