//! `lab status`, `lab exec`, `lab action` and so on: what another terminal does to a running lab.

pub(super) mod step;
pub(super) mod wait;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_excerpt::table::{Align, Table};
use ops_coordinator_lab::process::remote::{self, ActionEnd, Overview, Remote, RemoteError};
use serde_json::Value;

use super::argument::{pair, unit_or_leader};
use crate::command::CommandError;
use crate::command::format::Format;
use crate::output::{complain, say};

/// The exit code of `lab exec` if there was nothing to exit: no lab, no such unit.
const NOT_RUN: u8 = 125;

/// Which running lab is meant.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// The directory of the run [default: that of the only lab or demo that you run]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl WhichArgs {
    /// The lab.
    pub(crate) fn find(&self) -> Result<Remote, CommandError> {
        Remote::find(self.dir.as_deref()).map_err(failed)
    }
}

/// Show how the units of a running lab are, as `juju status` does.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  shown
  1  no lab is running
  2  usage error

Examples:
  ops-coordinator lab status
  ops-coordinator lab status --dir /tmp/roll --format json")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Run a command on a unit of a running lab, as `juju exec` does.
///
/// It runs in the unit's context once no hook runs there: in the charm's directory, with the hook tools on its PATH.
/// One word is a script for bash; several are a command and its arguments.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  125  it did not run: no lab, no such unit, or its agent is down
  2    usage error
  any code of the command's own, which may be one of these

Examples:
  ops-coordinator lab exec app/0 -- ops-coordinator status
  ops-coordinator lab exec app/leader -- ops-coordinator pause restart --reason 'backup'
  ops-coordinator lab exec app/1 'cat port; ls'")]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// The unit, or app/leader
    #[arg(value_name = "UNIT", value_parser = unit_or_leader)]
    unit: String,
    /// The command
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// Run an action on a unit of a running lab, as `juju run` does, and wait for its end.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  the action has succeeded
  1  it has failed, or did not run: no lab, no such unit or action
  2  usage error

Examples:
  ops-coordinator lab action app/leader retry unit=app/4
  ops-coordinator lab action app/0 plan")]
pub(crate) struct ActionArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// The unit, or app/leader
    #[arg(value_name = "UNIT", value_parser = unit_or_leader)]
    unit: String,
    /// The name of the action
    #[arg(value_name = "ACTION")]
    name: String,
    /// Its parameters; each value is YAML
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    /// Output format; json has all of it: results, message, log, and whether it has succeeded
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Runs `lab status`.
pub(crate) fn status(args: &StatusArgs) -> Result<ExitCode, CommandError> {
    let overview = args.which.find()?.status().map_err(failed)?;
    say(args.format.show(&overview, table)?.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn table(overview: &Overview) -> String {
    let titles = ["UNIT", "ZONE", "WORKLOAD", "AGENT", "MESSAGE"];
    let mut table = Table::new(&titles.map(|title| (title, Align::Left)));
    for unit in &overview.units {
        let star = if unit.leader { "*" } else { "" };
        table.row([
            format!("{}{star}", unit.unit),
            unit.zone.clone(),
            unit.workload.clone(),
            unit.agent.clone(),
            super::view::bounded(&unit.message),
        ]);
    }
    table.to_string()
}

/// Runs `lab exec`.
pub(crate) fn exec(args: &ExecArgs) -> Result<ExitCode, CommandError> {
    let command = match args.command.as_slice() {
        [script] => script.clone(),
        words => words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let lab = Remote::find(args.which.dir.as_deref());
    let end = lab.and_then(|lab| lab.exec(&args.unit, &command));
    let end = end.map_err(|error| {
        let hint = error.hint();
        CommandError::with_code(NOT_RUN, error).hint(hint)
    })?;
    // The reader may be gone.
    let _ = std::io::stdout().write_all(&end.stdout);
    let _ = std::io::stderr().write_all(&end.stderr);
    Ok(u8::try_from(end.code).unwrap_or(1).into())
}

/// A word for a shell.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Runs `lab action`.
pub(crate) fn action(args: ActionArgs) -> Result<ExitCode, CommandError> {
    let lab = args.which.find()?;
    let params = args.params.into_iter();
    let params = params
        .map(|(key, text)| (key, remote::param(&text)))
        .collect();
    let end = act(&lab, &args.unit, &args.name, params)?;
    if args.format == Format::Json {
        say(args.format.show(&end, |_| String::new())?);
        return Ok(match end.completed {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        });
    }
    show(&end)
}

/// Runs an action to its end.
pub(crate) fn act(
    lab: &Remote,
    unit: &str,
    name: &str,
    params: BTreeMap<String, Value>,
) -> Result<ActionEnd, CommandError> {
    lab.action(unit, name, params).map_err(failed)
}

/// Shows how an action ended: the results of a single key without their name, as a person wants to read them.
pub(crate) fn show(end: &ActionEnd) -> Result<ExitCode, CommandError> {
    for line in &end.log {
        complain(line);
    }
    match end.results.iter().collect::<Vec<_>>().as_slice() {
        [(_, only)] => say(only.trim_end()),
        results => {
            for (key, text) in results {
                say(format!("{key}: {}", text.trim_end()));
            }
        }
    }
    if end.completed {
        return Ok(ExitCode::SUCCESS);
    }
    let message = match end.message.as_str() {
        "" => "the action has failed",
        message => message,
    };
    Err(CommandError::failed(message))
}

/// What the lab said, as an error of the command.
pub(crate) fn failed(error: RemoteError) -> CommandError {
    let hint = error.hint();
    CommandError::failed(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_shell_as_they_are() {
        assert_eq!(quoted("restart"), "restart");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
