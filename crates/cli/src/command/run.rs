//! `ops-coordinator run`: the operation, if it is this unit's turn.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use clap::Args;
use ops_coordinator_excerpt::path;
use ops_coordinator_juju::{
    Attempt, Ended, Hook, LockName, OnFailure, Operation, Recovery, SharedTurn, Start, Wait,
    process, service,
};

use super::CommandError;
use super::after::AfterArgs;
use super::coordination::{CoordinationArgs, declared};
use crate::output::{complain, say};

/// "Temporary failure" in sysexits.h: it is not our turn yet.
const WAITING: u8 = 75;
/// "No input" in sysexits.h: nothing was requested, so nothing was done.
const NOT_REQUESTED: u8 = 66;
/// "Service unavailable" in sysexits.h: the operation has failed and waits for an operator.
const STOPPED: u8 = 69;
/// "Remote error in protocol" in sysexits.h: the shared lock was lost.
const LOST: u8 = 76;
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
/// With a check, the turn goes on after the command has succeeded until the check has held for the soak. `run` looks at it
/// in every hook, and in between a waker brings one. A check that has not come good in time is a failure of the operation.
///
/// If coordination.toml gives the lock a window or a blocker, these decide whether the operation may begin. What has begun
/// is not interrupted, and begins again after a failure whatever they say. If it gives the lock a shared lock in etcd, no
/// attempt begins without that; the command finds its fencing token in OPS_COORDINATOR_TOKEN, and is stopped when the lock
/// is lost.
#[expect(clippy::doc_markdown, reason = "`--help` prints this text as it is")]
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0   done, and its check has held
  66  nothing was requested
  69  stopped: it has failed, now or earlier, and waits for an operator (`--on-failure stop`)
  70  it has failed, and the turn has passed on (`--on-failure continue`)
  75  waiting: for its turn, its window, its blocker or its shared lock; for its check to hold; for its next attempt
  76  the shared lock was lost, and the command was stopped: a failure like any other
  any other code is the command's own; its 66, 69, 70, 75 or 76 becomes 1

Examples:
  ops-coordinator run restart -- systemctl restart postgresql
  ops-coordinator run restart --on-failure stop -- ./upgrade
  ops-coordinator run restart --check ./healthy --soak 60s -- systemctl restart postgresql
  ops-coordinator run restart        # restarts the services given to `request`")]
pub(crate) struct RunArgs {
    /// The requested lock
    #[arg(value_name = "LOCK")]
    lock: LockName,
    #[command(flatten)]
    after: AfterArgs,
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
        let coordination = declared(hook, lock)?;
        let recovery = args.after.recovery(coordination.as_ref(), lock)?;
        let check = args.after.check(coordination.as_ref(), lock)?;
        if let Some(coordination) = coordination {
            hook.obey(coordination);
        }
        if let Some(check) = check {
            check.apply(hook, lock, recovery);
        }
        match hook.start(lock)? {
            Start::Begun(attempt, operation) => operate(hook, args, &attempt, &operation, recovery),
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
            Start::Done(_) => {
                say(format!("{lock}: done"));
                Ok(0.into())
            }
            Start::Failed { why, then } => {
                complain(format!("{lock}: {why}"));
                Ok(code_of(then, recovery, 1).into())
            }
        }
    })
}

/// The exit code after a failure: `own`, if Juju is to run the hook again.
fn code_of(then: OnFailure, recovery: Recovery, own: u8) -> u8 {
    match then {
        // Not this hook brings the next attempt, and the others are to learn of the failure meanwhile.
        OnFailure::Retry if recovery.back_off > 0 => WAITING,
        OnFailure::Retry => own,
        OnFailure::Stop => STOPPED,
        OnFailure::Continue => FAILED_AND_PASSED_ON,
    }
}

fn operate(
    hook: &mut Hook,
    args: &RunArgs,
    attempt: &Attempt,
    operation: &Operation,
    recovery: Recovery,
) -> Result<ExitCode, CommandError> {
    let lock = &args.lock;
    // So that the log says when it began, and not only when it has ended.
    hook.log();
    let outcome = match args.command.split_first() {
        Some((program, rest)) => execute(hook, program, rest, lock, attempt, operation),
        None if operation.services.is_empty() && operation.lost => return give_up(hook, lock),
        None => still_shared(hook, lock)
            .and_then(|before| restart_services(lock, operation).map(|()| before))
            .and_then(|before| {
                // A restart cannot be stopped halfway; so it is judged afterwards.
                let after = still_shared(hook, lock)?;
                let same = after.map(|turn| turn.token) == before.map(|turn| turn.token);
                same.then_some(()).ok_or_else(lost)
            }),
    };
    // Stored before it is printed, because the reader may be gone; printed even if publishing fails.
    let failure = match outcome {
        Ok(()) => return succeed(hook, lock, recovery),
        Err(failure) => failure,
    };
    let then = hook.fail(lock, &failure.why, recovery);
    let hint = failure.hint.map(|hint| format!("\nhint: {hint}"));
    complain(format!(
        "{lock}: {}{}",
        failure.why,
        hint.unwrap_or_default()
    ));
    Ok(code_of(then?, recovery, failure.code).into())
}

/// The command has succeeded: the turn is over, or its check has yet to hold.
fn succeed(hook: &mut Hook, lock: &LockName, recovery: Recovery) -> Result<ExitCode, CommandError> {
    match hook.finish(lock, Ok(())) {
        Ok(Ended::Checking(wait)) => {
            say(format!("{lock}: waiting, {wait}"));
            Ok(WAITING.into())
        }
        Ok(Ended::Failed { why, then }) => {
            complain(format!("{lock}: {why}"));
            Ok(code_of(then, recovery, 1).into())
        }
        published => {
            say(format!("{lock}: done"));
            published?;
            Ok(0.into())
        }
    }
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
    let mut command = Command::new(program);
    command
        .args(rest)
        .env("OPS_COORDINATOR_LOCK", lock.as_str())
        .env("OPS_COORDINATOR_TICKET", attempt.ticket.to_string())
        .env("OPS_COORDINATOR_ATTEMPT", attempt.number.to_string())
        .env(
            "OPS_COORDINATOR_INTERRUPTED",
            u8::from(attempt.interrupted).to_string(),
        )
        .env("OPS_COORDINATOR_CTX", operation.context.to_string());
    // If only this process is killed, the command keeps running, and no other attempt may start beside it.
    let begun = |hook: &mut Hook, id: u32| {
        if let Some(process) = process::of(id)
            && let Err(error) = hook.note_process(lock, process)
        {
            complain(format!("{lock}: {error}"));
        }
    };
    let status = match still_shared(hook, lock)? {
        None => {
            let mut child = command.spawn().map_err(cannot)?;
            begun(hook, child.id());
            child.wait().map_err(cannot)?
        }
        Some(turn) => supervised(hook, lock, turn, command, begun, cannot)?,
    };
    if status.success() {
        Ok(())
    } else {
        Err(failure(status))
    }
}

/// The shared lock's turn, if the operation needs one.
fn still_shared(hook: &mut Hook, lock: &LockName) -> Result<Option<SharedTurn>, Failure> {
    if !hook.needs_shared(lock) {
        return Ok(None);
    }
    match hook.shared_turn(lock) {
        Ok(Some(turn)) if !turn.nearly_over() => Ok(Some(turn)),
        Ok(_) => Err(lost()),
        Err(error) => Err(Failure::new(LOST, error.to_string())),
    }
}

fn lost() -> Failure {
    Failure {
        code: LOST,
        why: "the shared lock was lost".to_owned(),
        hint: Some(
            "somebody else may have had it meanwhile. A longer ttl in coordination.toml rides out longer gaps"
                .to_owned(),
        ),
    }
}

#[cfg(feature = "etcd")]
fn supervised(
    hook: &mut Hook,
    lock: &LockName,
    turn: SharedTurn,
    command: Command,
    begun: impl FnOnce(&mut Hook, u32),
    cannot: impl FnOnce(std::io::Error) -> Failure,
) -> Result<ExitStatus, Failure> {
    use super::etcd::shared::{Ended, supervise};

    match supervise(hook, lock, turn, command, begun) {
        Ok(Ended::Exited(status)) => Ok(status),
        Ok(Ended::Stopped) => Err(lost()),
        Err(error) => Err(cannot(error)),
    }
}

/// No build without etcd comes here: it cannot begin an operation that needs a shared lock.
#[cfg(not(feature = "etcd"))]
fn supervised(
    _hook: &mut Hook,
    _lock: &LockName,
    _turn: SharedTurn,
    _command: Command,
    _begun: impl FnOnce(&mut Hook, u32),
    _cannot: impl FnOnce(std::io::Error) -> Failure,
) -> Result<ExitStatus, Failure> {
    Err(lost())
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
        Ok(WAITING | NOT_REQUESTED | STOPPED | FAILED_AND_PASSED_ON | LOST) | Err(_) => {
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
