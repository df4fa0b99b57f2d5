//! The `main` of a charm in Rust.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use crate::{
    Environment, Error, Exec, Hook, LocalMachine, WakerCommand, run_waker, write_pending_line,
};

/// The first argument with which a hook starts this executable as its waker.
const WAKE: &str = "ops-coordinator-wake";
/// The first argument with which a waker runs it as a visit.
const WRITE_PENDING_LINE: &str = "ops-coordinator-write-pending-line";

/// The `main` of a charm: opens the hook, calls `work`, and logs the hook's news and warnings. `work` decides what the hook
/// does: it requests, runs, and calls [`Hook::release`] last.
///
/// The same executable is also started as the waker, and to write a line that a long hook has left behind. It then
/// has a first argument that begins with `ops-coordinator-`, and `work` is not called. So call this before anything
/// else in `main`, and leave such arguments alone.
///
/// If `work` fails, the error is printed and the exit code is 1. Juju logs the error, and retries the hook.
pub fn run_charm<E: Display>(
    endpoint: &str,
    work: impl FnOnce(&mut Hook) -> Result<(), E>,
) -> ExitCode {
    serve(endpoint, None, work)
}

/// The same for a charm whose operations need a lock in etcd ([`Hook::set_shared`], [`Hook::obey`]). `command` is the file in
/// the charm's directory that stands in line there: the command `ops-coordinator`, built with its feature `etcd`. If it
/// cannot be started, nothing begins, and the unit says why.
///
/// The charm ends its operation itself in time: [`Hook::shared_turn`] says how much is left.
pub fn run_charm_with_deputy<E: Display>(
    endpoint: &str,
    command: impl AsRef<Path>,
    work: impl FnOnce(&mut Hook) -> Result<(), E>,
) -> ExitCode {
    serve(endpoint, Some(command.as_ref()), work)
}

fn serve<E: Display>(
    endpoint: &str,
    deputy: Option<&Path>,
    work: impl FnOnce(&mut Hook) -> Result<(), E>,
) -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let done = match words.split_first() {
        Some((word, rest)) if word == WAKE => wake(rest),
        Some((word, rest)) if word == WRITE_PENDING_LINE => write_line(rest),
        _ => in_hook(endpoint, deputy, work),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody may be listening.
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

fn in_hook<E: Display>(
    endpoint: &str,
    deputy: Option<&Path>,
    work: impl FnOnce(&mut Hook) -> Result<(), E>,
) -> Result<(), String> {
    let environment = Environment::from_process().map_err(explained)?;
    let mut machine = machine(&environment);
    if let Some(command) = deputy {
        let (command, unit) = (environment.charm_dir.join(command), &environment.unit);
        let unit = unit.to_string();
        machine = machine.with_deputy(vec![command.into(), "deputy".into(), unit.into()]);
    }
    let machine = Rc::new(machine);
    let mut hook = Hook::open(environment, Rc::new(Exec), machine, endpoint).map_err(explained)?;
    let done = work(&mut hook).map_err(|error| error.to_string());
    // Even if the charm has failed: a warning may say why.
    hook.log();
    done
}

/// `UNIT STATE ENDPOINT CONTEXT ERRAND`, as [`WakerCommand`] is given the first and appends the others.
fn wake(words: &[OsString]) -> Result<(), String> {
    let [unit, state, endpoint, context, errand] = words else {
        return Err(not_by_hand(WAKE));
    };
    let word = |word: &OsStr| word.to_str().map(str::to_owned);
    let (Some(unit), Some(endpoint), Some(context)) = (word(unit), word(endpoint), word(context))
    else {
        return Err(not_by_hand(WAKE));
    };
    let errand = errand.to_string_lossy().parse()?;
    let visit = [
        executable(),
        WRITE_PENDING_LINE.into(),
        endpoint.clone().into(),
    ];
    run_waker(state.as_ref(), &endpoint, &context, errand, &unit, &visit).map_err(explained)
}

fn write_line(words: &[OsString]) -> Result<(), String> {
    let [endpoint] = words else {
        return Err(not_by_hand(WRITE_PENDING_LINE));
    };
    let environment = Environment::from_process().map_err(explained)?;
    let machine = Rc::new(machine(&environment));
    let endpoint = endpoint.to_string_lossy();
    write_pending_line(&environment, Rc::new(Exec), machine, &endpoint)
        .map(drop)
        .map_err(explained)
}

/// The unit's machine, with its state in the charm's directory and this executable as its waker.
fn machine(environment: &Environment) -> LocalMachine {
    let unit = environment.unit.to_string();
    let waker = WakerCommand::new(vec![executable(), WAKE.into(), unit.into()]);
    LocalMachine::new(environment.state_dir(), waker)
}

/// This very executable; if the system does not tell, the word by which it was called.
fn executable() -> OsString {
    let told = env::current_exe().ok().map(Into::into);
    told.or_else(|| env::args_os().next()).unwrap_or_default()
}

fn not_by_hand(word: &str) -> String {
    format!("{word} is only called by the charm's own hooks and wakers")
}

fn explained(error: Error) -> String {
    error.explained()
}
