//! `ops-coordinator-verify`: one command for each kind of evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ops_coordinator_core::policy::LimitFor;
use ops_coordinator_lab::history::Event;
use ops_coordinator_verify::Bug;
use ops_coordinator_verify::history::check as check_history;
use ops_coordinator_verify::model::{Case, LARGE, SMALL, Seen, check};
use ops_coordinator_verify::simulation::cost::{self, Cost, Pace, Scene, Way};
use ops_coordinator_verify::simulation::{Fault, Recipe, simulate};

/// Test the protocol's guarantees.
#[derive(Debug, Parser)]
#[command(name = "ops-coordinator-verify", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Explore every sequence of events of small applications.
    Model {
        /// The cases to explore [default: those of the test command]
        case: Vec<String>,
        /// Explore the large cases
        #[arg(long)]
        large: bool,
        /// Inject a seeded bug
        #[arg(long, value_name = "NAME")]
        bug: Option<Bug>,
        /// Number of threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// Print the history of a simulated seed, one event per line.
    History {
        /// The seed
        seed: u64,
        /// Only these kinds of faults, separated by commas [default: those of the seed]
        #[arg(long, value_name = "FAULT", value_delimiter = ',')]
        faults: Vec<Fault>,
    },
    /// Check the history of a lab run against the guarantees that every simulation must uphold. The charm must
    /// leave a lock only after its operation succeeded, and the run must have become idle.
    Judge {
        /// The history, as JSON lines
        file: PathBuf,
        /// How many units may be inside a lock at once; 1 for all other locks
        #[arg(long, value_name = "LOCK=N")]
        limit: Vec<LimitFor>,
    },
    /// Inject each seeded bug, and report how many seeds it takes until a simulation exposes it. This only
    /// measures; use `bugs` to check that each is caught.
    Seeds {
        /// Number of different first seeds
        #[arg(long, default_value_t = 9)]
        starts: u64,
        /// Give up after this many seeds
        #[arg(long, default_value_t = 500)]
        most: u64,
    },
    /// Inject each seeded bug, and report which case catches it first.
    Bugs,
    /// Count the hooks and the calls of hook tools that a restart costs when all units ask at once, and in a campaign,
    /// and where they come from.
    Cost {
        /// Numbers of units
        #[arg(default_values_t = [5, 9, 15, 100], value_parser = clap::value_parser!(u32).range(2..=2_000))]
        units: Vec<u32>,
    },
}

fn main() -> ExitCode {
    let holds = match Cli::parse().command {
        Command::Model {
            case,
            large,
            bug,
            threads,
        } => model(&case, large, bug, threads),
        Command::History { seed, faults } => history(seed, faults),
        Command::Judge { file, limit } => judge(&file, limit),
        Command::Seeds { starts, most } => {
            seeds(starts, most);
            true
        }
        Command::Bugs => bugs(),
        Command::Cost { units } => count_cost(&units),
    };
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn model(names: &[String], large: bool, bug: Option<Bug>, threads: usize) -> bool {
    let all = || SMALL.iter().chain(LARGE);
    if let Some(name) = names
        .iter()
        .find(|name| all().all(|case| case.name != name.as_str()))
    {
        let known: Vec<&str> = all().map(|case| case.name).collect();
        eprintln!(
            "unknown case '{name}'; expected one of {}",
            known.join(", ")
        );
        return false;
    }
    let cases: Vec<&Case> = match (names, large) {
        ([], false) => SMALL.iter().collect(),
        ([], true) => LARGE.iter().collect(),
        _ => all()
            .filter(|case| names.iter().any(|name| name == case.name))
            .collect(),
    };
    let (mut total, mut holds) = (0, true);
    let mut seen = BTreeSet::new();
    let whole = names.is_empty() && !large && bug.is_none();
    for case in cases {
        let report = check(case, bug, threads);
        total += report.states;
        seen.extend(report.seen);
        let seconds = report.took.as_secs_f64();
        println!(
            "{:<38} {:>9} states {:>6} steps computed {seconds:>6.1} s",
            case.name, report.states, report.steps
        );
        if let Some(finding) = &report.finding {
            println!("  {} does not hold:", finding.property);
            for (number, line) in (1..).zip(&finding.story) {
                println!("  {number:>3} {line}");
            }
            holds = false;
        } else if bug.is_none() && case.states != 0 && case.states != report.states {
            println!(
                "  expected {} states: find out what has changed",
                case.states
            );
            holds = false;
        }
        if let Some(name) = report.unreached {
            println!("  never reached: {name}");
            holds = false;
        }
    }
    for never in Seen::ALL
        .iter()
        .filter(|what| whole && !seen.contains(what))
    {
        println!("  no case reached {never:?}");
        holds = false;
    }
    println!(
        "fact: {total} different states, {}",
        if holds {
            "all properties hold"
        } else {
            "not all properties hold"
        }
    );
    holds
}

fn bugs() -> bool {
    // A bug may well break an assertion of the production code; that is told as what it is.
    std::panic::set_hook(Box::new(|_| ()));
    let mut missed = 0;
    for &bug in Bug::ALL {
        let caught = if Bug::SIMULATED.contains(&bug) {
            seed_that_shows(bug)
        } else {
            case_that_shows(bug)
        };
        let told = caught.unwrap_or_else(|| {
            missed += 1;
            "NOT CAUGHT".to_owned()
        });
        println!("{:<30} {told}", bug.name());
    }
    println!("fact: {} seeded bugs, {missed} not caught", Bug::ALL.len());
    missed == 0
}

fn case_that_shows(bug: Bug) -> Option<String> {
    SMALL.iter().find_map(|case| {
        let report = check(case, Some(bug), 1);
        let property = report.finding?.property;
        Some(format!(
            "{:<22} {:>6} states  {property}",
            case.name, report.states
        ))
    })
}

fn seed_that_shows(bug: Bug) -> Option<String> {
    let mut faults = Fault::usual();
    if Bug::SHARED.contains(&bug) {
        faults = BTreeSet::from([Fault::Shared]);
    }
    (0..1_000).find_map(|seed| {
        let run = || simulate(&Recipe::new(seed, &faults), Some(bug)).violation;
        let promise = match std::panic::catch_unwind(run) {
            Ok(violation) => violation?.promise,
            Err(_) => "an assertion",
        };
        Some(format!(
            "{:<22} {:>6} seeds   {promise}",
            "simulation",
            seed + 1
        ))
    })
}

fn history(seed: u64, faults: Vec<Fault>) -> bool {
    let faults = if faults.is_empty() {
        Fault::usual()
    } else {
        faults.into_iter().collect()
    };
    let course = simulate(&Recipe::new(seed, &faults), None);
    let mut out = io::stdout().lock();
    // Whoever reads may have seen enough.
    let _ = (course.history.iter()).try_for_each(|event| writeln!(out, "{}", event.to_line()));
    course.violation.is_none()
}

fn judge(file: &Path, limits: Vec<LimitFor>) -> bool {
    let limits: Option<BTreeMap<String, usize>> = limits
        .into_iter()
        .map(|LimitFor { lock, limit }| Some((lock?.to_string(), limit.of(0) as usize)))
        .collect();
    let Some(limits) = limits else {
        eprintln!("--limit needs a lock, as in --limit restart=2");
        return false;
    };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return false;
        }
    };
    let events: Result<Vec<Event>, _> = text.lines().map(serde_json::from_str).collect();
    let events = match events {
        Ok(events) => events,
        Err(error) => {
            eprintln!("{} is not a history: {error}", file.display());
            return false;
        }
    };
    match check_history(&events, limits) {
        Ok(tally) => {
            println!(
                "{} hooks, {} turns: all guarantees hold",
                tally.hooks, tally.turns
            );
            true
        }
        Err(violation) => {
            println!("violated: {violation}");
            false
        }
    }
}

/// Bugs that `seeds` leaves out: the lab never recreates a unit under an old name, and a cancellation rarely meets
/// the moment that the last one needs.
const NOT_IN_SIMULATION: [Bug; 4] = [
    Bug::AnyLifeCounts,
    Bug::IncarnationConstant,
    Bug::CancelWithoutHandshake,
    Bug::TakesAnEarlierLifesInvitation,
];

fn seeds(starts: u64, most: u64) {
    std::panic::set_hook(Box::new(|_| ()));
    let faults: BTreeSet<Fault> = Fault::usual();
    let caught = |seed: u64, bug: Bug| {
        let run = || {
            simulate(&Recipe::new(seed, &faults), Some(bug))
                .violation
                .is_some()
        };
        std::panic::catch_unwind(run).unwrap_or(true)
    };
    let mut missed = 0;
    for &bug in Bug::ALL
        .iter()
        .filter(|bug| !NOT_IN_SIMULATION.contains(bug))
    {
        let mut needed: Vec<u64> = (0..starts)
            .map(|start| start * 100_000)
            .map(|first| {
                (0..most)
                    .find(|more| caught(first + more, bug))
                    .map_or(most, |n| n + 1)
            })
            .collect();
        needed.sort_unstable();
        let median = needed[needed.len() / 2];
        let shown = if median >= most {
            format!("more than {most}")
        } else {
            median.to_string()
        };
        println!("{:<26} {shown:>14} seeds", bug.name());
        missed += u32::from(needed[0] >= most);
    }
    println!("fact: {missed} bugs were not caught from any start");
}

/// Each row adds up runs until there are at least so many restarts in it.
const RESTARTS: u32 = 100;

fn count_cost(units: &[u32]) -> bool {
    let ways = [
        (Way::Asking, "when all units ask at once"),
        (Way::Campaign, "in a campaign"),
    ];
    ways.into_iter().all(|(way, name)| {
        println!("For each restart, {name}:\n");
        let counted = count_way(way, units);
        println!();
        counted
    })
}

fn count_way(way: Way, units: &[u32]) -> bool {
    let mut rows = Vec::new();
    for &units in units {
        for pace in Pace::ALL {
            let mut sum = Cost::default();
            for seed in 0..u64::from(RESTARTS.div_ceil(units)) {
                let scene = Scene {
                    way,
                    units,
                    pace,
                    seed,
                };
                match cost::measure(scene) {
                    Ok(cost) => sum.add(&cost),
                    Err(why) => {
                        eprintln!("{units} units, {}, seed {seed}: {why}", pace.name());
                        return false;
                    }
                }
            }
            rows.push((units, pace, sum));
        }
    }
    print!("{}", cost::table(way, &rows));
    println!("\nHooks for each restart by cause (with nothing to do):\n");
    print!("{}", cost::causes(&rows));
    true
}
