//! Every course of events of a small application, by a model checker.
//!
//! A [`Case`] is an application of two or three units, the requests that come up, and the faults that may
//! strike, each a bounded number of times. The checker tries every order of everything: a hook begins
//! (what it reads, it reads then), its operation runs, it ends (committed, refused, failed, killed at any
//! write of its journal, committed and forgotten), and between any two steps of one unit's hook all other
//! units may do anything.
//!
//! What happens inside a hook is computed by the production code. It depends only on what it reads, so it
//! is computed once for each distinct reading and remembered; that makes millions of states cheap.

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
