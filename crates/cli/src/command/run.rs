//! `ops-coordinator run`: the operation, if it is this unit's turn.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use clap::Args;
use ops_coordinator_core::{Attempt, LockName, Turn};
use ops_coordinator_juju::{Hook, Operation, service};

use super::CommandError;
use super::coordination::CoordinationArgs;

/// "Temporary failure" in sysexits.h: it is not our turn yet.
const WAITING: u8 = 75;

/// Run the operation, if it is this unit's turn.
///
/// Call it in every hook, whatever the hook's name: any of them may bring the turn. Without a command it
/// restarts the services that were asked for. After a failure the unit keeps its place and nothing behind
/// it starts; the next hook tries again.
///
/// The command finds in its environment OPS_COORDINATOR_LOCK, OPS_COORDINATOR_TICKET,
/// OPS_COORDINATOR_CTX (JSON), OPS_COORDINATOR_ATTEMPT (from 1) and OPS_COORDINATOR_INTERRUPTED (1 where
/// the attempt before was cut off).
///
/// Exit codes: 0 done, or nothing was requested; 75 waiting; any other is the failure of the command.
#[expect(clippy::doc_markdown, reason = "`--help` prints this text as it is")]
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ops-coordinator run restart -- systemctl restart postgresql
  ops-coordinator run restart        # restarts the services given to `request`")]
pub(crate) struct RunArgs {
    /// The lock that was asked for
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// The command and its arguments; no shell is involved
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, CommandError> {
    args.coordination.in_hook(|hook| {
        let lock = &args.lock;
        if hook.is_running(lock) {
            return Err(CommandError::failed(format!(
                "this hook is already in the middle of '{lock}'; `run` does not nest"
            )));
        }
        match hook.start(lock)? {
            Ok((attempt, operation)) => operate(hook, args, &attempt, &operation),
            Err(Turn::NotRequested | Turn::Start(_)) => {
                println!("{lock}: nothing is requested");
                Ok(ExitCode::SUCCESS)
            }
            Err(Turn::Wait(wait)) => {
                println!("{lock}: waiting, {wait}");
                Ok(WAITING.into())
            }
        }
    })
}

fn operate(
    hook: &mut Hook,
    args: &RunArgs,
    attempt: &Attempt,
    operation: &Operation,
) -> Result<ExitCode, CommandError> {
    let lock = &args.lock;
    let outcome = match args.command.split_first() {
        Some((program, rest)) => execute(program, rest, lock, attempt, operation),
        None => restart_services(lock, operation),
    };
    let (code, result) = match outcome {
        Ok(()) => (0, Ok(())),
        Err((code, why)) => (code, Err(why)),
    };
    // Told before it is published: should that fail, the log still says what happened.
    match &result {
        Ok(()) => println!("{lock}: done"),
        Err(why) => eprintln!("ops-coordinator: {lock}: {why}"),
    }
    hook.finish(lock, result)?;
    Ok(code.into())
}

type Failure = (u8, String);

fn execute(
    program: &OsString,
    rest: &[OsString],
    lock: &LockName,
    attempt: &Attempt,
    operation: &Operation,
) -> Result<(), Failure> {
    let status = Command::new(program)
        .args(rest)
        .env("OPS_COORDINATOR_LOCK", lock.as_str())
        .env("OPS_COORDINATOR_TICKET", attempt.ticket.to_string())
        .env("OPS_COORDINATOR_ATTEMPT", attempt.number.to_string())
        .env(
            "OPS_COORDINATOR_INTERRUPTED",
            u8::from(attempt.interrupted).to_string(),
        )
        .env("OPS_COORDINATOR_CTX", operation.context.to_string())
        .status()
        .map_err(|error| {
            (
                127,
                format!("cannot run {}: {error}", program.to_string_lossy()),
            )
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(failure(status))
    }
}

/// The exit code to pass on. A command that itself exits with 75 must not look like one that waits.
fn failure(status: ExitStatus) -> Failure {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    let why = match status.signal() {
        Some(signal) => format!("ended by signal {signal}"),
        None => format!("exit code {code}"),
    };
    match u8::try_from(code) {
        Ok(WAITING) | Err(_) => (1, why),
        Ok(code) => (code, why),
    }
}

fn restart_services(lock: &LockName, operation: &Operation) -> Result<(), Failure> {
    if operation.services.is_empty() {
        return Err((
            2,
            format!(
                "no command is given and no service was asked for; write \
                 `ops-coordinator run {lock} -- COMMAND`, or ask with `--service NAME`"
            ),
        ));
    }
    service::restart(&operation.services).map_err(|error| (1, error.to_string()))
}
