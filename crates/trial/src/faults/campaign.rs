//! Many runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::{Arena, Kind, Means, Plan, Report};
use crate::clock;

/// After so many runs it says how it goes.
const STEP: u64 = 50;

/// Carries out the plans of so many seeds, several at a time, and tells of each that violates something. Returns whether all was
/// well. With a kind, all runs are of that kind.
///
/// # Panics
/// As [`Arena::play`].
pub fn campaign(
    command: &Path,
    seeds: std::ops::Range<u64>,
    kind: Option<Kind>,
    jobs: usize,
    tell: impl Fn(&str) + Sync,
) -> bool {
    let next = AtomicU64::new(seeds.start);
    let sums: Mutex<BTreeMap<Kind, Sum>> = Mutex::default();
    for (kind, why) in Kind::ALL.map(|kind| (kind, Means::get().lacks(kind))) {
        let _ = why.inspect(|why| tell(&format!("skipped, all runs of the kind {kind}: {why}")));
    }
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut arena = None;
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let plan = kind.map_or_else(|| Plan::draw(seed), |kind| Plan::of(kind, seed));
                    if Means::get().lacks(plan.kind).is_some() {
                        continue;
                    }
                    let arena = arena.get_or_insert_with(|| Arena::open(plan.kind));
                    let report = arena.play(&plan, command);
                    if !report.violations.is_empty() {
                        let found = report.violations.join("\n  ");
                        tell(&format!("{plan}  VIOLATED: {found}"));
                    }
                    let mut sums = sums.lock().expect("nobody panics with it");
                    sums.entry(plan.kind).or_default().add(&report);
                    let so_far = all(&sums);
                    if so_far.runs.is_multiple_of(STEP) {
                        tell(&format!("so far: {}", so_far.told()));
                    }
                }
            });
        }
    });
    clock::sweep();
    let sums = sums.into_inner().expect("nobody panics with it");
    for (kind, sum) in &sums {
        tell(&format!("{kind}: {}", sum.told()));
    }
    let all = all(&sums);
    tell(&format!("fact: {}", all.told()));
    all.held == all.runs
}

fn all(sums: &BTreeMap<Kind, Sum>) -> Sum {
    let mut all = Sum::default();
    for sum in sums.values() {
        all.join(sum);
    }
    all
}

/// What several runs have shown.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    held: u64,
    all: Report,
}

impl Sum {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.held += u64::from(report.violations.is_empty());
        self.all.add(report);
    }

    fn join(&mut self, other: &Self) {
        self.runs += other.runs;
        self.held += other.held;
        self.all.add(&other.all);
    }

    fn told(&self) -> String {
        let Self { runs, held, all } = self;
        format!(
            "{held} of {runs} runs without a violation; {} turns, {} stopped because their lease was lost, {} of them by etcd \
             before its time; {} frozen past their lease; {} calls refused; {} members ended by themselves",
            all.entered, all.lost, all.early, all.frozen, all.refused, all.died
        )
    }
}
