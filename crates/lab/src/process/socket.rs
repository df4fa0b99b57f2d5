//! A unit's socket: where its hook tools call.

use std::fs::File;
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;

use super::command;
use super::delay;
use super::shared::Shared;
use super::wire::{self, Reply, Request};
use super::{ProcessError, wire::write_frame};
use crate::client::socket_address;
use crate::dispatch::{ToolCall, ToolReply};
use crate::name::{ContextId, UnitName};
use crate::tool;

/// A caller that sends nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest file that a tool may read in.
const FILE_LIMIT: u64 = 16 << 20;

/// Opens the unit's socket and serves it until the lab ends.
pub(super) fn listen(shared: &Arc<Shared>, unit: &UnitName) -> Result<(), ProcessError> {
    let address = shared.address(unit);
    let listener = socket_address(&address)
        .and_then(|address| UnixListener::bind_addr(&address))
        .map_err(ProcessError::system("listen on", Path::new(&address)))?;
    let unit = unit.clone();
    accept(shared, listener, move |shared, stream| {
        serve(shared, &unit, stream);
    });
    Ok(())
}

/// Serves each caller in a thread of its own until the lab ends.
pub(super) fn accept(
    shared: &Arc<Shared>,
    listener: UnixListener,
    serve: impl Fn(&Arc<Shared>, UnixStream) + Clone + Send + 'static,
) {
    let shared_with_thread = Arc::clone(shared);
    shared.keep_thread(thread::spawn(move || {
        for stream in listener.incoming() {
            if shared_with_thread.is_ending() {
                return;
            }
            let Ok(stream) = stream else { continue };
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let (shared, serve) = (Arc::clone(&shared_with_thread), serve.clone());
            thread::spawn(move || serve(&shared, stream));
        }
    }));
}

fn serve(shared: &Shared, unit: &UnitName, mut stream: UnixStream) {
    let Ok((request, body)) = wire::read_frame::<Request>(&mut stream) else {
        return;
    };
    let reply = if is_trusted(&stream) {
        answer(shared, unit, request, body)
    } else {
        ToolReply::failed(1, "only the user who runs the lab may call its hook tools")
    };
    let header = Reply {
        code: reply.code,
        stdout_length: reply.stdout.len(),
        needs_stdin: reply.needs_stdin,
    };
    let body = [reply.stdout, reply.stderr].concat();
    // The caller may have been killed meanwhile.
    let _ = write_frame(&mut stream, &header, &body);
}

/// An abstract socket has no permissions of its own, and `juju-exec` runs any command.
pub(super) fn is_trusted(stream: &UnixStream) -> bool {
    socket_peercred(stream).is_ok_and(|peer| peer.uid == geteuid() || peer.uid.is_root())
}

fn answer(shared: &Shared, unit: &UnitName, request: Request, body: Vec<u8>) -> ToolReply {
    if tool::runs_commands(&request.command) {
        return command::run(shared, unit, &request.args);
    }
    let mut call = ToolCall {
        context: ContextId(request.context),
        command: request.command,
        args: request.args,
        stdin: request.has_stdin.then_some(body),
        dir: request.dir,
        ..ToolCall::default()
    };
    // Another unit's context is as wrong as none, and the world cannot see which socket was called.
    if call.context.unit().is_some_and(|claimed| claimed != *unit) {
        return ToolReply::failed(
            1,
            &format!(
                "bad request: context id {:?} is not of {unit}",
                call.context.0
            ),
        );
    }
    if let Some(name) = tool::named_file(&call.command, &call.args) {
        match read_file(&Path::new(&call.dir).join(&name)) {
            Ok(contents) => call.files.insert(name, contents),
            Err(problem) => return ToolReply::failed(1, &problem),
        };
    }
    delay::call(shared, unit, &call)
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut contents = Vec::new();
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        // A pipe could keep the lab waiting for ever.
        return Err(format!(
            "cannot read {}: not a regular file",
            path.display()
        ));
    }
    file.take(FILE_LIMIT + 1)
        .read_to_end(&mut contents)
        .map_err(failed)?;
    if u64::try_from(contents.len()).is_ok_and(|length| length > FILE_LIMIT) {
        return Err(format!(
            "{} is longer than {FILE_LIMIT} bytes",
            path.display()
        ));
    }
    Ok(contents)
}
