//! Evidence: tests of the protocol's guarantees.
//!
//! Everything here runs the production code, [`ops_coordinator_juju::Hook`] over
//! `ops_coordinator_core`, with its databag values and its files on disk, never a copy of it:
//!
//! - [`Charm`]: what a charm does with a hook;
//! - [`model`]: every sequence of events of a small application, explored by a model checker;
//! - [`simulation`]: random faults in the lab's model of Juju;
//! - [`etcd`]: an etcd in memory, for the locks that applications share;
//! - [`history`]: checks a lab's history against the guarantees, in simulation and with real processes;
//! - [`Bug`]: known mistakes in such protocols, each of which must be caught.

mod bug;
mod charm;
mod deliberate;
pub mod etcd;
pub mod history;
#[cfg(feature = "model")]
pub mod model;
mod sabotage;
pub mod simulation;

/// Whatever links this crate plays millions of hooks, and with this allocator they take 30 % less time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use bug::Bug;
pub use charm::{Aftercare, Charm, Started, Visit, Will};
