//! One step of a scenario: a moment, and what is done then.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::ScenarioError;
use super::reader::{Item, Table};
use crate::dispatch::CrashPoint;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When it happens.
    pub after: After,
    /// What happens.
    pub deed: Deed,
}

/// When a step happens: first `moment`, then `delay` milliseconds later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// What is waited for.
    pub moment: Moment,
    /// How many milliseconds after that.
    pub delay: u64,
}

/// What a step waits for, counted from the step before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// Nothing more than the step before.
    Now,
    /// Nothing is left to do in the model.
    Idle,
    /// A mark was made `count` times.
    Mark {
        /// `true` for `enter`, `false` for `leave`.
        enter: bool,
        /// The lock that was marked; any if `None`.
        lock: Option<String>,
        /// The unit that marked it; any if `None`.
        unit: Option<String>,
        /// How often.
        count: u32,
    },
    /// A hook of this name began.
    Hook {
        /// The name of the hook, such as `config-changed`.
        name: String,
        /// The unit that runs it; any if `None`.
        unit: Option<String>,
        /// How often.
        count: u32,
    },
}

/// Which unit a step is about; decided when the step happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The unit of this name.
    Unit(String),
    /// The unit inside a lock.
    Holder,
    /// The leader.
    Leader,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Nothing: the step only waits.
    Wait,
    /// Changes the application's config.
    Config(BTreeMap<String, Value>),
    /// Kills the running hook of a unit with SIGKILL.
    Kill(Target),
    /// Makes a unit the leader at once.
    Leader(Target),
    /// Adds units.
    AddUnits(u32),
    /// Removes a unit.
    RemoveUnit {
        /// Which.
        unit: Target,
        /// Whether it goes without running its last hooks.
        force: bool,
    },
    /// Runs an action and waits for its end.
    Action {
        /// On which unit.
        unit: Target,
        /// The name of the action.
        name: String,
        /// Its parameters.
        params: BTreeMap<String, Value>,
        /// Whether it is meant to fail.
        fails: bool,
    },
    /// Runs a command on a unit, as `juju exec` does, and waits for its end.
    Exec {
        /// On which unit.
        unit: Target,
        /// What `/bin/bash` is given.
        command: String,
        /// The exit code that it must have.
        code: i32,
    },
    /// Upgrades the charm, from another directory if one is given.
    Upgrade {
        /// The directory of the new charm.
        charm: Option<PathBuf>,
    },
    /// Runs the failed hook of a unit again, or marks it as done.
    Resolve {
        /// Which unit.
        unit: Target,
        /// Whether the hook runs again.
        retry: bool,
    },
    /// Lets a unit's agent die at a point of its hook; it comes back by itself.
    Crash {
        /// Which unit.
        unit: Target,
        /// Where in the course of the hook.
        at: CrashPoint,
    },
    /// Stops a unit's agent, with the hook that it runs, as `kill -9` of it does.
    AgentDown(Target),
    /// Starts a unit's agent again.
    AgentUp(Target),
    /// The unit's agent no longer reaches the controller.
    CutOff(Target),
    /// The unit's agent reaches the controller again.
    Reconnect(Target),
    /// A unit's machine stands still, its clock and all its processes.
    Suspend(Target),
    /// The machine goes on.
    Wake(Target),
    /// A unit's machine is gone for good. Nobody is told.
    LoseMachine(Target),
    /// The run fails unless all of this holds.
    Expect(Expectation),
}

/// What must hold at a step; what is not named may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// How many turns (enter to leave) of each lock have ended.
    pub turns: BTreeMap<String, u32>,
    /// How many turns of each lock every living unit has at least ended.
    pub each_unit: BTreeMap<String, u32>,
    /// The largest number of units that was ever inside each lock.
    pub largest_inside: BTreeMap<String, u32>,
    /// How many units live.
    pub units: Option<u32>,
    /// How many hooks have failed.
    pub failed_hooks: Option<u32>,
    /// The leader.
    pub leader: Option<String>,
    /// The workload status of units, such as `active`.
    pub status: BTreeMap<String, String>,
}

const DEEDS: &[&str] = &[
    "action",
    "add-units",
    "agent-down",
    "agent-up",
    "config",
    "crash",
    "cut-off",
    "exec",
    "expect",
    "kill",
    "leader",
    "lose-machine",
    "reconnect",
    "remove-unit",
    "resolve",
    "suspend",
    "upgrade-charm",
    "wake",
];

/// Keys that say more about a deed, and the deed that they go with.
const COMPANIONS: &[(&str, &str)] = &[
    ("at", "crash"),
    ("force", "remove-unit"),
    ("retry", "resolve"),
];

/// Reads one `[[step]]`.
pub(super) fn read(table: &Table<'_>) -> Result<Step, ScenarioError> {
    let companions = COMPANIONS.iter().map(|(key, _)| *key);
    let keys: Vec<_> = DEEDS
        .iter()
        .copied()
        .chain(["after"])
        .chain(companions)
        .collect();
    table.allow_only(&keys)?;
    let deeds: Vec<&str> = DEEDS
        .iter()
        .copied()
        .filter(|deed| table.has(deed))
        .collect();
    if let [first, second, ..] = deeds[..] {
        let text =
            format!("a step does one thing, not both `{first}` and `{second}`; write two steps");
        return Err(table.error(text));
    }
    for (key, deed) in COMPANIONS {
        if let Some(item) = table.get(key).filter(|_| !deeds.contains(deed)) {
            return Err(item.error(format!("`{key}` only goes with `{deed}`")));
        }
    }
    let after = match table.get("after") {
        Some(item) => read_after(&item)?,
        None => After {
            moment: Moment::Idle,
            delay: 0,
        },
    };
    let Some(name) = deeds.first() else {
        if table.has("after") {
            return Ok(Step {
                after,
                deed: Deed::Wait,
            });
        }
        return Err(table.error(format!("a step needs one of: {}", DEEDS.join(", "))));
    };
    let deed = table
        .required(name)
        .and_then(|item| read_deed(name, &item, table))?;
    Ok(Step { after, deed })
}

fn read_after(item: &Item<'_>) -> Result<After, ScenarioError> {
    if !item.is_table() {
        let text = item.text("\"idle\", a duration such as \"2s\", or a table")?;
        if text == "idle" {
            return Ok(After {
                moment: Moment::Idle,
                delay: 0,
            });
        }
        return Ok(After {
            moment: Moment::Now,
            delay: item.duration()?,
        });
    }
    let table = item.table("`after`")?;
    table.allow_only(&["count", "delay", "hook", "lock", "mark", "unit"])?;
    let owned = |item: Item<'_>| item.text("a name").map(str::to_owned);
    let unit = table.optional("unit", owned)?;
    let count = table
        .optional("count", |item| item.count(1, 1_000_000))?
        .unwrap_or(1);
    let delay = table
        .optional("delay", |item| item.duration())?
        .unwrap_or(0);
    let moment = match (table.get("mark"), table.get("hook")) {
        (Some(mark), None) => Moment::Mark {
            enter: mark.word(&[("enter", true), ("leave", false)])?,
            lock: table.optional("lock", owned)?,
            unit,
            count,
        },
        (None, Some(hook)) if !table.has("lock") => Moment::Hook {
            name: hook.text("the name of a hook")?.to_owned(),
            unit,
            count,
        },
        (None, Some(_)) => return Err(table.error("`lock` goes with `mark`, not with `hook`")),
        _ => return Err(table.error("`after` needs either `mark` or `hook`")),
    };
    Ok(After { moment, delay })
}

fn read_deed(name: &str, item: &Item<'_>, step: &Table<'_>) -> Result<Deed, ScenarioError> {
    Ok(match name {
        "action" => return read_action(item),
        "exec" => return read_exec(item),
        "expect" => return read_expectation(item),
        "add-units" => Deed::AddUnits(item.count(1, 10_000)?),
        "agent-down" => Deed::AgentDown(target(item)?),
        "agent-up" => Deed::AgentUp(target(item)?),
        "config" => Deed::Config(item.values()?),
        "crash" => Deed::Crash {
            unit: target(item)?,
            at: step
                .required("at")?
                .word(&CrashPoint::ALL.map(|point| (point.name(), point)))?,
        },
        "cut-off" => Deed::CutOff(target(item)?),
        "kill" => Deed::Kill(target(item)?),
        "leader" => Deed::Leader(target(item)?),
        "lose-machine" => Deed::LoseMachine(target(item)?),
        "suspend" => Deed::Suspend(target(item)?),
        "wake" => Deed::Wake(target(item)?),
        "reconnect" => Deed::Reconnect(target(item)?),
        "remove-unit" => Deed::RemoveUnit {
            unit: target(item)?,
            force: step.optional("force", |item| item.flag())?.unwrap_or(false),
        },
        "resolve" => Deed::Resolve {
            unit: target(item)?,
            retry: step.optional("retry", |item| item.flag())?.unwrap_or(true),
        },
        _ => match item.flag() {
            Ok(true) => Deed::Upgrade { charm: None },
            _ => Deed::Upgrade {
                charm: Some(PathBuf::from(
                    item.text("true, or the directory of the new charm")?,
                )),
            },
        },
    })
}

fn target(item: &Item<'_>) -> Result<Target, ScenarioError> {
    let wanted = "a unit such as \"app/0\", \"holder\" or \"leader\"";
    let text = item.text(wanted)?;
    match text {
        "holder" => Ok(Target::Holder),
        "leader" => Ok(Target::Leader),
        _ if is_unit_name(text) => Ok(Target::Unit(text.to_owned())),
        _ => Err(item.error(format!("{text:?} is not {wanted}"))),
    }
}

fn is_unit_name(text: &str) -> bool {
    let number_fits = |number: &str| number.parse::<u32>().is_ok();
    text.split_once('/')
        .is_some_and(|(name, number)| !name.is_empty() && number_fits(number))
}

fn read_action(item: &Item<'_>) -> Result<Deed, ScenarioError> {
    let table = item.table("an action")?;
    table.allow_only(&["fails", "name", "params", "unit"])?;
    Ok(Deed::Action {
        unit: target(&table.required("unit")?)?,
        name: table
            .required("name")?
            .text("the name of an action")?
            .to_owned(),
        params: table
            .optional("params", |item| item.values())?
            .unwrap_or_default(),
        fails: table
            .optional("fails", |item| item.flag())?
            .unwrap_or(false),
    })
}

fn read_exec(item: &Item<'_>) -> Result<Deed, ScenarioError> {
    let table = item.table("an exec")?;
    table.allow_only(&["code", "command", "unit"])?;
    let code = table
        .optional("code", |item| item.whole(0, 255))?
        .unwrap_or(0);
    Ok(Deed::Exec {
        unit: target(&table.required("unit")?)?,
        command: table
            .required("command")?
            .text("a command for /bin/bash")?
            .to_owned(),
        code: i32::try_from(code).unwrap_or(i32::MAX),
    })
}

fn read_expectation(item: &Item<'_>) -> Result<Deed, ScenarioError> {
    let table = item.table("an expectation")?;
    table.allow_only(&[
        "each-unit",
        "failed-hooks",
        "largest-inside",
        "leader",
        "status",
        "turns",
        "units",
    ])?;
    let counts = |key| {
        Ok(table
            .optional(key, |item| item.counts(0))?
            .unwrap_or_default())
    };
    let count = |key| table.optional(key, |item| item.count(0, 1_000_000));
    Ok(Deed::Expect(Expectation {
        turns: counts("turns")?,
        each_unit: counts("each-unit")?,
        largest_inside: counts("largest-inside")?,
        units: count("units")?,
        failed_hooks: count("failed-hooks")?,
        leader: table
            .optional("leader", |item| item.text("a unit such as \"app/0\""))?
            .map(str::to_owned),
        status: table
            .optional("status", |item| item.texts())?
            .unwrap_or_default(),
    }))
}
