//! Reads the `[[step]]` tables of a scenario.

use super::act;
use super::error::ScenarioError;
use super::reader::{Item, Table};
use super::step::{Act, After, Moment, Step};

/// Reads one step, with the moment of one that names none.
pub(super) fn read(table: &Table<'_>, usual: After) -> Result<Step, ScenarioError> {
    let key = act::key(table, &["after", "note"])?;
    let after = match table.get("after") {
        Some(item) => read_after(&item)?,
        None => usual,
    };
    let note = table.optional("note", |item| item.text("a string"))?;
    let note = note.map(str::to_owned);
    let act = match key {
        Some(key) => act::read(key, table)?,
        None if table.has("after") => Act::Wait,
        None => {
            let keys = act::keys().join(", ");
            return Err(table.error(format!("a step needs one of: {keys}")));
        }
    };
    Ok(Step { after, act, note })
}

fn read_after(item: &Item<'_>) -> Result<After, ScenarioError> {
    if !item.is_table() {
        let text = item.text("\"idle\", a duration such as \"2s\", or a table")?;
        if text == "idle" {
            return Ok(After::IDLE);
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
