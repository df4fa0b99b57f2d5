//! `ops-coordinator run`: the operation, if it is this unit's turn.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ops_coordinator_excerpt::path;
use ops_coordinator_juju::{
    Attempt, Hook, LockName, OnFailure, Operation, Start, Wait, process, service,
};

use super::CommandError;
use super::coordination::{CoordinationArgs, declared};
use crate::output::{complain, say};

/// "Temporary failure" in sysexits.h: it is not our turn yet.
const WAITING: u8 = 75;
/// "No input" in sysexits.h: nothing was requested, so nothing was done.
const NOT_REQUESTED: u8 = 66;
/// "Service unavailable" in sysexits.h: the operation has failed and waits for an operator.
const STOPPED: u8 = 69;
/// "Internal software error" in sysexits.h: the operation has failed, and the turn has passed on.
const FAILED_AND_PASSED_ON: u8 = 70;

/// Run the operation, if it is this unit's turn.
///
/// Call it in every hook, whatever the hook's name: the turn may come in any of them. Without a command it
/// restarts the requested services. After a failure the unit keeps its place and nothing behind it starts;
/// the next hook tries again. With `--on-failure stop` it does not: it waits until an operator says `retry`, `skip` or
/// `cancel`. Then end the hook successfully (codes 69 and 70), or nobody but this unit learns of the failure.
///
/// The command's environment contains OPS_COORDINATOR_LOCK, OPS_COORDINATOR_TICKET,
/// OPS_COORDINATOR_CTX (JSON), OPS_COORDINATOR_ATTEMPT (from 1) and OPS_COORDINATOR_INTERRUPTED (1 if
/// the previous attempt was interrupted).
///
/// While a process of an earlier attempt is still running, no other attempt starts.
///
/// If coordination.toml gives the lock a window or a blocker, these decide whether the operation may begin. What has begun
/// is not interrupted, and begins again after a failure whatever they say.
#[expect(clippy::doc_markdown, reason = "`--help` prints this text as it is")]
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0   done
  66  nothing was requested
  69  stopped: it has failed, now or earlier, and waits for an operator (`--on-failure stop`)
  70  it has failed, and the turn has passed on (`--on-failure continue`)
  75  waiting: it is not this unit's turn yet, or it is held back by its window or blocker
  any other code is the command's own; its 66, 69, 70 or 75 becomes 1

Examples:
  ops-coordinator run restart -- systemctl restart postgresql
  ops-coordinator run restart --on-failure stop -- ./upgrade
  ops-coordinator run restart        # restarts the services given to `request`")]
pub(crate) struct RunArgs {
    /// The requested lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    /// What happens after a failure: `retry`: the next hook tries again; `stop`: the unit keeps its place, and an operator
    /// decides; `continue`: the turn passes on. An operation that is cut off has not failed: it runs again
    /// [default: as in coordination.toml, or retry]
    #[arg(
        long,
        value_name = "MODE",
        value_parser = PossibleValuesParser::new(OnFailure::ALL.map(OnFailure::as_str))
            .try_map(|text| text.parse::<OnFailure>())
    )]
    on_failure: Option<OnFailure>,
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
            let nested = CommandError::failed(format!("this hook is already running '{lock}'"));
            return Err(nested.hint(Some(
                "`run` cannot be nested: call it outside of its own command",
            )));
        }
        let mut on_failure = args.on_failure.unwrap_or_default();
        if let Some(coordination) = declared(hook, lock)? {
            on_failure = args.on_failure.unwrap_or(coordination.on_failure(lock));
            hook.obey(coordination);
        }
        match hook.start(lock)? {
            Start::Begun(attempt, operation) => {
                operate(hook, args, &attempt, &operation, on_failure)
            }
            Start::NotRequested => {
                say(format!("{lock}: nothing was requested"));
                Ok(NOT_REQUESTED.into())
            }
            Start::Waiting(wait @ Wait::Stopped(_)) => {
                say(format!("{lock}: {wait}"));
                Ok(STOPPED.into())
            }
            Start::Waiting(wait) => {
                say(format!("{lock}: waiting, {wait}"));
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
    on_failure: OnFailure,
) -> Result<ExitCode, CommandError> {
    let lock = &args.lock;
    // So that the log says when it began, and not only when it has ended.
    hook.log();
    let outcome = match args.command.split_first() {
        Some((program, rest)) => execute(hook, program, rest, lock, attempt, operation),
        None if operation.services.is_empty() && operation.lost => return give_up(hook, lock),
        None => restart_services(lock, operation),
    };
    // Stored before it is printed, because the reader may be gone; printed even if publishing fails.
    let published = match &outcome {
        Ok(()) => hook.finish(lock, Ok(())),
        Err(failure) => hook.fail(lock, &failure.why, on_failure),
    };
    let code = match outcome {
        Ok(()) => {
            say(format!("{lock}: done"));
            0
        }
        Err(failure) => {
            let hint = failure.hint.map(|hint| format!("\nhint: {hint}"));
            complain(format!(
                "{lock}: {}{}",
                failure.why,
                hint.unwrap_or_default()
            ));
            match on_failure {
                OnFailure::Retry => failure.code,
                OnFailure::Stop => STOPPED,
                OnFailure::Continue => FAILED_AND_PASSED_ON,
            }
        }
    };
    published?;
    Ok(code.into())
}

/// Ends a request of which only the number is left: nobody knows any more what to restart, and failing in every hook
/// would hold up all other units.
fn give_up(hook: &mut Hook, lock: &LockName) -> Result<ExitCode, CommandError> {
    let why = "the requested services were lost";
    hook.finish(lock, Err(why.to_owned()))?;
    hook.withdraw_because(lock, why)?;
    complain(format!(
        "{lock}: withdrawn, because the journal with the services to restart was lost\n\
         hint: request again with `ops-coordinator request {lock} --service NAME`"
    ));
    Ok(NOT_REQUESTED.into())
}

/// Why an operation failed, what to do about it, and the exit code that goes with it.
struct Failure {
    code: u8,
    why: String,
    hint: Option<String>,
}

impl Failure {
    fn new(code: u8, why: String) -> Self {
        let hint = None;
        Self { code, why, hint }
    }
}

fn execute(
    hook: &mut Hook,
    program: &OsString,
    rest: &[OsString],
    lock: &LockName,
    attempt: &Attempt,
    operation: &Operation,
) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        let program = path(program.as_ref());
        Failure::new(127, format!("cannot run {program}: {error}"))
    };
    let mut child = Command::new(program)
        .args(rest)
        .env("OPS_COORDINATOR_LOCK", lock.as_str())
        .env("OPS_COORDINATOR_TICKET", attempt.ticket.to_string())
        .env("OPS_COORDINATOR_ATTEMPT", attempt.number.to_string())
        .env(
            "OPS_COORDINATOR_INTERRUPTED",
            u8::from(attempt.interrupted).to_string(),
        )
        .env("OPS_COORDINATOR_CTX", operation.context.to_string())
        .spawn()
        .map_err(cannot)?;
    // If only this process is killed, the command keeps running, and no other attempt may start beside it.
    if let Some(process) = process::of(child.id())
        && let Err(error) = hook.note_process(lock, process)
    {
        complain(format!("{lock}: {error}"));
    }
    let status = child.wait().map_err(cannot)?;
    if status.success() {
        Ok(())
    } else {
        Err(failure(status))
    }
}

/// The exit code to pass on. A command's own exit code must not look like one of ours.
fn failure(status: ExitStatus) -> Failure {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    let why = match status.signal() {
        Some(signal) => format!("terminated by signal {signal}"),
        None => format!("exit code {code}"),
    };
    match u8::try_from(code) {
        Ok(WAITING | NOT_REQUESTED | STOPPED | FAILED_AND_PASSED_ON) | Err(_) => {
            Failure::new(1, why)
        }
        Ok(code) => Failure::new(code, why),
    }
}

fn restart_services(lock: &LockName, operation: &Operation) -> Result<(), Failure> {
    if operation.services.is_empty() {
        return Err(Failure {
            code: 2,
            why: "no command was given and no service was requested".to_owned(),
            hint: Some(format!(
                "use `ops-coordinator run {lock} -- COMMAND`, or request with `--service NAME`"
            )),
        });
    }
    service::restart(&operation.services).map_err(|error| Failure::new(1, error.to_string()))
}
