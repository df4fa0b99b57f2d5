//! The lab with real processes, driven by the command line.

mod commitment;
mod end;
mod environment;
mod fixture;
mod operator;
mod turn;
mod usage;
