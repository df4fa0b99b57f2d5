//! `ops-coordinator status`: who waits for whom and why.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ops_coordinator_excerpt::{LONG, excerpt};
use ops_coordinator_juju::{Place, Status, UnitStatus};

use super::CommandError;
use super::coordination::CoordinationArgs;
use crate::output::say;
use crate::table::{Align, Table};

/// Show who waits for whom and why, as this unit sees it.
///
/// Outside a hook, run it through Juju: `juju exec --unit app/0 -- ./ops-coordinator status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ops-coordinator status
  ops-coordinator status --format json")]
pub(crate) struct StatusArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    coordination: CoordinationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(crate) fn run(args: &StatusArgs) -> Result<ExitCode, CommandError> {
    let status = args.coordination.in_hook(|hook| Ok(hook.status()?))?;
    match args.format {
        Format::Table => say(table(&status).trim_end()),
        Format::Json => say(json(&status)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn json(status: &Status) -> Result<String, CommandError> {
    serde_json::to_string_pretty(status).map_err(CommandError::failed)
}

fn table(status: &Status) -> String {
    let mut text = String::new();
    if status.locks.is_empty() {
        text.push_str("No unit has requested a turn yet.\n");
    }
    for (lock, state) in &status.locks {
        let paused = state
            .paused
            .as_ref()
            .map(|why| format!(", paused: {}", excerpt(why)))
            .unwrap_or_default();
        text.push_str(&format!("lock {lock}{paused}\n"));
        let columns = ["UNIT", "PLACE", "WAITS FOR"].map(|title| (title, Align::Left));
        let mut table = Table::new(
            &[
                &columns[..],
                &[("DONE", Align::Right), ("LAST", Align::Left)],
            ]
            .concat(),
        );
        for unit in &state.units {
            table.row(row(unit, status));
        }
        text.push_str(&table.to_string());
    }
    for warning in &status.warnings {
        text.push_str(&format!("warning: {}\n", excerpt(warning).up_to(LONG)));
    }
    text
}

fn row(unit: &UnitStatus, status: &Status) -> [String; 5] {
    let star = if Some(&unit.unit) == status.leader.as_ref() {
        "*"
    } else {
        ""
    };
    let place = match (unit.place, unit.position) {
        (Place::InLine, Some(position)) => format!("{position} in line"),
        (place, _) => place.as_str().to_owned(),
    };
    let waits: Vec<String> = unit.waits_for.iter().map(ToString::to_string).collect();
    [
        format!("{}{star}", excerpt(&unit.unit.to_string())),
        place,
        if waits.is_empty() {
            excerpt(unit.held.as_deref().unwrap_or("-")).to_string()
        } else {
            waits.join(", ")
        },
        unit.done.to_string(),
        excerpt(unit.last.as_deref().unwrap_or("-")).to_string(),
    ]
}
