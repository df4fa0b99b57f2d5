//! The status as a table.

use ops_coordinator_excerpt::table::{Align, Table};
use ops_coordinator_excerpt::{LONG, excerpt};

use super::{LockStatus, Status, UnitStatus};

impl Status {
    /// The status for people: one row for each unit.
    pub fn table(&self) -> String {
        text_of(self)
    }
}

fn text_of(status: &Status) -> String {
    let mut text = String::new();
    if status.locks.is_empty() {
        text.push_str("No unit has requested a turn yet.\n");
    }
    for (lock, state) in &status.locks {
        let paused = state
            .paused
            .as_ref()
            .map(|why| format!(", paused: {}", excerpt(why)))
            .unwrap_or_default();
        let campaign = state.campaign.as_ref();
        let campaign = campaign.map(|campaign| format!(", {}", campaign.summary()));
        let campaign = campaign.unwrap_or_default();
        text.push_str(&format!("lock {lock}{paused}{campaign}\n"));
        text.push_str(&units(state, status).to_string());
    }
    for (lock, words) in &status.shared {
        text.push_str(&format!(
            "this unit {}, for {lock}\n",
            excerpt(words).up_to(LONG)
        ));
    }
    for warning in &status.warnings {
        text.push_str(&format!("warning: {}\n", excerpt(warning).up_to(LONG)));
    }
    text
}

/// The units of one lock. What they want to do has a column only if one of them says so.
fn units(state: &LockStatus, status: &Status) -> Table {
    let named = state.units.iter().any(|unit| unit.operation.is_some());
    let columns = [
        ("UNIT", Align::Left),
        ("PLACE", Align::Left),
        ("SINCE", Align::Right),
        ("DONE", Align::Right),
        ("OPERATION", Align::Left),
        ("WHY", Align::Left),
    ];
    let shown = |(title, _): &(&str, Align)| named || *title != "OPERATION";
    let columns: Vec<_> = columns.into_iter().filter(shown).collect();
    let mut table = Table::new(&columns);
    for unit in &state.units {
        let mut cells = vec![
            name(unit, status),
            unit.place(),
            since(unit, status),
            unit.done.to_string(),
        ];
        if named {
            let operation = unit.operation.as_deref().unwrap_or("-");
            cells.push(excerpt(operation).to_string());
        }
        // Of an idle unit it is worth knowing how its last turn ended.
        let why = why(unit).or_else(|| unit.last.clone());
        let why = why.unwrap_or_else(|| "-".to_owned());
        cells.push(excerpt(&why).up_to(LONG).to_string());
        table.row(cells);
    }
    table
}

/// What a unit waits for, and why it is unavailable.
fn why(unit: &UnitStatus) -> Option<String> {
    let unavailable = unit.unavailable.as_ref();
    let unavailable = unavailable.map(|why| format!("unavailable: {why}"));
    match (&unit.wait, unavailable) {
        (Some(wait), Some(why)) => Some(format!("{wait}; {why}")),
        (wait, why) => wait.clone().or(why),
    }
}

fn name(unit: &UnitStatus, status: &Status) -> String {
    let is_leader = Some(&unit.unit) == status.leader.as_ref();
    let star = if is_leader { "*" } else { "" };
    format!("{}{star}", excerpt(&unit.unit.to_string()))
}

/// How long a unit has been where it is, in the largest unit of time that fits.
fn since(unit: &UnitStatus, status: &Status) -> String {
    let (Some(since), Some(now)) = (unit.since, status.now) else {
        return "-".to_owned();
    };
    match now.seconds_since(since) {
        seconds @ ..=119 => format!("{seconds} s"),
        seconds @ ..=7199 => format!("{} min", seconds / 60),
        seconds @ ..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
