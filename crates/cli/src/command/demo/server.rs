//! The server that the example charm restarts.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use ops_coordinator_lab::scenario::parse_duration;

use crate::command::CommandError;

/// Answer every connection to a local port with one line; the server of the example charm.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where to write the number of the port, once it answers
    #[arg(long, value_name = "FILE")]
    port_file: PathBuf,
    /// How long to take until it answers
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0ms")]
    warm_up: u64,
    /// The line
    #[arg(long, value_name = "TEXT")]
    answer: String,
}

/// Runs `ops-coordinator demo-server` until it is killed.
///
/// # Errors
/// When no port can be opened, or its number not be written.
pub(crate) fn run(args: &ServerArgs) -> Result<ExitCode, CommandError> {
    thread::sleep(Duration::from_millis(args.warm_up));
    let failed = |error| CommandError::failed(format!("cannot serve: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    // Nobody may read half a number.
    let draft = args.port_file.with_extension("new");
    fs::write(&draft, port.to_string()).map_err(failed)?;
    fs::rename(&draft, &args.port_file).map_err(failed)?;
    for mut stream in listener.incoming().flatten() {
        // A client that hangs up is no concern of the others.
        let _ = writeln!(stream, "{}", args.answer);
    }
    Ok(ExitCode::SUCCESS)
}
