//! The lab with real processes, driven by the command line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clock;
mod commitment;
mod end;
mod environment;
mod faults;
mod fixture;
mod operator;
mod remote;
mod turn;
mod untidy;
mod usage;
mod verdict;
