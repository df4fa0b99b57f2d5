//! Reads the `[[step]]` tables of a scenario.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ops_coordinator_excerpt::excerpt;

use super::ScenarioError;
use super::reader::{Item, Table};
use super::step::{After, Deed, Expectation, Moment, Step, Target};
use crate::dispatch::CrashPoint;

const DEEDS: &[&str] = &[
    "action",
    "add-units",
    "agent-down",
    "agent-up",
    "clock",
    "config",
    "crash",
    "cut-off",
    "duplicate-relation",
    "exec",
    "expect",
    "fail",
    "forget-relation",
    "kill",
    "leader",
    "lose-disk",
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
    ("spare-children", "kill"),
    ("untold", "remove-unit"),
];

/// Reads one `[[step]]`.
pub(super) fn read(table: &Table<'_>) -> Result<Step, ScenarioError> {
    let companions = COMPANIONS.iter().map(|(key, _)| *key);
    let keys: Vec<_> = DEEDS
        .iter()
        .copied()
        .chain(["after", "note"])
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
    let note = table.optional("note", |item| item.text("a string"))?;
    let note = note.map(str::to_owned);
    let Some(name) = deeds.first() else {
        if table.has("after") {
            return Ok(Step {
                after,
                deed: Deed::Wait,
                note,
            });
        }
        return Err(table.error(format!("a step needs one of: {}", DEEDS.join(", "))));
    };
    let deed = table
        .required(name)
        .and_then(|item| read_deed(name, &item, table))?;
    Ok(Step { after, deed, note })
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
    let flag = |key| step.optional(key, |item| item.flag());
    Ok(match name {
        "action" => return read_action(item),
        "exec" => return read_exec(item),
        "expect" => return read_expectation(item),
        "add-units" => Deed::AddUnits(item.count(1, 10_000)?),
        "agent-down" => Deed::AgentDown(target(item)?),
        "agent-up" => Deed::AgentUp(target(item)?),
        "clock" => Deed::Clock(
            item.offsets()?
                .into_iter()
                .map(|(name, item, offset)| Ok((target_of(&item, &name)?, offset)))
                .collect::<Result<_, _>>()?,
        ),
        "config" => Deed::Config(item.values()?),
        "crash" => Deed::Crash {
            unit: target(item)?,
            at: step
                .required("at")?
                .word(&CrashPoint::ALL.map(|point| (point.name(), point)))?,
        },
        "cut-off" => Deed::CutOff(target(item)?),
        "fail" => Deed::Fail(target(item)?),
        "forget-relation" => Deed::ForgetRelation(target(item)?),
        "duplicate-relation" => {
            Deed::DuplicateRelation(item.text("the name of a peer endpoint")?.to_owned())
        }
        "kill" => Deed::Kill {
            unit: target(item)?,
            spare_children: flag("spare-children")?.unwrap_or(false),
        },
        "leader" => Deed::Leader(target(item)?),
        "lose-disk" => Deed::LoseDisk(target(item)?),
        "lose-machine" => Deed::LoseMachine(target(item)?),
        "suspend" => Deed::Suspend(target(item)?),
        "wake" => Deed::Wake(target(item)?),
        "reconnect" => Deed::Reconnect(target(item)?),
        "remove-unit" => Deed::RemoveUnit {
            unit: target(item)?,
            force: flag("force")?.unwrap_or(false),
            untold: flag("untold")?.unwrap_or(false),
        },
        "resolve" => Deed::Resolve {
            unit: target(item)?,
            retry: flag("retry")?.unwrap_or(true),
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

/// What a target may be, in words.
const TARGET: &str = "a unit such as \"app/0\", \"holder\" or \"leader\"";

fn target(item: &Item<'_>) -> Result<Target, ScenarioError> {
    target_of(item, item.text(TARGET)?)
}

/// The target that a text means; `item` is where it stands.
fn target_of(item: &Item<'_>, text: &str) -> Result<Target, ScenarioError> {
    match text {
        "holder" => Ok(Target::Holder),
        "leader" => Ok(Target::Leader),
        _ if is_unit_name(text) => Ok(Target::Unit(text.to_owned())),
        _ => Err(item.error(format!("\"{}\" is not {TARGET}", excerpt(text)))),
    }
}

/// How long tools take: everywhere, or on the units that are named.
pub(super) fn tool_delay(item: &Item<'_>) -> Result<(u64, BTreeMap<String, u64>), ScenarioError> {
    if !item.is_table() {
        return Ok((item.duration()?, BTreeMap::new()));
    }
    let units = item.durations()?.into_iter();
    let units = units.map(|(unit, item, delay)| Ok((unit_name(&item, &unit)?, delay)));
    Ok((0, units.collect::<Result<_, _>>()?))
}

/// The name of a unit; `item` is where it stands.
pub(super) fn unit_name(item: &Item<'_>, text: &str) -> Result<String, ScenarioError> {
    if is_unit_name(text) {
        return Ok(text.to_owned());
    }
    let text = excerpt(text);
    Err(item.error(format!("\"{text}\" is not a unit such as \"app/0\"")))
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
        "unserved",
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
        unserved: table
            .optional("unserved", |item| item.lists())?
            .unwrap_or_default(),
    }))
}
