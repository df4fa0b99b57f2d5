//! The command `ops-coordinator`: for charms in any language, and for the lab.
// A closed pipe must not end a command in the middle, see `output`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod error;
mod output;

use std::process::ExitCode;

use ops_coordinator_lab::client;

fn main() -> ExitCode {
    // Under the name of a hook tool this is that tool; a hook starts many of them.
    match client::tool_name(std::env::args_os().next().as_deref()) {
        Some(tool) => client::main(&tool).into(),
        None => command::main(),
    }
}
