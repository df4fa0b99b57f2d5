//! What is said when the roll has stopped: why, and what to type in another terminal.

use std::env;
use std::path::Path;

use ops_coordinator_lab::process::Lab;

use super::charm::APPLICATION;
use super::requests::{has_failed, requests};
use crate::command::lab::quoted;

/// Why the roll has stopped, a line for each unit whose operation has failed.
pub(super) fn reasons(lab: &Lab) -> Vec<String> {
    let requests = lab.with_world(|world, _| requests(world, lab.application()));
    let failed = requests.units.iter().filter(|unit| has_failed(unit));
    let reason = |unit: &ops_coordinator_core::UnitStatus| {
        let why = unit.reason.clone().unwrap_or_default();
        let again = match unit.attempt {
            Some(attempt) if attempt > 1 => format!(" in attempt {attempt}"),
            _ => String::new(),
        };
        format!("the roll has stopped: {} failed{again}, {why}", unit.unit)
    };
    failed.map(reason).collect()
}

/// What to do about it.
pub(super) fn advice() -> Vec<String> {
    let command = typed();
    vec![
        "in another terminal:".to_owned(),
        format!("  {command} lab action {APPLICATION}/0 status  # who waits for whom, and why"),
        format!("  {command} demo resume              # let it try again"),
    ]
}

/// This command, as it is typed in a terminal.
fn typed() -> String {
    let name = "ops-coordinator";
    let Ok(own) = env::current_exe() else {
        return name.to_owned();
    };
    let is_own = |found: &Path| found.canonicalize().is_ok_and(|found| found == own);
    let path = env::var_os("PATH").unwrap_or_default();
    let first = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|found| found.is_file());
    match first {
        Some(found) if is_own(&found) => name.to_owned(),
        _ => quoted(&own.display().to_string()),
    }
}
