//! The plan of a run, and its result.

use std::collections::BTreeMap;

use super::charm::Disk;
use crate::application::Application;
use crate::deed::Deed;
use crate::error::LabError;
use crate::judge::Judge;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is deployed.
    pub application: Application,
    /// With how many units.
    pub units: u32,
    /// What happens at which virtual time, to which units by number.
    pub deeds: Vec<(Millis, Deed<u32>)>,
    /// An agent takes a random time up to this before each step.
    pub latency: Millis,
    /// How many units may be inside which lock; 1 for those not named.
    pub limits_of_locks: BTreeMap<String, usize>,
    /// When to give up.
    pub limits: Limits,
    /// Whether the history stays in memory; the judge sees it in any case.
    pub keep_history: bool,
}

impl Plan {
    /// Deploys this many units, and waits until the model is idle.
    pub fn new(application: Application, units: u32) -> Self {
        Self {
            application,
            units,
            deeds: Vec::new(),
            latency: 20,
            limits_of_locks: BTreeMap::new(),
            limits: Limits::default(),
            keep_history: true,
        }
    }

    /// The plan with one more deed.
    #[must_use]
    pub fn at(mut self, time: Millis, deed: Deed<u32>) -> Self {
        self.deeds.push((time, deed));
        self
    }
}

/// When a run gives up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After this many hooks, actions and commands.
    pub hooks: u64,
    /// At this virtual time.
    pub time: Millis,
    /// Goes on to the limits even when nothing is left but `update-status`.
    pub past_idle: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hooks: 10_000_000,
            time: 24 * 3_600_000,
            past_idle: false,
        }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was left to do.
    Idle,
    /// The limit of hooks was reached.
    TooManyHooks,
    /// The limit of virtual time was reached.
    TooLate,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// Why it ended.
    pub end: End,
    /// When, in virtual milliseconds.
    pub now: Millis,
    /// How many hooks, actions and commands were begun.
    pub hooks: u64,
    /// What the marks say.
    pub judge: Judge,
    /// The deeds that were impossible when their time came, and why.
    pub refused: Vec<(Millis, LabError)>,
    /// What is left on the units' disks.
    pub disks: BTreeMap<UnitName, Disk>,
    /// The world as it was left, its history included.
    pub world: World,
}
