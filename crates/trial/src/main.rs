//! Fault runs and figures of the line on a real etcd: see `--help`, and `./dev`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ops_coordinator_trial::bench::{bench, default_command, stamp};
use ops_coordinator_trial::faults;

/// Fault runs and figures of the line on a real etcd.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs `ops-coordinator lock` on three members while things go wrong, and checks what must hold.
    Faults {
        /// The command `ops-coordinator` [default: beside this one]
        #[arg(long, default_value_os_t = default_command(), hide_default_value = true)]
        command: PathBuf,
        /// How many runs
        #[arg(long, default_value_t = 20)]
        seeds: u64,
        /// The first seed
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How many at a time
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Only runs of this kind
        #[arg(long)]
        kind: Option<faults::Kind>,
    },
    /// Measures hand-offs, beside `etcdctl lock`.
    Bench {
        /// The command `ops-coordinator` [default: beside this one]
        #[arg(long, default_value_os_t = default_command(), hide_default_value = true)]
        command: PathBuf,
        /// The largest number of those who wait
        #[arg(long, default_value_t = 1000)]
        largest: usize,
    },
    /// What runs under the lock in `bench`.
    #[command(hide = true)]
    Stamp {
        /// The file to write to
        log: PathBuf,
        /// How long to take
        milliseconds: u64,
    },
}

fn main() -> ExitCode {
    let tell = |text: &str| {
        let _ = writeln!(std::io::stdout(), "{text}");
    };
    let good = match Cli::parse().task {
        Task::Faults {
            command,
            seeds,
            seed,
            jobs,
            kind,
        } => faults::campaign(&command, seed..seed + seeds, kind, jobs, tell),
        Task::Bench { command, largest } => {
            bench(&command, largest, tell);
            true
        }
        Task::Stamp { log, milliseconds } => {
            stamp(&log, milliseconds);
            true
        }
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
