//! `ops-coordinator lab`: runs a charm on the embedded Juju.

mod argument;
mod board;
mod ending;
mod faults;
mod narrator;
pub(crate) mod remote;
mod run;
mod session;
mod summary;
mod unserved;
mod verdict;
mod view;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::{Args, Subcommand};
use ops_coordinator_lab::process::keeper::Interrupt;
use ops_coordinator_lab::process::{Insight, Options, keeper};
use ops_coordinator_lab::scenario::{Scenario, parse_duration};
use ops_coordinator_lab::{JujuVersion, LabError, Retry, Settings, ToolDelays, UnitName};

use super::CommandError;

pub(crate) use argument::unit;
use argument::{absolute, limit, pair, read_charm};
pub(crate) use board::{Board, Cell, Tone};
pub(crate) use ending::Ending;
pub(crate) use narrator::{line, seconds, tell};
pub(crate) use remote::quoted;
use run::run_session;
pub(crate) use session::Session;
pub(crate) use verdict::conclude;
pub(crate) use view::{View, news, print_line};

/// How long a model may be idle while a request is unserved, in milliseconds: a process that a hook left running
/// may still trigger the next hook. Wakers check every 5 s.
pub(crate) const PATIENCE: u64 = 12_000;

/// What the lab has to be told of charms that coordinate with us.
pub(crate) const INSIGHT: Insight = Insight {
    unmet: unserved::unmet,
    unserved: unserved::all,
};

/// Run a charm on an embedded Juju: many units on this machine, no controller.
#[derive(Debug, Args)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    Run(Box<RunArgs>),
    Status(remote::StatusArgs),
    Exec(remote::ExecArgs),
    Action(remote::ActionArgs),
    Step(remote::step::StepArgs),
    Wait(remote::wait::WaitArgs),
    Faults(Box<faults::FaultsArgs>),
}

/// Run units of a charm until nothing is left to do, and judge how they took turns.
///
/// Each unit gets its own copy of the charm, hook tools, and environment; nothing is inherited. The
/// charm marks its critical section with `lab-mark enter LOCK` and `lab-mark leave LOCK`; the lab
/// checks that the number of units inside never exceeds the limit.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  passed
  1  a unit ended in error, waiting or blocked, a request was not served, too many units were inside
     a lock, an expectation did not hold, or the run timed out
  2  usage error

Examples:
  ops-coordinator lab run --charm charms/shell --units 5
  ops-coordinator lab run --scenario roll.toml --dir /tmp/roll --seed 7
  ops-coordinator lab run --charm charms/shell --units 5 --stay")]
struct RunArgs {
    /// The charm's directory
    #[arg(long, value_name = "DIR")]
    charm: Option<PathBuf>,
    /// Number of units to deploy [default: 1, or the scenario's number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    units: Option<u32>,
    /// A TOML file with the events of the run; docs/scenario.md describes the format
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The Juju version to imitate, 2.9 to 4.x [default: 3.6.9]
    #[arg(long, value_name = "VERSION")]
    juju_version: Option<JujuVersion>,
    /// Seed for every random choice of the model [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Fail if the model is not idle by then [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    timeout: Option<u64>,
    /// Report a hook that runs longer than this
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    hook_limit: u64,
    /// Keep the run's files in this new or empty directory [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How many units may be inside a lock at once; 1 for all other locks
    #[arg(long, value_name = "LOCK=N", value_parser = limit)]
    limit: Vec<(String, u32)>,
    /// Write the history to this file, as JSON lines [default: history.jsonl in the directory]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Put this directory before the system directories on the hooks' PATH
    #[arg(long, value_name = "DIR")]
    path: Vec<PathBuf>,
    /// Set a config option of the charm
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
    /// When nothing is left to do, wait for Ctrl-C, so that `lab exec` and `lab action` in another terminal can act on
    /// the units
    #[arg(long)]
    stay: bool,
    /// Stay until standard input ends, so that the lab ends with the program that has started it
    #[arg(long, conflicts_with = "stay")]
    stay_until_eof: bool,
    /// Print only problems and the summary
    #[arg(long)]
    quiet: bool,
}

/// Runs `ops-coordinator lab`.
///
/// # Errors
/// When the arguments do not fit the charm, or the lab cannot be set up.
pub(crate) fn run(args: LabArgs) -> Result<ExitCode, CommandError> {
    let args = match args.command {
        LabCommand::Run(args) => args,
        LabCommand::Status(args) => return remote::status(&args),
        LabCommand::Exec(args) => return remote::exec(&args),
        LabCommand::Action(args) => return remote::action(args),
        LabCommand::Step(args) => return remote::step::run(args),
        LabCommand::Wait(args) => return remote::wait::run(&args),
        LabCommand::Faults(args) => return faults::run(*args),
    };
    // Mistakes are reported before anything is started.
    let until_eof = args.stay_until_eof;
    let session = prepare(*args)?;
    let code = keeper::run(|interrupt| {
        if until_eof {
            end_with_input(interrupt.clone());
        }
        super::finish(run_session(session, interrupt))
    });
    code.map_err(|error| {
        CommandError::failed(format!("cannot supervise the lab's processes: {error}"))
    })
}

/// Ends the run when there is nothing more to read: the program at the other end is gone, or says so.
fn end_with_input(interrupt: Interrupt) {
    thread::spawn(move || {
        // What is written there means nothing, and an error is an end as well.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        interrupt.set();
    });
}

fn prepare(args: RunArgs) -> Result<Session, CommandError> {
    let scenario = match &args.scenario {
        Some(file) => {
            let read = Scenario::read(file);
            read.map_err(|error| CommandError::usage(&error).hint(error.hint))?
        }
        None => Scenario::default(),
    };
    let charm = args.charm.or(scenario.charm).ok_or_else(|| {
        CommandError::usage("no charm to run")
            .hint(Some("give --charm DIR, or set `charm` in the scenario"))
    })?;
    let charm = read_charm(&charm)?;
    let mut config = scenario.config;
    for (key, text) in args.config {
        let value = charm
            .config_value(&key, &text)
            .map_err(CommandError::usage)?;
        config.insert(key, value);
    }
    let defaults = Settings::default();
    let version = scenario.juju.as_deref().map(str::parse).transpose();
    let version = version.map_err(|error: LabError| {
        CommandError::usage(format!("`juju` in the scenario: {error}")).hint(error.hint())
    })?;
    let settings = Settings {
        juju_version: args
            .juju_version
            .or(version)
            .unwrap_or(defaults.juju_version),
        seed: args.seed.or(scenario.seed).unwrap_or(defaults.seed),
        update_status_interval: scenario
            .update_status_interval
            .unwrap_or(defaults.update_status_interval),
        force_wait: scenario.force_wait.unwrap_or(defaults.force_wait),
        duplicate_relations: scenario.duplicate_relations,
        leftovers_die_with_agent: scenario.leftovers_die_with_agent,
        zones: scenario.zones.unwrap_or(defaults.zones),
        tool_delays: ToolDelays {
            others: scenario.tool_delay.0,
            units: by_unit("tool-delay", &scenario.tool_delay.1)?,
        },
        retry: match scenario.retry_after {
            Some(0) => Retry {
                automatic: false,
                ..Retry::default()
            },
            Some(first) => Retry {
                first,
                ..Retry::default()
            },
            None => Retry::default(),
        },
        ..defaults
    };
    let timeout = args.timeout.or(scenario.timeout).unwrap_or(60_000);
    let mut limits: BTreeMap<String, u32> = scenario.limits;
    limits.extend(args.limit);
    let executable = std::env::current_exe()
        .map_err(|error| CommandError::failed(format!("cannot find this executable: {error}")))?;
    Ok(Session {
        title: "lab run".to_owned(),
        options: Options {
            settings,
            directory: args.dir,
            history: args.history,
            executable,
            path: absolute(args.path)?,
            clocks: by_unit("clock", &scenario.clocks)?,
            insight: INSIGHT,
        },
        charm,
        units: args.units.unwrap_or(scenario.units),
        config,
        steps: scenario.steps,
        limits,
        timeout,
        hook_limit: args.hook_limit,
        patience: PATIENCE.min(timeout),
        stay: args.stay || args.stay_until_eof,
        quiet: args.quiet,
    })
}

/// What the scenario says of units under this key.
fn by_unit<T: Copy>(
    key: &str,
    named: &BTreeMap<String, T>,
) -> Result<BTreeMap<UnitName, T>, CommandError> {
    let parsed = |(unit, value): (&String, &T)| Ok((unit.parse()?, *value));
    let units: Result<_, LabError> = named.iter().map(parsed).collect();
    units.map_err(|error| {
        CommandError::usage(format!("`{key}` in the scenario: {error}")).hint(error.hint())
    })
}
