//! The command `ops-coordinator`: for charms in any language, and for the lab.
// A closed pipe must not end a command halfway, see `output`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod error;
mod output;
mod usage;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Called under the name of a hook tool, this acts as that tool; a hook starts many of them.
    #[cfg(feature = "lab")]
    if let Some(tool) =
        ops_coordinator_lab::client::tool_name(std::env::args_os().next().as_deref())
    {
        return ops_coordinator_lab::client::main(&tool).into();
    }
    command::main()
}
