//! Reads what a step does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::error::ScenarioError;
use super::expectation;
use super::reader::{Item, Table};
use super::step::{Act, Ending};
use super::target::{target, target_of};
use crate::deed::{Deed, Revision, UnitDeed};
use crate::dispatch::CrashPoint;

/// How to read what stands under a key.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A unit, to which this is done; other keys may say more.
    ToUnit(UnitDeed),
    /// Anything else.
    Other(fn(&Item<'_>) -> Result<Act, ScenarioError>),
}

/// What a step can do beside the deeds to one unit, which [`UnitDeed`] lists.
const OTHERS: [(&str, Kind); 8] = [
    ("action", Kind::Other(action)),
    ("add-units", Kind::Other(add_units)),
    ("clock", Kind::Other(clock)),
    ("config", Kind::Other(config)),
    ("duplicate-relation", Kind::Other(duplicate_relation)),
    ("exec", Kind::Other(exec)),
    ("expect", Kind::Other(expectation::read)),
    ("upgrade-charm", Kind::Other(upgrade)),
];

/// Keys that say more about a deed, and the deed that they go with.
const COMPANIONS: &[(&str, &str)] = &[
    ("at", "crash"),
    ("force", "remove-unit"),
    ("retry", "resolve"),
    ("spare-children", "kill"),
    ("untold", "remove-unit"),
];

/// Everything that a step can do, in alphabetical order of the keys.
fn all() -> BTreeMap<&'static str, Kind> {
    let to_units = UnitDeed::ALL.iter().filter(|deed| deed.is_for_scenarios());
    let to_units = to_units.map(|deed| (deed.name(), Kind::ToUnit(*deed)));
    OTHERS.into_iter().chain(to_units).collect()
}

/// The keys that stand for something to do.
pub(super) fn keys() -> Vec<&'static str> {
    all().into_keys().collect()
}

/// What a step does, if anything; it may have `more` keys.
pub(super) fn key(
    step: &Table<'_>,
    more: &[&'static str],
) -> Result<Option<(&'static str, Kind)>, ScenarioError> {
    let mut all = all();
    let companions = COMPANIONS.iter().map(|(key, _)| *key);
    let known = all.keys().chain(more).copied().chain(companions);
    step.allow_only(&known.collect::<Vec<_>>())?;
    all.retain(|key, _| step.has(key));
    let mut found = all.iter();
    if let (Some((first, _)), Some((second, _))) = (found.next(), found.next()) {
        let text =
            format!("a step does one thing, not both `{first}` and `{second}`; write two steps");
        return Err(step.error(text));
    }
    for (key, deed) in COMPANIONS {
        if let Some(item) = step.get(key).filter(|_| !all.contains_key(deed)) {
            return Err(item.error(format!("`{key}` only goes with `{deed}`")));
        }
    }
    Ok(all.pop_first())
}

/// Reads what stands under `key`, and the keys that go with it.
pub(super) fn read(
    (key, kind): (&'static str, Kind),
    step: &Table<'_>,
) -> Result<Act, ScenarioError> {
    let item = step.required(key)?;
    match kind {
        Kind::Other(read) => read(&item),
        Kind::ToUnit(deed) => to_unit(deed, &item, step),
    }
}

fn to_unit(deed: UnitDeed, item: &Item<'_>, step: &Table<'_>) -> Result<Act, ScenarioError> {
    let unit = target(item)?;
    let flag = |key, usual| Ok(step.optional(key, |item| item.flag())?.unwrap_or(usual));
    let deed = match deed {
        UnitDeed::Kill { spare_children } => UnitDeed::Kill {
            spare_children: flag("spare-children", spare_children)?,
        },
        UnitDeed::Remove { force, untold } => UnitDeed::Remove {
            force: flag("force", force)?,
            untold: flag("untold", untold)?,
        },
        UnitDeed::Resolve { retry } => UnitDeed::Resolve {
            retry: flag("retry", retry)?,
        },
        UnitDeed::Crash { .. } => UnitDeed::Crash {
            at: step
                .required("at")?
                .word(&CrashPoint::ALL.map(|point| (point.name(), point)))?,
        },
        plain => plain,
    };
    Ok(Deed::Unit(unit, deed).into())
}

fn add_units(item: &Item<'_>) -> Result<Act, ScenarioError> {
    Ok(Deed::AddUnits(item.count(1, 10_000)?).into())
}

fn clock(item: &Item<'_>) -> Result<Act, ScenarioError> {
    let offsets = item.offsets()?.into_iter();
    let offsets = offsets.map(|(name, item, offset)| Ok((target_of(&item, &name)?, offset)));
    Ok(Deed::Clock(offsets.collect::<Result<_, _>>()?).into())
}

fn config(item: &Item<'_>) -> Result<Act, ScenarioError> {
    Ok(Deed::Config(item.values()?).into())
}

fn duplicate_relation(item: &Item<'_>) -> Result<Act, ScenarioError> {
    let endpoint = item.text("the name of a peer endpoint")?.to_owned();
    Ok(Deed::DuplicateRelation(endpoint).into())
}

fn upgrade(item: &Item<'_>) -> Result<Act, ScenarioError> {
    let to = if item.flag() == Ok(true) {
        Revision::Same
    } else {
        let directory = item.text("true, or the directory of the new charm")?;
        Revision::Directory(PathBuf::from(directory))
    };
    let force = false;
    Ok(Deed::Upgrade { to, force }.into())
}

fn action(item: &Item<'_>) -> Result<Act, ScenarioError> {
    let table = item.table("an action")?;
    table.allow_only(&["fails", "name", "params", "unit"])?;
    let deed = Deed::Action {
        unit: target(&table.required("unit")?)?,
        name: table
            .required("name")?
            .text("the name of an action")?
            .to_owned(),
        params: table
            .optional("params", |item| item.values())?
            .unwrap_or_default(),
    };
    let fails = table
        .optional("fails", |item| item.flag())?
        .unwrap_or(false);
    let ending = Ending {
        fails,
        ..Ending::default()
    };
    Ok(Act::Do(deed, ending))
}

fn exec(item: &Item<'_>) -> Result<Act, ScenarioError> {
    let table = item.table("an exec")?;
    table.allow_only(&["code", "command", "unit"])?;
    let code = table
        .optional("code", |item| item.whole(0, 255))?
        .unwrap_or(0);
    let deed = Deed::Exec {
        unit: target(&table.required("unit")?)?,
        command: table
            .required("command")?
            .text("a command for /bin/bash")?
            .to_owned(),
    };
    let ending = Ending {
        code: i32::try_from(code).unwrap_or(i32::MAX),
        ..Ending::default()
    };
    Ok(Act::Do(deed, ending))
}
