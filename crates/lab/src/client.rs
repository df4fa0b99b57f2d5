//! The hook-tool client: what runs when a charm calls `relation-get` or any other hook tool.
//!
//! One executable is every tool: the tools directory of a unit holds symbolic links to it, and the
//! name by which it was called says which tool is meant. The client only carries the call to the unit's
//! socket and the answer back; the model decides everything.

use std::env;
use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

use crate::process::wire::{self, Reply, Request};
use crate::tool;

/// The tool that this process was started as, judged by the name it was called by.
pub fn tool_name(program: Option<&std::ffi::OsStr>) -> Option<String> {
    let name = Path::new(program?).file_name()?.to_str()?;
    tool::is_tool(name).then(|| name.to_owned())
}

/// Runs one call of the tool `command` with the arguments of this process; returns the exit
/// code.
pub fn main(command: &str) -> u8 {
    match call(command) {
        Ok(code) => code,
        Err(Failure { text, code }) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "ERROR {text}");
            code
        }
    }
}

struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 1,
        }
    }

    fn usage(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 2,
        }
    }
}

fn call(command: &str) -> Result<u8, Failure> {
    let context = env::var("JUJU_CONTEXT_ID").unwrap_or_default();
    let runs_commands = tool::runs_commands(command);
    if runs_commands && !context.is_empty() {
        return Err(Failure::usage(format!(
            "juju-run cannot be called from within a hook, have context {context:?}"
        )));
    }
    if !runs_commands && context.is_empty() {
        return Err(Failure::new("JUJU_CONTEXT_ID not set"));
    }
    let address = env::var(wire::ADDRESS_VARIABLE)
        .map_err(|_| Failure::new(format!("{} not set", wire::ADDRESS_VARIABLE)))?;
    let mut request = Request {
        context,
        dir: env::current_dir()
            .map(|dir| dir.display().to_string())
            .unwrap_or_default(),
        command: command.to_owned(),
        args: arguments()?,
        has_stdin: false,
    };
    let mut answer = ask(&address, &request, &[])?;
    if answer.0.needs_stdin {
        let mut stdin = Vec::new();
        io::stdin()
            .read_to_end(&mut stdin)
            .map_err(|error| Failure::new(error.to_string()))?;
        request.has_stdin = true;
        answer = ask(&address, &request, &stdin)?;
    }
    let (reply, body) = answer;
    let (stdout, stderr) = body.split_at(reply.stdout_length.min(body.len()));
    let printed = io::stdout()
        .write_all(stdout)
        .and_then(|()| io::stdout().flush());
    let _ = io::stderr().write_all(stderr);
    printed.map_err(|error| Failure::new(error.to_string()))?;
    Ok(u8::try_from(reply.code).unwrap_or(1))
}

fn arguments() -> Result<Vec<String>, Failure> {
    env::args_os()
        .skip(1)
        .map(|argument| {
            argument.into_string().map_err(|argument| {
                Failure::usage(format!("argument {} is not UTF-8", argument.display()))
            })
        })
        .collect()
}

fn ask(address: &str, request: &Request, stdin: &[u8]) -> Result<(Reply, Vec<u8>), Failure> {
    let failed = |step: &str, error: &io::Error| {
        Failure::new(format!("dial unix {address}: {step}: {error}"))
    };
    let socket = socket_address(address).map_err(|error| failed("address", &error))?;
    let mut stream =
        UnixStream::connect_addr(&socket).map_err(|error| failed("connect", &error))?;
    wire::write_frame(&mut stream, request, stdin).map_err(|error| failed("write", &error))?;
    wire::read_frame(&mut stream).map_err(|error| failed("read", &error))
}

/// Makes a listener look up, so that it sees that the lab ends.
pub(crate) fn wake(address: &str) {
    // It may have gone by itself.
    let _ = socket_address(address).and_then(|address| UnixStream::connect_addr(&address));
}

/// The socket of an address as hooks see it: `@name` is abstract, anything else is a path.
pub(crate) fn socket_address(address: &str) -> io::Result<SocketAddr> {
    match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn the_name_of_the_program_says_which_tool_is_meant() {
        let name = |path| tool_name(Some(OsStr::new(path)));
        assert_eq!(
            name("/x/tools/relation-get"),
            Some("relation-get".to_owned())
        );
        assert_eq!(name("pod-spec-set"), Some("pod-spec-set".to_owned()));
        assert_eq!(name("lab-mark"), Some("lab-mark".to_owned()));
        assert_eq!(name("/usr/bin/ops-coordinator"), None);
        assert_eq!(tool_name(None), None);
    }
}
