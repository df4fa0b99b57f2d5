//! One unit's agent: what it remembers, what its watchers have reported, what it does next.

pub(crate) mod agent;
mod begin;
mod commit;
mod finish;
pub(crate) mod hook;
pub(crate) mod local;
mod resolve;
pub(crate) mod run;
mod step;
pub(crate) mod unit;
pub(crate) mod view;
pub(crate) mod watch;
