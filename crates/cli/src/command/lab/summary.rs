//! The tables at the end of a run.

use ops_coordinator_lab::report::{Report, UnitReport, describe};

use ops_coordinator_excerpt::table::{Align, Table};

/// What each unit did, and whether each lock's limit was respected.
pub(super) fn summary(report: &Report) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("unit", Left),
        ("hooks", Right),
        ("failed", Right),
        ("killed", Right),
        ("agent", Left),
        ("status", Left),
    ]);
    for UnitReport { status, killed, .. } in &report.units {
        let star = if status.leader { "*" } else { "" };
        table.row([
            format!("{}{star}", status.unit),
            status.runs.to_string(),
            status.failures.to_string(),
            killed.to_string(),
            describe(&status.agent),
            format!("{} {}", status.workload, status.message)
                .trim()
                .to_owned(),
        ]);
    }
    let mut text = table.to_string();
    if !report.gone.is_empty() {
        let names: Vec<_> = report.gone.iter().map(ToString::to_string).collect();
        text.push_str(&format!("gone: {}\n", names.join(" ")));
    }
    if report.locks.is_empty() {
        return text;
    }
    let mut table = Table::new(&[
        ("lock", Left),
        ("limit", Right),
        ("turns", Right),
        ("most inside", Right),
        ("verdict", Left),
    ]);
    for lock in &report.locks {
        table.row([
            lock.lock.clone(),
            lock.limit.to_string(),
            lock.finished().to_string(),
            lock.most_inside.to_string(),
            lock.breach()
                .unwrap_or_else(|| format!("at most {} inside", lock.limit)),
        ]);
    }
    format!("{text}\n{table}")
}
