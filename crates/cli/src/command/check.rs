//! `ops-coordinator check`: is `coordination.toml` valid?

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::{LONG, excerpt, path};
use ops_coordinator_juju::policy::Rules;
use ops_coordinator_juju::{Coordination, Declared, LockName, Now, SharedLock, Span, Timestamp};

use super::CommandError;
use crate::output::say;

/// Check a charm's coordination.toml, and show what it declares.
///
/// Run it in the charm's project, for instance in its tests: it needs no Juju.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0   the file is valid
  1   something in it is wrong
  2   there is no such file, or the command line is wrong

Examples:
  ops-coordinator check
  ops-coordinator check ./charm")]
pub(crate) struct CheckArgs {
    /// The charm's directory
    #[arg(value_name = "DIRECTORY", default_value = ".")]
    charm: PathBuf,
}

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, CommandError> {
    let Some(coordination) = Coordination::of(&args.charm)? else {
        let none = format!("no {} in {}", Coordination::FILE, path(&args.charm));
        return Err(CommandError::usage(none).hint(Some(
            "it is optional; to declare a lock, begin it with [locks.restart]",
        )));
    };
    look_for(&args.charm, None, "available", coordination.available())?;
    for (name, declared) in coordination.locks() {
        let lock = Some(name);
        let order = declared.order_command.as_deref();
        look_for(&args.charm, lock, "order-command", order)?;
        look_for(&args.charm, lock, "blocker", declared.blocker.as_deref())?;
        let check = declared.check.as_ref();
        let check = check.and_then(|check| check.command.as_deref());
        look_for(&args.charm, lock, "check", check)?;
        if let Some(shared) = &declared.shared {
            reachable(name, shared)?;
        }
    }
    if let Some(command) = coordination.available() {
        say(format!(
            "available: {}",
            excerpt(&command.join(" ")).up_to(LONG)
        ));
    }
    for (lock, declared) in coordination.locks() {
        say(words(lock, declared).trim_end());
    }
    if coordination.locks().is_empty() {
        say("no lock is declared");
    }
    Ok(ExitCode::SUCCESS)
}

/// A command in the charm's directory that is not there would hold back every operation, or keep every turn.
fn look_for(
    charm: &Path,
    lock: Option<&LockName>,
    role: &str,
    command: Option<&[String]>,
) -> Result<(), CommandError> {
    let program = command.into_iter().flatten().next();
    let Some(program) = program.filter(|program| program.contains('/')) else {
        return Ok(());
    };
    let executable =
        |file: std::fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
    if charm.join(program).metadata().is_ok_and(executable) {
        return Ok(());
    }
    let program = path(program.as_ref());
    let whose = lock.map_or_else(
        || role.to_owned(),
        |lock| format!("lock {lock}: its {role}"),
    );
    let wrong = format!("{whose} {program} is no executable file of the charm");
    let hint = "make it executable, or name a command without '/' that is on the unit's PATH";
    Err(CommandError::failed(wrong).hint(Some(hint)))
}

/// Whether the endpoints of a shared lock are endpoints.
#[cfg(feature = "etcd")]
fn reachable(lock: &LockName, shared: &SharedLock) -> Result<(), CommandError> {
    use ops_coordinator_etcd::{Endpoint, EndpointError};

    for text in &shared.endpoints {
        text.parse::<Endpoint>().map_err(|error: EndpointError| {
            let hint = error.hint();
            CommandError::failed(format!("lock {lock}: shared: {error}")).hint(Some(hint))
        })?;
    }
    Ok(())
}

#[cfg(not(feature = "etcd"))]
fn reachable(lock: &LockName, _shared: &SharedLock) -> Result<(), CommandError> {
    let wrong = format!("lock {lock}: this build of ops-coordinator does not support shared locks");
    Err(CommandError::failed(wrong).hint(Some("build it with its feature `etcd`")))
}

fn words(lock: &LockName, declared: &Declared) -> String {
    let Rules {
        limit,
        sequence,
        waves,
        canary,
        lookahead,
        max_unavailable,
    } = &declared.rules;
    let canary = if *canary { ", canary" } else { "" };
    let order = match &declared.order_command {
        Some(command) => format!("by {}", excerpt(&command.join(" ")).up_to(LONG)),
        None => sequence.to_string(),
    };
    // The leader keeps none beside a limit of unavailable units.
    let lookahead = max_unavailable.map_or(*lookahead, |_| 0);
    let mut text = format!(
        "lock {lock}: limit {limit}, order {order}, waves {waves}, lookahead {lookahead}{canary}\n"
    );
    if let Some(most) = max_unavailable {
        text.push_str(&format!("  at most {most} unavailable\n"));
    }
    let now = Timestamp::now();
    for window in &declared.windows {
        let state = match window.at(now) {
            Now::Open => "open now".to_owned(),
            Now::Closed(opening) => format!("opens {opening}"),
        };
        text.push_str(&format!("  window {window}: {state}\n"));
    }
    if let Some(command) = &declared.blocker {
        text.push_str(&format!("  blocker {}\n", command.join(" ")));
    }
    if let Some(shared) = &declared.shared {
        let ttl = Span(shared.ttl * 1000);
        let place = match (&shared.endpoints_file, &shared.relation) {
            (Some(file), _) => format!("at the endpoints in {}", path(file)),
            (_, Some(relation)) if shared.optional => {
                format!("of relation {relation}, if there is one")
            }
            (_, Some(relation)) => format!("of relation {relation}"),
            (None, None) => format!("at {}", shared.endpoints.join(", ")),
        };
        text.push_str(&format!(
            "  shared {} in etcd {place}, limit {}, ttl {ttl}\n",
            shared.name, shared.limit
        ));
    }
    if let Some(check) = &declared.check {
        let (soak, within) = (Span(check.demands.soak), Span(check.demands.within));
        text.push_str(&match &check.command {
            Some(command) => format!(
                "  check {}, soak {soak}, within {within}\n",
                command.join(" ")
            ),
            None => format!("  soak {soak}\n"),
        });
    }
    let recovery = &declared.recovery;
    text.push_str(&format!("  on failure {}", recovery.on_failure.as_str()));
    let most = recovery
        .max_retry
        .map(|most| format!(", {most} times, then stop"));
    text.push_str(&most.unwrap_or_default());
    if recovery.back_off > 0 {
        text.push_str(&format!(", back-off {}", Span(recovery.back_off)));
    }
    text.push('\n');
    text
}
