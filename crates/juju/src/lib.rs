//! What a hook sees of Juju, and how it drives the protocol of `ops-coordinator-core`.
//!
//! - [`Environment`]: which unit, which hook, which remote unit;
//! - [`Tools`]: the hook tools, typed, over any [`Transport`] (processes, or a model in memory);
//! - [`Machine`]: the unit's disk, clock and waker, so that a simulation can stand in for them;
//! - [`Hook`]: one hook, from its first look at the databags to its last write;
//! - [`Operation`]: the payload of a request; [`service`]: restarting systemd services.

mod begin;
mod declaration;
mod environment;
mod error;
mod home;
mod hook;
mod inquiry;
mod lead;
mod machine;
mod operation;
mod order;
mod pending;
mod process;
pub mod service;
mod session;
mod state;
mod status;
mod tool;
mod turn;
mod waker;

pub use ops_coordinator_core::{
    Attempt, Errand, Incarnation, LockName, LockRecord, LockStatus, NameError, Order, Outcome,
    Place, Requested, Status, Tick, Ticket, Turn, UnitName, UnitStatus, Wait, policy,
};

pub use declaration::require_peer_relation;
pub use environment::{Environment, RelationId};
pub use error::{Error, ToolError};
pub use hook::Hook;
pub use machine::{LocalMachine, Machine};
pub use operation::{CONTEXT_MAX, Operation};
pub use pending::write_pending_line;
pub use process::Process;
pub use tool::{Bag, Exec, ToolOutput, Tools, Transport};
pub use turn::{Ran, Start};
pub use waker::{WakerCommand, run_waker};
