//! What a unit counts about its turns, and how Prometheus reads it.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::{Journal, LockJournal, UnitName};

/// What a unit has counted for one lock since its journal was made. It is lost with the journal, as counters may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Turns that ended with success.
    pub done: u64,
    /// Requests that the unit took back.
    pub withdrawn: u64,
    /// Requests that an operator cancelled.
    pub cancelled: u64,
    /// Requests that an operator skipped.
    pub skipped: u64,
    /// Invitations and calls of campaigns that the unit passed.
    pub passed: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Attempts that were cut off.
    pub interruptions: u64,
    /// Turns whose wait is counted in `wait_seconds`.
    pub waits: u64,
    /// From request to first attempt, in seconds, all waits together.
    pub wait_seconds: u64,
    /// Attempts whose duration is counted in `operation_seconds`.
    pub operations: u64,
    /// From start to end of an attempt, in seconds, all attempts together.
    pub operation_seconds: u64,
}

impl Tally {
    /// Whether nothing is counted yet.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The metrics of one unit, in the text format of Prometheus 0.0.4.
pub(crate) fn metrics(unit: &UnitName, journal: &Journal) -> String {
    let mut text = String::new();
    for metric in METRICS {
        let name = format!("ops_coordinator_{}", metric.name);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", metric.help);
        let _ = writeln!(text, "# TYPE {name} {}", metric.kind);
        for (lock, state) in &journal.locks {
            for (series, value) in (metric.values)(state) {
                let (suffix, label) = match series.strip_prefix('_') {
                    Some(_) => (series, String::new()),
                    None if series.is_empty() => ("", String::new()),
                    None => ("", format!(",outcome=\"{series}\"")),
                };
                // Neither a lock's nor a unit's name needs an escape.
                let _ = writeln!(
                    text,
                    "{name}{suffix}{{unit=\"{unit}\",lock=\"{lock}\"{label}}} {value}"
                );
            }
        }
    }
    text
}

struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    /// Each series: a suffix of the name, or an outcome, or nothing; and its value.
    values: fn(&LockJournal) -> Vec<(&'static str, u64)>,
}

const METRICS: &[Metric] = &[
    Metric {
        name: "requests_total",
        kind: "counter",
        help: "Requests of this unit that are over, by outcome.",
        values: |state| {
            let tally = &state.tally;
            vec![
                ("done", tally.done),
                ("withdrawn", tally.withdrawn),
                ("cancelled", tally.cancelled),
                ("skipped", tally.skipped),
                ("passed", tally.passed),
            ]
        },
    },
    Metric {
        name: "failures_total",
        kind: "counter",
        help: "Attempts that failed.",
        values: |state| vec![("", state.tally.failures)],
    },
    Metric {
        name: "interruptions_total",
        kind: "counter",
        help: "Attempts that were cut off and begun again.",
        values: |state| vec![("", state.tally.interruptions)],
    },
    Metric {
        name: "wait_seconds",
        kind: "summary",
        help: "From request to first attempt.",
        values: |state| {
            let tally = &state.tally;
            vec![("_sum", tally.wait_seconds), ("_count", tally.waits)]
        },
    },
    Metric {
        name: "operation_seconds",
        kind: "summary",
        help: "From start to end of an attempt.",
        values: |state| {
            let tally = &state.tally;
            vec![
                ("_sum", tally.operation_seconds),
                ("_count", tally.operations),
            ]
        },
    },
    Metric {
        name: "outstanding",
        kind: "gauge",
        help: "Requests of this unit that are not over.",
        values: |state| vec![("", state.record.seq.saturating_sub(state.record.done))],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LockRecord;
    use crate::fixture::lock;

    #[test]
    fn prometheus_reads_each_metric_of_each_lock_with_its_unit() {
        let mut journal = Journal::default();
        journal.locks.entry(lock()).or_default().tally = Tally {
            done: 3,
            failures: 2,
            waits: 3,
            wait_seconds: 95,
            ..Tally::default()
        };
        let backup = journal.locks.entry("backup".parse().unwrap()).or_default();
        backup.record = LockRecord {
            seq: 1,
            ..LockRecord::default()
        };
        let text = metrics(&"app/1".parse().unwrap(), &journal);
        for line in [
            "# TYPE ops_coordinator_requests_total counter",
            r#"ops_coordinator_requests_total{unit="app/1",lock="restart",outcome="done"} 3"#,
            r#"ops_coordinator_requests_total{unit="app/1",lock="backup",outcome="done"} 0"#,
            r#"ops_coordinator_failures_total{unit="app/1",lock="restart"} 2"#,
            r#"ops_coordinator_wait_seconds_sum{unit="app/1",lock="restart"} 95"#,
            r#"ops_coordinator_wait_seconds_count{unit="app/1",lock="restart"} 3"#,
            r#"ops_coordinator_outstanding{unit="app/1",lock="backup"} 1"#,
        ] {
            assert!(text.lines().any(|said| said == line), "{line}\n{text}");
        }
        let types = text.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!(types.count(), METRICS.len(), "each type is said once");
    }
}
