//! `ops-coordinator demo resume`: lets the demo's roll go on, from another terminal.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_lab::process::remote::Remote;
use serde_json::Value;

use super::charm::{APPLICATION, LOCK};
use crate::command::CommandError;
use crate::command::lab::remote::{WhichArgs, act, failed, show};
use crate::output::say;

/// Let the roll of a running demo go on: each unit that has stopped may try again.
///
/// It runs the action `retry` on the leader for each such unit, and `resume` if the lock is paused, as an operator
/// would with `juju run`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  done
  1  no demo is running, or nothing has stopped
  2  usage error")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    which: WhichArgs,
}

pub(super) fn run(args: &ResumeArgs) -> Result<ExitCode, CommandError> {
    let lab = args.which.find()?;
    let lock = status(&lab)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let units = lock["units"].as_array().into_iter().flatten();
    let stopped = units.filter(|unit| unit["place"] == "turn" && unit["outcome"] == "failed");
    let stopped: Vec<String> = stopped.filter_map(|unit| text(&unit["unit"])).collect();
    let is_paused = !lock["paused"].is_null();
    if stopped.is_empty() && !is_paused {
        let error = CommandError::failed("nothing has stopped");
        return Err(error.hint(Some("`ops-coordinator lab status` shows how the units are")));
    }
    if is_paused {
        order(&lab, "resume", None)?;
    }
    for unit in &stopped {
        order(&lab, "retry", Some(unit))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs an action on the leader, and shows what was run and what came of it.
fn order(lab: &Remote, name: &str, unit: Option<&String>) -> Result<(), CommandError> {
    let leader = format!("{APPLICATION}/leader");
    let shown = unit.map_or_else(String::new, |unit| format!(" unit={unit}"));
    say(format!(
        "$ ops-coordinator lab action {leader} {name}{shown}"
    ));
    let params = unit.map(|unit| ("unit".to_owned(), Value::from(unit.as_str())));
    let end = act(
        lab,
        &leader,
        name,
        params.into_iter().collect::<BTreeMap<_, _>>(),
    )?;
    show(&end).map(drop)
}

/// What `status` says of the lock, as a unit sees it.
fn status(lab: &Remote) -> Result<Value, CommandError> {
    let unit = format!("{APPLICATION}/leader");
    let end = lab.exec(&unit, "ops-coordinator status --format json");
    let end = end.map_err(failed)?;
    let unreadable = || CommandError::failed(String::from_utf8_lossy(&end.stderr).trim_end());
    let status: Value = serde_json::from_slice(&end.stdout).map_err(|_| unreadable())?;
    Ok(status["locks"][LOCK].clone())
}
