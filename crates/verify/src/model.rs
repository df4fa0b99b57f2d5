//! Every sequence of events of a small application, explored by a model checker.
//!
//! A [`Case`] is an application of two or three units, its requests, and the faults that may happen, each a
//! bounded number of times. The checker explores every interleaving: a hook begins (and does its reads),
//! its operation runs, it ends (committed, refused, failed, killed at any write of its journal, committed
//! and forgotten), and between any two steps of one unit's hook all other units may do anything.
//!
//! The production code computes what happens inside a hook. The result depends only on what the hook reads,
//! so it is computed once for each distinct reading and cached; that makes millions of states cheap.

mod action;
mod apply;
mod bags;
mod case;
mod cases;
mod check;
mod property;
mod rest;
mod state;
mod step;
mod story;
mod text;
mod truth;

pub use action::{Action, End};
pub use case::{Case, Faults};
pub use cases::{LARGE, SMALL};
pub use check::{Finding, Report, Seen, check};
pub use state::{Broken, Event, State};
