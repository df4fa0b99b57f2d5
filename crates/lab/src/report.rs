//! The summary at the end of a run: what each unit did, and whether each lock was kept.

mod table;
mod turn;

use std::collections::BTreeMap;
use std::fmt;

use crate::history::{Event, Happening, Life, Outcome};
use crate::name::UnitName;
use crate::world::{AgentStatus, UnitStatus, World};

pub use table::{Align, Table};
pub use turn::{LockReport, Spell, Turn};

/// What there is to say about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The units that are left, sorted.
    pub units: Vec<UnitReport>,
    /// The units that are gone, sorted.
    pub gone: Vec<UnitName>,
    /// Every lock that was marked, sorted by name.
    pub locks: Vec<LockReport>,
}

/// What one unit did.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitReport {
    /// The unit and its state at the end.
    pub status: UnitStatus,
    /// How many of its hooks, actions and commands were killed or lost their agent.
    pub killed: usize,
}

impl Report {
    /// Sums up what happened so far; `limits` says how many may be inside a lock, 1 where it says
    /// nothing.
    pub fn of(world: &World, limits: &BTreeMap<String, u32>) -> Self {
        let events = world.history().events();
        let killed = |unit: &UnitName| {
            let of_unit = |event: &&Event| match &event.happening {
                Happening::HookEnd {
                    unit: other,
                    outcome,
                    ..
                } => other == unit && matches!(outcome, Outcome::Killed | Outcome::Crashed),
                _ => false,
            };
            events.iter().filter(of_unit).count()
        };
        let units = world
            .units()
            .into_iter()
            .filter(|unit| unit.life != Life::Dead);
        let units: Vec<_> = units
            .map(|status| UnitReport {
                killed: killed(&status.unit),
                status,
            })
            .collect();
        let dead = events.iter().filter_map(|event| match &event.happening {
            Happening::Life {
                unit,
                life: Life::Dead,
            } => Some(unit.clone()),
            _ => None,
        });
        let mut gone: Vec<_> = dead.collect();
        gone.sort();
        gone.dedup();
        gone.retain(|name| units.iter().all(|unit| unit.status.unit != *name));
        Self {
            units,
            gone,
            locks: LockReport::all(events, limits),
        }
    }

    /// What is not well, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for unit in &self.units {
            if let AgentStatus::Error { hook, attempt, .. } = &unit.status.agent {
                let times = if *attempt == 1 {
                    "once"
                } else {
                    &format!("{attempt} times")
                };
                problems.push(format!(
                    "{} is in error: {hook} failed {times}",
                    unit.status.unit
                ));
            }
        }
        problems.extend(self.locks.iter().filter_map(LockReport::breach));
        problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("unit", Left),
            ("hooks", Right),
            ("failed", Right),
            ("killed", Right),
            ("agent", Left),
            ("status", Left),
        ]);
        for UnitReport { status, killed } in &self.units {
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
        write!(f, "{table}")?;
        if !self.gone.is_empty() {
            let names: Vec<_> = self.gone.iter().map(ToString::to_string).collect();
            writeln!(f, "gone: {}", names.join(" "))?;
        }
        if self.locks.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(&[
            ("lock", Left),
            ("limit", Right),
            ("turns", Right),
            ("most inside", Right),
            ("verdict", Left),
        ]);
        for lock in &self.locks {
            table.row([
                lock.lock.clone(),
                lock.limit.to_string(),
                lock.finished().to_string(),
                lock.most_inside.to_string(),
                lock.breach()
                    .unwrap_or_else(|| format!("never more than {} inside", lock.limit)),
            ]);
        }
        write!(f, "\n{table}")
    }
}

/// An agent's status in a few words.
pub fn describe(agent: &AgentStatus) -> String {
    match agent {
        AgentStatus::Idle => "idle".to_owned(),
        AgentStatus::Executing(hook) => hook.clone(),
        AgentStatus::Error { hook, .. } => format!("error: {hook}"),
        AgentStatus::Lost => "lost".to_owned(),
    }
}
