//! An embedded Juju: units of a charm on one machine, no controller.
//!
//! One deterministic state machine, [`world::World`], decides what a real Juju would decide: which hook runs next,
//! what a hook tool answers, what a commit publishes, who leads. It does no I/O and knows no clock. Two
//! drivers use it: [`simulation`] in virtual time, with charms as Rust values, and [`process`] with real processes. What
//! an operator or bad luck does to a model is a [`deed`].

pub mod application;
pub mod charm;
pub mod client;
mod context;
pub mod deed;
pub mod dispatch;
pub mod error;
pub mod history;
pub mod judge;
mod model;
pub mod name;
pub mod process;
pub mod report;
pub mod scenario;
pub mod settings;
pub mod simulation;
pub mod tool;
mod uniter;
pub mod version;
pub mod world;

pub use application::Application;
pub use dispatch::{ActionId, CrashPoint, Dispatch, ExecId, Exit, Step, ToolCall, ToolReply, What};
pub use error::LabError;
pub use name::{ContextId, RelationId, UnitName};
pub use settings::{Departure, Leases, Millis, Retry, Settings, ToolDelays};
pub use version::JujuVersion;
pub use world::World;
