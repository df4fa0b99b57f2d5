//! Evidence: what is claimed of the protocol, put to the test. Never published.
//!
//! Everything here drives the production code, [`ops_coordinator_juju::Hook`] over
//! `ops_coordinator_core`, with its databag values and its files on disk, and never a copy of it:
//!
//! - [`Charm`]: what a charm does with a hook;
//! - [`model`]: every course of events of a small application, by a model checker;
//! - [`simulation`]: everything that can go wrong, at random, in the lab's model of Juju;
//! - [`history`]: what a lab's history tells of the promises, in simulation and with real processes;
//! - [`Bug`]: known ways to get such a protocol wrong, each of which must be caught.

mod bug;
mod charm;
pub mod history;
#[cfg(feature = "model")]
pub mod model;
mod sabotage;
pub mod simulation;

pub use bug::Bug;
pub use charm::{Charm, Started, Visit, Will};
