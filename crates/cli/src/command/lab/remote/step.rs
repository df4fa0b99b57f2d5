//! `lab step`: what a scenario file can do, done to a running lab.

use std::env;
use std::process::ExitCode;

use clap::Args;
use ops_coordinator_lab::scenario::{Step, parse_duration};

use super::{WhichArgs, failed};
use crate::command::CommandError;
use crate::output::say;

/// Do what a step of a scenario does to a running lab.
///
/// It changes the config, kills a hook, moves the leader, and so on.
/// Each STEP is a `[[step]]` of a scenario file, without that heading. Without `after` it is taken at once. Marks and
/// hooks count from the step before, as in a file: also from one that an earlier `lab step` took.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  all steps were taken, and what they began has ended
  1  a step could not be taken, its expectation does not hold, or time ran out
  2  usage error

Examples:
  ops-coordinator lab step 'config = { message = \"hi\" }'
  ops-coordinator lab step 'after = { mark = \"enter\" }
kill = \"holder\"' 'after = \"idle\"'
  ops-coordinator lab step 'expect = { turns = { restart = 3 } }'")]
pub(crate) struct StepArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Give up after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    timeout: u64,
    /// What to do, in TOML
    #[arg(value_name = "STEP", required = true)]
    steps: Vec<String>,
}

/// Runs `lab step`.
pub(crate) fn run(args: StepArgs) -> Result<ExitCode, CommandError> {
    // Mistakes are reported before anything is done.
    for text in &args.steps {
        Step::parse(text).map_err(|error| CommandError::usage(&error).hint(error.hint))?;
    }
    let folder = env::current_dir().map_err(CommandError::failed)?;
    let lab = args.which.find()?;
    for said in lab
        .steps(args.steps, folder, args.timeout)
        .map_err(failed)?
    {
        say(said);
    }
    Ok(ExitCode::SUCCESS)
}
