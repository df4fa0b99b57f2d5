//! The units that a scenario names.

use std::collections::BTreeMap;

use ops_coordinator_excerpt::excerpt;

use super::error::ScenarioError;
use super::reader::Item;
use super::step::Target;

/// What a target may be, in words.
const TARGET: &str = "a unit such as \"app/0\", \"holder\" or \"leader\"";

pub(super) fn target(item: &Item<'_>) -> Result<Target, ScenarioError> {
    target_of(item, item.text(TARGET)?)
}

/// The target that a text means; `item` is where it stands.
pub(super) fn target_of(item: &Item<'_>, text: &str) -> Result<Target, ScenarioError> {
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
