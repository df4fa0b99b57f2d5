//! The settings of a model.

use std::collections::BTreeMap;

use crate::name::UnitName;
use crate::version::JujuVersion;

/// Milliseconds since the model began; virtual or real, the driver decides.
pub type Millis = u64;

/// How the model behaves. `Settings::default()` is a healthy Juju 3.6 without delays.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Juju that the model imitates.
    pub juju_version: JujuVersion,
    /// Seed for every random choice of the model.
    pub seed: u64,
    /// Time between two `update-status` hooks of a unit, give or take a fifth; 0 = never.
    pub update_status_interval: Millis,
    /// When a failed hook runs again.
    pub retry: Retry,
    /// Whether a leader that writes the application's databag gets `relation-changed` for it as well.
    /// Juju sends it; the switch is for finding out what depends on it.
    pub leader_hears_own_write: bool,
    /// How leadership is leased.
    pub leases: Leases,
    /// The longest delay after which an agent's watchers report a commit to it; each delay is random, up to this.
    /// Unless it is 0, related changes may arrive separately: watchers are independent of each other.
    pub watcher_delay: Millis,
    /// When survivors learn that a unit leaves.
    pub departure: Departure,
    /// How long a crashed agent takes to restart.
    pub agent_restart: Millis,
    /// How much time a unit that is removed by force has for its hooks before it is gone regardless.
    pub force_wait: Millis,
    /// Peer endpoints that have two relations from the start (juju/juju #19631).
    pub duplicate_relations: Vec<String>,
    /// Whether processes that hooks left running die whenever the unit's agent dies, as in a pod or in a service
    /// whose control group is killed.
    pub leftovers_die_with_agent: bool,
    /// How long hook tools take.
    pub tool_delays: ToolDelays,
    /// In how many availability zones the units are, one after the other; with 1 all are in the zone `lab`.
    pub zones: u32,
    /// What the history records.
    pub detail: Detail,
    /// `JUJU_MODEL_NAME`.
    pub model_name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            juju_version: JujuVersion::default(),
            seed: 0,
            update_status_interval: 300_000,
            retry: Retry::default(),
            leader_hears_own_write: true,
            leases: Leases::default(),
            watcher_delay: 0,
            departure: Departure::default(),
            agent_restart: 1_000,
            force_wait: 60_000,
            duplicate_relations: Vec::new(),
            leftovers_die_with_agent: false,
            tool_delays: ToolDelays::default(),
            zones: 1,
            detail: Detail::default(),
            model_name: "lab".to_owned(),
        }
    }
}

impl Settings {
    /// The availability zone of a unit's machine.
    pub fn zone(&self, unit: &UnitName) -> String {
        match self.zones {
            0 | 1 => "lab".to_owned(),
            zones => format!("az{}", unit.number() % zones + 1),
        }
    }
}

/// When a failed hook is retried: after `first`, doubling each time, up to `cap`.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Before the first new attempt.
    pub first: Millis,
    /// No wait is longer.
    pub cap: Millis,
    /// Waits are varied at random by up to a fifth.
    pub jitter: bool,
    /// If off, a failed hook waits for the operator to resolve it (`automatically-retry-hooks=false`).
    pub automatic: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: 5_000,
            cap: 300_000,
            jitter: true,
            automatic: true,
        }
    }
}

/// How long each hook-tool call takes. `lab-mark` is not one of Juju's tools and takes no time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolDelays {
    /// On all other units.
    pub others: Millis,
    /// On these units.
    pub units: BTreeMap<UnitName, Millis>,
}

impl ToolDelays {
    /// How long a call of this tool takes on this unit.
    pub fn of(&self, unit: &UnitName, tool: &str) -> Millis {
        if tool == "lab-mark" {
            return 0;
        }
        self.units.get(unit).copied().unwrap_or(self.others)
    }
}

/// How leadership is leased.
#[derive(Clone, Copy, Debug)]
pub struct Leases {
    /// A claim lasts this long; the holder renews it after half the time.
    pub duration: Millis,
    /// The controller notices an expired lease after this time at most.
    pub expiry_worker: Millis,
    /// After the operator moved leadership, the old leader still believes in its own for up to this long.
    pub revocation_lag: Millis,
}

impl Leases {
    /// `is-leader` answers True only if leadership is guaranteed for this long.
    pub fn guarantee(&self) -> Millis {
        self.duration / 2
    }
}

impl Default for Leases {
    fn default() -> Self {
        Self {
            duration: 60_000,
            expiry_worker: 5_000,
            revocation_lag: 0,
        }
    }
}

/// When the others learn that a unit leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Departure {
    /// As soon as the operator removes it, while it still runs its last hooks.
    AtOnce,
    /// Once the leaving unit has run its own relation hooks.
    AfterLeaver,
    /// One of the two, at random.
    #[default]
    Either,
    /// Never: the bug of Juju 4.0 to 4.2 (juju/juju #23326). Up to 3.6 `remove-machine --force` can have the same
    /// effect for the units of that machine: see `World::remove_unit_untold`.
    Never,
}

/// What the history records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Only marks, leadership, life cycles and operators' actions.
    Turns,
    /// Hooks, commits and refusals as well.
    Hooks,
    /// Everything: tool calls, logs and statuses as well.
    #[default]
    Everything,
}
