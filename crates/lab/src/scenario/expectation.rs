//! Reads what a step expects.

use super::error::ScenarioError;
use super::reader::Item;
use super::step::{Act, Expectation};

/// Reads the table of an `expect`.
pub(super) fn read(item: &Item<'_>) -> Result<Act, ScenarioError> {
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
    Ok(Act::Expect(Expectation {
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
