//! The production code over the lab's model of Juju, in virtual time, with everything going wrong at random.
//!
//! A seed gives a [`Recipe`]: how many units, which settings, what operators do and which faults strike when.
//! After the last of them everything is repaired, and within a bounded number of hooks everybody who asked
//! must have had a turn. The same seed gives the same history, byte for byte.

mod bridge;
mod course;
mod disk;
mod lease;
mod recipe;
mod referee;
mod revision;
mod shared;
mod shrink;
mod sight;
mod story;
mod unit;
mod waker;

pub use course::{Course, Violation, simulate};
pub use recipe::{Fault, Recipe};
pub use shrink::shrink;
pub use story::{recipe_in_words, story};
