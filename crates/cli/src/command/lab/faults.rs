//! `ops-coordinator lab faults`: real processes under faults.

mod draw;
mod plan;
mod run;
mod wanted;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Args;
use ops_coordinator_excerpt::path as shown;
use ops_coordinator_lab::CrashPoint;
use ops_coordinator_lab::charm::Charm;
use ops_coordinator_lab::process::Options;
use ops_coordinator_lab::process::keeper::{self, Interrupt};
use ops_coordinator_lab::scenario::parse_duration;
use ops_coordinator_verify::history::Tally;

use super::argument::{absolute, limit, pair, read_charm};
use super::{INSIGHT, print_line, seconds};
use crate::command::{CommandError, finish};
use plan::Plan;
use run::{Outcome, Run};
use wanted::Wanted;

/// Roll two restarts through a charm's units under faults, and check the guarantees.
///
/// The units are real processes. Each seed determines the faults: agents that die at a point of a hook (a different
/// point for each seed) together with the processes that their hooks left running; hooks that fail or are killed, with
/// or without their children; leadership that moves; machines that freeze; an unreachable controller; slow hook tools;
/// clocks that are hours apart and jump. If the charm has the actions `roll`, `pause` and `resume`, operators use them
/// meanwhile. In the end every unit must show the last value of the option in an active
/// status, and the history is checked against the guarantees by the same code that checks `simulate`.
///
/// The seed determines the faults, but real processes never run the same way twice.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  all guarantees held in every run
  1  a guarantee was violated, or a run did not finish
  2  usage error

Examples:
  ops-coordinator lab faults --charm charms/shell --option message
  ops-coordinator lab faults --charm charms/shell --option message --seeds 100 --dir /tmp/faults")]
pub(super) struct FaultsArgs {
    /// The charm's directory
    #[arg(long, value_name = "DIR")]
    charm: PathBuf,
    /// The config option whose change makes every unit take a turn; units show its value in their status
    #[arg(long, value_name = "KEY")]
    option: String,
    /// Number of units
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=30))]
    units: u32,
    /// Number of seeds; five cover each crash point once
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Make agents die at this point of a hook, whatever the seed
    #[arg(long, value_name = "POINT", value_parser = point)]
    at: Option<CrashPoint>,
    /// Make units lose their disks as well, for a charm that can recover from its databags
    #[arg(long)]
    lose_disks: bool,
    /// Number of concurrent runs [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
    /// Fail a run that has not succeeded by then
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5m")]
    timeout: u64,
    /// Keep the runs' files in this new or empty directory [default: temporary ones]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How many units may be inside a lock at once; 1 for all other locks
    #[arg(long, value_name = "LOCK=N", value_parser = limit)]
    limit: Vec<(String, u32)>,
    /// Put this directory before the system directories on the hooks' PATH
    #[arg(long, value_name = "DIR")]
    path: Vec<PathBuf>,
    /// Set another config option of the charm
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
}

fn point(text: &str) -> Result<CrashPoint, String> {
    let found = CrashPoint::ALL.iter().find(|point| point.name() == text);
    let known = || CrashPoint::ALL.map(CrashPoint::name).join(", ");
    found
        .copied()
        .ok_or_else(|| format!("expected one of {}", known()))
}

/// What all runs share.
struct Common {
    charm: Charm,
    config: BTreeMap<String, serde_json::Value>,
    limits: BTreeMap<String, u32>,
    executable: PathBuf,
    path: Vec<PathBuf>,
}

/// What the threads have done so far.
#[derive(Default)]
struct Progress {
    next: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<(u64, Tally)>,
}

/// Runs `ops-coordinator lab faults`.
///
/// # Errors
/// When the arguments do not fit the charm, or a lab cannot be set up.
pub(super) fn run(args: FaultsArgs) -> Result<ExitCode, CommandError> {
    let common = prepare(&args)?;
    let code = keeper::run(|interrupt| finish(all(&args, &common, interrupt)));
    code.map_err(|error| {
        CommandError::failed(format!("cannot supervise the lab's processes: {error}"))
    })
}

fn prepare(args: &FaultsArgs) -> Result<Common, CommandError> {
    let charm = read_charm(&args.charm)?;
    let mut config = BTreeMap::new();
    for (key, text) in &args.config {
        let value = charm.config_value(key, text).map_err(CommandError::usage)?;
        config.insert(key.clone(), value);
    }
    charm
        .config_value(&args.option, "a text")
        .map_err(CommandError::usage)?;
    let executable = std::env::current_exe()
        .map_err(|error| CommandError::failed(format!("cannot find this executable: {error}")))?;
    Ok(Common {
        charm,
        config,
        limits: args.limit.iter().cloned().collect(),
        executable,
        path: absolute(args.path.clone())?,
    })
}

fn all(
    args: &FaultsArgs,
    common: &Common,
    interrupt: &Interrupt,
) -> Result<ExitCode, CommandError> {
    let progress = Progress::default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(processors, |jobs| jobs as usize);
    let problems: Result<Vec<()>, CommandError> = std::thread::scope(|scope| {
        let work = || one_after_the_other(args, common, &progress, interrupt);
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended
            .map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    problems?;
    let (held, tally) = *progress
        .tally
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    print_line(&format!(
        "fact: {held} of {} runs upheld all guarantees; {}",
        args.seeds,
        in_words(&tally)
    ));
    Ok(match held == args.seeds {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn one_after_the_other(
    args: &FaultsArgs,
    common: &Common,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<(), CommandError> {
    while !progress.stop.load(Ordering::Relaxed) && !interrupt.is_set() {
        let index = progress.next.fetch_add(1, Ordering::Relaxed);
        if index >= args.seeds {
            break;
        }
        let seed = args.seed.wrapping_add(index);
        let outcome = one(args, common, seed, interrupt).inspect_err(|_| {
            progress.stop.store(true, Ordering::Relaxed);
        })?;
        let mut sum = progress
            .tally
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &outcome.problem {
            None => *sum = (sum.0 + 1, sum.1.and(outcome.tally)),
            Some(_) => progress.stop.store(true, Ordering::Relaxed),
        }
        // Under the lock, so that what belongs together is printed together.
        tell(args, seed, &outcome);
    }
    Ok(())
}

fn one(
    args: &FaultsArgs,
    common: &Common,
    seed: u64,
    interrupt: &Interrupt,
) -> Result<Outcome, CommandError> {
    let points = CrashPoint::ALL;
    let turn = usize::try_from(seed % points.len() as u64).unwrap_or_default();
    let point = args.at.unwrap_or(points[turn]);
    let plan = Plan::new(&Wanted {
        seed,
        point,
        application: &common.charm.name,
        actions: &common.charm.actions,
        units: args.units,
        option: &args.option,
        disks: args.lose_disks,
    });
    let directory = args
        .dir
        .as_ref()
        .map(|dir| dir.join(format!("seed-{seed}")));
    if let Some(directory) = &directory {
        let made = fs::create_dir_all(directory);
        made.map_err(|error| CommandError::failed(format!("{}: {error}", shown(directory))))?;
    }
    let run = Run {
        options: Options {
            settings: plan.settings.clone(),
            directory,
            history: None,
            executable: common.executable.clone(),
            path: common.path.clone(),
            clocks: plan.clocks.clone(),
            insight: INSIGHT,
        },
        charm: &common.charm,
        units: args.units,
        config: &common.config,
        limits: &common.limits,
        timeout: args.timeout,
    };
    run.play(&plan, interrupt)
}

fn tell(args: &FaultsArgs, seed: u64, outcome: &Outcome) {
    let took = seconds(outcome.took);
    let (point, faults) = (outcome.point.name(), outcome.faults);
    let Some(problem) = &outcome.problem else {
        let told = in_words(&outcome.tally);
        print_line(&format!(
            "seed {seed:<4} {point:<14} {took:>6} s  {faults:>2} faults; {told}"
        ));
        return;
    };
    print_line(&format!(
        "seed {seed:<4} {point:<14} {took:>6} s  FAILED: {problem}\n"
    ));
    for line in &outcome.story {
        print_line(line);
    }
    print_line("");
    for (unit, log) in &outcome.logs {
        print_line(&format!("last lines of the log of {unit}:\n{log}"));
    }
    if args.dir.is_none() {
        print_line("run again with --dir DIR to keep the logs and the history");
    }
    print_line(&format!(
        "to repeat the same faults: --seeds 1 --seed {seed} --at {point}"
    ));
}

fn in_words(tally: &Tally) -> String {
    let Tally {
        hooks,
        failed,
        cut_off,
        turns,
        again,
        leaders,
    } = tally;
    format!(
        "{hooks} hooks, {failed} failed, {cut_off} interrupted; {turns} turns, {again} retried; {leaders} leaders"
    )
}
