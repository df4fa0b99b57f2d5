//! Scenario files: what happens to a model while the lab runs, written in TOML.
//!
//! A scenario says which charm runs with how many units, and then a list of steps. Each step waits
//! for its moment (`after`) and does one thing. The whole format is in `docs/scenario.md`; every
//! mistake in a file is reported with the file, the line, and what was expected.
//!
//! ```
//! use ops_coordinator_lab::deed::Deed;
//! use ops_coordinator_lab::scenario::Scenario;
//!
//! let text = "units = 3\n[[step]]\nafter = \"2s\"\nadd-units = 2\n";
//! let scenario = Scenario::parse("grow.toml".as_ref(), text)?;
//! assert_eq!(scenario.units, 3);
//! assert_eq!(scenario.steps[0].act, Deed::AddUnits(2).into());
//! # Ok::<(), ops_coordinator_lab::scenario::ScenarioError>(())
//! ```

mod act;
mod duration;
mod error;
mod expectation;
mod reader;
mod step;
mod steps;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use duration::{parse_duration, parse_offset};
pub use error::ScenarioError;
pub use step::{Act, After, Ending, Expectation, Moment, Step, Target};

use reader::{Source, Table};

/// A parsed scenario file.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The charm's directory; relative paths are relative to the scenario file.
    pub charm: Option<PathBuf>,
    /// How many units are deployed at the start.
    pub units: u32,
    /// The seed of every random choice.
    pub seed: Option<u64>,
    /// The version of Juju to imitate, such as `3.6.9`.
    pub juju: Option<String>,
    /// The run fails if the model is not idle by then; milliseconds.
    pub timeout: Option<u64>,
    /// The time between update-status hooks in milliseconds; 0 means never.
    pub update_status_interval: Option<u64>,
    /// How long to wait before retrying a failed hook, in milliseconds; 0: it waits for `resolve`.
    pub retry_after: Option<u64>,
    /// How much time a unit that is removed by force has for its last hooks, in milliseconds.
    pub force_wait: Option<u64>,
    /// Peer endpoints that have two relations from the start.
    pub duplicate_relations: Vec<String>,
    /// Whether processes that hooks left running die with the unit's agent.
    pub leftovers_die_with_agent: bool,
    /// In how many availability zones the units are.
    pub zones: Option<u32>,
    /// How many milliseconds each hook-tool call takes: the default, and by unit name.
    pub tool_delay: (u64, BTreeMap<String, u64>),
    /// How many units may be inside each lock at once.
    pub limits: BTreeMap<String, u32>,
    /// Initial clock offsets in milliseconds, by unit name.
    pub clocks: BTreeMap<String, i64>,
    /// Config that is set when the application is deployed.
    pub config: BTreeMap<String, Value>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Default for Scenario {
    /// One unit and no steps.
    fn default() -> Self {
        Self {
            charm: None,
            units: 1,
            seed: None,
            juju: None,
            timeout: None,
            update_status_interval: None,
            retry_after: None,
            force_wait: None,
            duplicate_relations: Vec::new(),
            leftovers_die_with_agent: false,
            zones: None,
            tool_delay: (0, BTreeMap::new()),
            limits: BTreeMap::new(),
            clocks: BTreeMap::new(),
            config: BTreeMap::new(),
            steps: Vec::new(),
        }
    }
}

const KEYS: &[&str] = &[
    "charm",
    "clock",
    "config",
    "duplicate-relations",
    "force-wait",
    "juju",
    "leftovers-die-with-agent",
    "limit",
    "retry-after",
    "seed",
    "step",
    "timeout",
    "tool-delay",
    "units",
    "update-status-interval",
    "zones",
];

impl Scenario {
    /// Reads the scenario in `file`; a relative `charm` is resolved against the file's directory.
    ///
    /// # Errors
    /// When the file cannot be read, or as for [`Scenario::parse`].
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(file).map_err(|error| ScenarioError {
            file: file.to_owned(),
            line: None,
            problem: format!("cannot be read: {error}"),
            hint: None,
        })?;
        let mut scenario = Self::parse(file, &text)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        scenario.charm = scenario.charm.map(|charm| folder.join(charm));
        for step in &mut scenario.steps {
            step.resolve(folder);
        }
        Ok(scenario)
    }

    /// Reads a scenario from `text`; `file` is only named in errors.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, or an invalid value.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let source = Source { file, text };
        let document = source.document()?;
        let table = Table::new("a scenario", document.get_ref(), document.span(), source);
        table.allow_only(KEYS)?;
        let mut steps = Vec::new();
        if let Some(list) = table.get("step") {
            for item in list.list("[[step]] tables")? {
                steps.push(steps::read(&item.table("a step")?, After::IDLE)?);
            }
        }
        Ok(Self {
            charm: table.optional("charm", |item| item.text("a path").map(PathBuf::from))?,
            units: table
                .optional("units", |item| item.count(1, 10_000))?
                .unwrap_or(1),
            seed: table.optional("seed", |item| item.whole(0, u64::MAX))?,
            juju: table
                .optional("juju", |item| item.text("a version such as \"3.6.9\""))?
                .map(str::to_owned),
            timeout: table.optional("timeout", |item| item.duration())?,
            update_status_interval: table
                .optional("update-status-interval", |item| item.duration())?,
            retry_after: table.optional("retry-after", |item| item.duration())?,
            force_wait: table.optional("force-wait", |item| item.duration())?,
            duplicate_relations: table
                .optional("duplicate-relations", |item| item.names())?
                .unwrap_or_default(),
            leftovers_die_with_agent: table
                .optional("leftovers-die-with-agent", |item| item.flag())?
                .unwrap_or(false),
            zones: table.optional("zones", |item| item.count(1, 26))?,
            tool_delay: table
                .optional("tool-delay", |item| target::tool_delay(&item))?
                .unwrap_or_default(),
            limits: table
                .optional("limit", |item| item.counts(1))?
                .unwrap_or_default(),
            clocks: table
                .optional("clock", |item| item.offsets())?
                .unwrap_or_default()
                .into_iter()
                .map(|(unit, item, offset)| Ok((target::unit_name(&item, &unit)?, offset)))
                .collect::<Result<_, _>>()?,
            config: table
                .optional("config", |item| item.values())?
                .unwrap_or_default(),
            steps,
        })
    }
}
