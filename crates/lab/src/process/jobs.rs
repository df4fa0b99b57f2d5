//! The processes that run for the units, and what will go wrong with the next ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::lock::lock;
use crate::dispatch::CrashPoint;
use crate::name::UnitName;
use crate::settings::Millis;

/// A running hook, action or command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The unit.
    pub unit: UnitName,
    /// The hook's or action's name.
    pub name: String,
    /// When its process was started, in milliseconds since the lab began.
    pub since: Millis,
}

/// A process that runs for a unit.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) since: Millis,
    pub(super) group: Pid,
    /// Set when the process is killed because its agent dies.
    pub(super) crash: Option<CrashPoint>,
}

/// The running jobs, one a unit at most.
#[derive(Default)]
pub(super) struct Jobs {
    running: Mutex<BTreeMap<UnitName, Job>>,
    crashes: Mutex<BTreeMap<UnitName, CrashPoint>>,
    failures: Mutex<BTreeSet<UnitName>>,
}

impl Jobs {
    pub(super) fn running(&self) -> Vec<Running> {
        let running = |(unit, job): (&UnitName, &Job)| Running {
            unit: unit.clone(),
            name: job.name.clone(),
            since: job.since,
        };
        lock(&self.running).iter().map(running).collect()
    }

    pub(super) fn begin(&self, unit: &UnitName, job: Job) {
        lock(&self.running).insert(unit.clone(), job);
    }

    pub(super) fn end(&self, unit: &UnitName) -> Option<Job> {
        lock(&self.running).remove(unit)
    }

    /// Kills a unit's running job. The job exists only until its process has been waited for, so the
    /// pid cannot belong to another process yet.
    pub(super) fn kill(&self, unit: &UnitName, crash: Option<CrashPoint>) -> bool {
        let mut jobs = lock(&self.running);
        let Some(job) = jobs.get_mut(unit) else {
            return false;
        };
        job.crash = crash;
        kill_process_group(job.group, Signal::KILL).is_ok()
    }

    /// Kills the process that the agent started for a unit, and nothing that it has started.
    pub(super) fn kill_dispatch(&self, unit: &UnitName) -> bool {
        let jobs = lock(&self.running);
        jobs.get(unit)
            .is_some_and(|job| kill_process(job.group, Signal::KILL).is_ok())
    }

    pub(super) fn crash_next(&self, unit: &UnitName, at: CrashPoint) {
        lock(&self.crashes).insert(unit.clone(), at);
    }

    pub(super) fn take_crash(&self, unit: &UnitName) -> Option<CrashPoint> {
        lock(&self.crashes).remove(unit)
    }

    /// What was asked for while the hook ran, if it concerns the time after the hook's process.
    pub(super) fn take_crash_at_end(&self, unit: &UnitName) -> Option<CrashPoint> {
        let mut crashes = lock(&self.crashes);
        let point = crashes.get(unit).copied();
        point.filter(|point| *point > CrashPoint::MidProcess)?;
        crashes.remove(unit)
    }

    pub(super) fn fail_next(&self, unit: &UnitName) {
        lock(&self.failures).insert(unit.clone());
    }

    pub(super) fn take_failure(&self, unit: &UnitName) -> bool {
        lock(&self.failures).remove(unit)
    }
}
