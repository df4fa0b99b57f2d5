//! The production code on the lab's model of Juju, in virtual time, with random faults.
//!
//! A seed determines a [`Recipe`]: the number of units, the settings, operators' actions and faults with their times.
//! After the last fault everything is repaired, and within a bounded number of hooks every unit that asked must have
//! had a turn. The same seed gives the same history, byte for byte.

mod bridge;
pub mod cost;
mod course;
mod disk;
mod fault;
mod lease;
mod outer;
mod recipe;
mod referee;
mod revision;
mod shared;
mod shrink;
mod sight;
mod story;
mod strike;
mod unit;
mod waker;

pub use course::{Course, Violation, simulate};
pub use fault::Fault;
pub use outer::SharedPlan;
pub use recipe::Recipe;
pub use shrink::shrink;
pub use story::{recipe_in_words, story};
