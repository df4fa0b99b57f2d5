//! How a lab is set up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::play::Judge;
use crate::name::UnitName;
use crate::settings::Settings;
use crate::world::World;

/// How a [`Lab`](super::Lab) is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the model behaves.
    pub settings: Settings,
    /// The directory of the run, new or empty, which is not deleted; a temporary one if `None`.
    pub directory: Option<PathBuf>,
    /// Where the history is written as JSON lines; `history.jsonl` in the directory if `None`.
    pub history: Option<PathBuf>,
    /// The executable that acts as every hook tool, and as `ops-coordinator` on the hooks' `PATH`.
    pub executable: PathBuf,
    /// Directories to put before the system directories on the hooks' `PATH`.
    pub path: Vec<PathBuf>,
    /// Initial clock offsets of units in milliseconds; see [`Driver::set_clock`](crate::deed::Driver::set_clock).
    pub clocks: BTreeMap<UnitName, i64>,
    /// What is known of the charm where other terminals' orders need it.
    pub insight: Insight,
}

/// What the caller knows of a charm and the lab does not.
#[derive(Debug, Clone, Copy)]
pub struct Insight {
    /// The expectations that do not hold, of those that the lab itself cannot check.
    pub unmet: Judge,
    /// The requests that units have made and that are not served, as sentences.
    pub unserved: fn(&World) -> Vec<String>,
}

impl Default for Insight {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            unmet: |_, _| Vec::new(),
            unserved: |_| Vec::new(),
        }
    }
}
