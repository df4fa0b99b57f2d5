//! How a lab is set up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::name::UnitName;
use crate::settings::Settings;

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
}
