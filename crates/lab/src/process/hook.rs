//! Runs one hook, action or command as a process.

use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::clock;
use super::jobs::Job;
use super::lock::lock;
use super::output::Output;
use super::shared::Shared;
use super::wire::ADDRESS_VARIABLE;
use crate::charm::is_executable;
use crate::dispatch::{CrashPoint, Dispatch, Exit, What};
use crate::name::UnitName;
use crate::world::World;

/// What real Juju appends on a machine, whatever the host's own setting is.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs it to its end. What it printed is in the unit's log, and for actions and commands in the
/// world.
pub(super) fn run(shared: &Arc<Shared>, dispatch: &Dispatch) -> Exit {
    let folder = shared.folders.directory.unit(&dispatch.unit);
    let log = shared.folders.log(&dispatch.unit);
    let note = |level: &str, text: &str| log.line(shared.now(), level, &dispatch.name, text);
    if let Err(error) = shared.folders.unpack(&dispatch.unit, dispatch.revision) {
        note("ERROR", &error.to_string());
        return Exit::Code(1);
    }
    let Some(mut command) = command(dispatch, &folder.charm()) else {
        return missing(shared, dispatch, note);
    };
    environment(&mut command, shared, dispatch);
    note("DEBUG", "begins");
    let mut child = match spawn(shared, &dispatch.unit, &mut command) {
        Ok(child) => child,
        Err(error) => {
            note("ERROR", &format!("cannot start: {error}"));
            return Exit::Code(1);
        }
    };
    let group = Pid::from_child(&child);
    let job = Job {
        name: dispatch.name.clone(),
        since: shared.now(),
        group,
        crash: None,
    };
    shared.jobs.begin(&dispatch.unit, job);
    let is_wanted = |world: &mut World| world.running(&dispatch.unit) == Some(&dispatch.context);
    if !shared.with_world(|world, _| is_wanted(world)) {
        // The agent, or the machine, went away while the process was being started.
        shared.jobs.kill(&dispatch.unit, None);
    }
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        // Both were asked for when the process was started.
        return Exit::Code(1);
    };
    let output = Output::read(shared, &log, &dispatch.name, stdout, stderr);
    if let (What::Exec { command, .. }, Some(mut stdin)) = (&dispatch.what, child.stdin.take()) {
        // A shell that ends before it has read all is no error of ours.
        let _ = stdin.write_all(command.as_bytes());
    }
    let (status, crash) = wait(shared, dispatch, &mut child);
    let (stdout, stderr) = output.finish();
    if !matches!(dispatch.what, What::Hook) {
        shared.with_world(|world, _| world.set_output(&dispatch.context, stdout, stderr));
    }
    note("DEBUG", &format!("ended: {status}"));
    match (crash, status.code()) {
        (Some(point), _) => Exit::Crash(point),
        (None, Some(code)) => Exit::Code(code),
        (None, None) => by_signal(status),
    }
}

fn by_signal(status: ExitStatus) -> Exit {
    let signal = status.signal().unwrap_or_default();
    let counts_as_killed = [Signal::KILL, Signal::TERM]
        .map(Signal::as_raw)
        .contains(&signal);
    if counts_as_killed {
        Exit::Killed
    } else {
        Exit::Code(128 + signal)
    }
}

/// Juju skips a hook that the charm does not have; an action must exist.
fn missing(shared: &Shared, dispatch: &Dispatch, note: impl Fn(&str, &str)) -> Exit {
    if matches!(dispatch.what, What::Hook) {
        note("DEBUG", "skipped (missing)");
        return Exit::Code(0);
    }
    let text = format!("action {:?} has no executable in the charm", dispatch.name);
    note("ERROR", &text);
    let stderr = text.into_bytes();
    shared.with_world(|world, _| world.set_output(&dispatch.context, Vec::new(), stderr));
    Exit::Code(1)
}

/// The process to start; `None` if the charm has nothing to run.
fn command(dispatch: &Dispatch, charm: &Path) -> Option<Command> {
    let mut command = match &dispatch.what {
        What::Exec { .. } => {
            let mut shell = Command::new("/bin/bash");
            shell.arg("-s").stdin(Stdio::piped());
            shell
        }
        What::Hook => script(charm, "hooks", &dispatch.name)?,
        What::Action { .. } => script(charm, "actions", &dispatch.name)?,
    };
    command.current_dir(charm);
    Some(command)
}

fn script(charm: &Path, folder: &str, name: &str) -> Option<Command> {
    let candidates: [PathBuf; 2] = [charm.join("dispatch"), charm.join(folder).join(name)];
    let found = candidates.into_iter().find(|path| is_executable(path))?;
    let mut command = Command::new(found);
    command.stdin(Stdio::null());
    Some(command)
}

fn environment(command: &mut Command, shared: &Shared, dispatch: &Dispatch) {
    let folder = shared.folders.directory.unit(&dispatch.unit);
    let mut path = folder.tools().into_os_string();
    for directory in &shared.options.path {
        path.push(":");
        path.push(directory);
    }
    path.push(":");
    path.push(SYSTEM_PATH);
    command
        .env_clear()
        .envs(&dispatch.env)
        .env("CHARM_DIR", folder.charm())
        .env("JUJU_CHARM_DIR", folder.charm())
        .env(ADDRESS_VARIABLE, shared.address(&dispatch.unit))
        .env("JUJU_AGENT_SOCKET_NETWORK", "unix")
        .env("PATH", path)
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LANG", "C.UTF-8")
        .env("TERM", "tmux-256color")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(library) = shared
        .folders
        .faketime()
        .filter(|_| folder.clock().exists())
    {
        clock::apply(command, &library, &folder.clock());
    }
}

fn spawn(shared: &Shared, unit: &UnitName, command: &mut Command) -> io::Result<Child> {
    let _launch = lock(&shared.folders.launch);
    if shared.is_ending() {
        return Err(io::Error::other("the lab is shutting down"));
    }
    let child = command.spawn()?;
    if shared.is_suspended(unit) {
        kill_process_group(Pid::from_child(&child), Signal::STOP)?;
    }
    Ok(child)
}

/// Waits for the process to end.
fn wait(
    shared: &Shared,
    dispatch: &Dispatch,
    child: &mut Child,
) -> (ExitStatus, Option<CrashPoint>) {
    // First without taking the process's number away, so that nobody can kill another in its place.
    let id = WaitId::Pid(Pid::from_child(child));
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(id.clone(), options) {}
    let crash = shared.jobs.end(&dispatch.unit).and_then(|job| job.crash);
    let status = child
        .wait()
        .unwrap_or_else(|_| ExitStatus::from_raw(1 << 8));
    (status, crash)
}
