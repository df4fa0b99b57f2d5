//! What can be set about a model, in one value.

use std::collections::BTreeMap;

use crate::history::Detail;
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
    /// Between two `update-status` hooks of a unit, give or take a fifth; 0 = never.
    pub update_status_interval: Millis,
    /// When a failed hook runs again.
    pub retry: Retry,
    /// Whether a leader that writes the application's databag gets `relation-changed` for it as well.
    /// Juju does; the switch is for those who want to see what depends on it.
    pub leader_hears_own_write: bool,
    /// How leadership is leased.
    pub leases: Leases,
    /// The longest time after which an agent's watchers tell it of a commit; each delay is random, up to this.
    /// Unless it is 0, what belongs together may be told apart: watchers are independent of each other.
    pub watcher_delay: Millis,
    /// When survivors learn that a unit leaves.
    pub departure: Departure,
    /// How long a crashed agent needs until it runs again.
    pub agent_restart: Millis,
    /// How long the hooks of a unit that is removed by force may take until it is gone regardless.
    pub force_wait: Millis,
    /// Peer endpoints that have two relations from the start (juju/juju #19631).
    pub duplicate_relations: Vec<String>,
    /// Whether what hooks left running dies whenever the unit's agent does, as it does in a pod and in a service
    /// whose control group is killed.
    pub leftovers_die_with_agent: bool,
    /// How long hook tools take.
    pub tool_delays: ToolDelays,
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
            detail: Detail::default(),
            model_name: "lab".to_owned(),
        }
    }
}

/// When a failed hook runs again: after `first`, then each time twice as long, up to `cap`.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Before the first new attempt.
    pub first: Millis,
    /// No wait is longer.
    pub cap: Millis,
    /// Waits are varied at random by up to a fifth.
    pub jitter: bool,
    /// Off: a failed hook waits for the operator to resolve it (`automatically-retry-hooks=false`).
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

/// How long each call of a hook tool takes. `lab-mark` is not Juju's and takes no time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolDelays {
    /// On units that are not named.
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
    /// `is-leader` says True only if leadership is certain for this long.
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
    /// Once the leaver has run its own relation hooks.
    AfterLeaver,
    /// One of the two, at random.
    #[default]
    Either,
    /// Never: the defect of Juju 4.0 to 4.2 (juju/juju #23326). Up to 3.6 the same can come of
    /// `remove-machine --force`, for the units of that machine: see `World::remove_unit_untold`.
    Never,
}
