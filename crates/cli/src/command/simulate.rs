//! `ops-coordinator simulate`: the protocol under faults, in virtual time.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use ops_coordinator_verify::Bug;
use ops_coordinator_verify::simulation::{Fault, Recipe, recipe_in_words, shrink, simulate, story};

use crate::output::say;

/// Simulate applications under faults, and check the guarantees.
///
/// Each seed determines an application of 1 to 9 units, with its requests and faults, on an embedded Juju
/// in virtual time, with the same code that runs in a charm. After the last fault everything is
/// repaired, and every unit that asked must get a turn. A seed that violates a guarantee is shrunk and
/// printed as a story; the same seed always gives the same history. A run in which a unit regains a lease
/// that it cannot know it had lost stops there, and is counted.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes:
  0  all guarantees held
  1  a guarantee was violated
  2  usage error

Examples:
  ops-coordinator simulate --seeds 10000
  ops-coordinator simulate --seed 178 --seeds 1 --bug waker-gives-up
  ops-coordinator simulate --faults leader,crash,remove")]
pub(crate) struct SimulateArgs {
    /// Number of seeds
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Only these kinds of faults, separated by commas
    #[arg(long, value_name = "FAULT", value_delimiter = ',', long_help = faults_in_words())]
    faults: Vec<Fault>,
    /// Inject a seeded bug, to see it caught
    #[arg(long, value_name = "NAME", long_help = bugs_in_words())]
    bug: Option<Bug>,
    /// Simulate one application of N units without faults, instead of the seeds' own applications
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    calm: Option<u32>,
}

/// What the threads share.
#[derive(Default)]
struct Progress {
    next: AtomicU64,
    done: AtomicU64,
    hooks: AtomicU64,
    turns: AtomicU64,
    beyond: AtomicU64,
    stop: AtomicBool,
    broken: Mutex<Option<u64>>,
}

pub(crate) fn run(args: &SimulateArgs) -> ExitCode {
    let began = Instant::now();
    let progress = Progress::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| args.work(&progress)))
            .collect();
        while work.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            show(&progress, args.seeds, began);
        }
    });
    clear();
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    say(format!(
        "{} seeds, {} hooks, {} turns in {seconds:.1} s",
        count(&progress.done),
        count(&progress.hooks),
        count(&progress.turns)
    ));
    match count(&progress.beyond) {
        0 => {}
        beyond => say(format!(
            "{beyond} of them stopped at the edge of the failure model (docs/guarantees.md)"
        )),
    }
    let broken = *progress
        .broken
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    match broken {
        None => {
            say("all guarantees held");
            ExitCode::SUCCESS
        }
        Some(seed) => {
            args.tell(seed);
            ExitCode::FAILURE
        }
    }
}

fn bugs_in_words() -> String {
    let bugs = Bug::ALL.iter();
    let bugs = bugs.map(|bug| format!("\n- {}: {}", bug.name(), bug.story()));
    let bugs: String = bugs.collect();
    format!("Inject a seeded bug, to see it caught:{bugs}")
}

fn faults_in_words() -> String {
    let kinds = Fault::ALL.iter();
    let kinds = kinds.map(|fault| format!("\n- {}: {}", fault.name(), fault.story()));
    let kinds: String = kinds.collect();
    format!("Only these kinds of faults, separated by commas:{kinds}")
}

impl SimulateArgs {
    fn recipe(&self, seed: u64) -> Recipe {
        if let Some(units) = self.calm {
            return Recipe::calm(seed, units);
        }
        let faults: BTreeSet<Fault> = if self.faults.is_empty() {
            Fault::usual()
        } else {
            self.faults.iter().copied().collect()
        };
        Recipe::new(seed, &faults)
    }

    fn work(&self, progress: &Progress) {
        while !progress.stop.load(Ordering::Relaxed) {
            let index = progress.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.seeds {
                return;
            }
            let seed = self.seed.wrapping_add(index);
            let course = simulate(&self.recipe(seed), self.bug);
            progress.done.fetch_add(1, Ordering::Relaxed);
            progress.hooks.fetch_add(course.hooks, Ordering::Relaxed);
            progress.turns.fetch_add(course.turns, Ordering::Relaxed);
            progress
                .beyond
                .fetch_add(course.beyond.into(), Ordering::Relaxed);
            if course.violation.is_some() {
                let mut broken = progress
                    .broken
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *broken = Some(broken.map_or(seed, |other| other.min(seed)));
                progress.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Prints what went wrong with a seed, shrunk as far as possible.
    fn tell(&self, seed: u64) {
        let (recipe, course) = shrink(&self.recipe(seed), self.bug);
        say(format!("\nSeed {seed}, shrunk:"));
        for line in recipe_in_words(&recipe) {
            say(format!("  {line}"));
        }
        say("\nWhat happened:");
        for line in story(&course.history) {
            say(format!("  {line}"));
        }
        if let Some(violation) = course.violation {
            say(format!(
                "\nViolated: {}: {}",
                violation.promise, violation.found
            ));
        }
        let mut replay = format!("ops-coordinator simulate --seeds 1 --seed {seed}");
        if !self.faults.is_empty() {
            let names: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
            replay.push_str(&format!(" --faults {}", names.join(",")));
        }
        if let Some(bug) = self.bug {
            replay.push_str(&format!(" --bug {bug}"));
        }
        if let Some(units) = self.calm {
            replay.push_str(&format!(" --calm {units}"));
        }
        say(format!("To reproduce: {replay}"));
    }
}

fn show(progress: &Progress, seeds: u64, began: Instant) {
    let mut terminal = std::io::stderr();
    if !terminal.is_terminal() {
        return;
    }
    let done = progress.done.load(Ordering::Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "a rate for the eye")]
    let rate = done as f64 / began.elapsed().as_secs_f64().max(0.001);
    let filled = usize::try_from(done * 30 / seeds.max(1))
        .unwrap_or(30)
        .min(30);
    let bar = "#".repeat(filled) + &".".repeat(30 - filled);
    // Failure to draw the progress bar is no reason to stop.
    let _ = write!(
        terminal,
        "\r[{bar}] {done}/{seeds} seeds, {rate:.0} a second "
    );
    let _ = terminal.flush();
}

fn clear() {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let _ = write!(terminal, "\r\x1b[K");
    }
}
