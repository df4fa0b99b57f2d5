//! The summary at the end of a run: what each unit did, and whether each lock's limit was respected.

mod turn;

use std::collections::BTreeMap;

use crate::history::{Event, Happening, Life, Outcome};
use crate::name::UnitName;
use crate::world::{AgentStatus, UnitStatus, World};

pub use turn::{LockReport, Spell, Turn};

/// The summary of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The remaining units, sorted.
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
    /// Whether its charm has ever set its status.
    pub spoke: bool,
}

impl UnitReport {
    /// The status that Juju shows: `error` while a failed hook waits, otherwise the charm's status.
    pub fn shown_status(&self) -> &str {
        match self.status.agent {
            AgentStatus::Error { .. } => "error",
            _ => &self.status.workload,
        }
    }

    /// What is wrong with the unit, if anything: it is in error, or in a status that says so. A unit whose agent is
    /// down, disconnected or lost cannot say.
    fn problem(&self) -> Option<String> {
        let unit = &self.status.unit;
        if let AgentStatus::Error { hook, attempt, .. } = &self.status.agent {
            let times = match attempt {
                1 => "once".to_owned(),
                _ => format!("{attempt} times"),
            };
            return Some(format!("{unit} is in error: {hook} failed {times}"));
        }
        let stuck = matches!(self.shown_status(), "waiting" | "blocked");
        let counts =
            self.spoke && self.status.life == Life::Alive && self.status.agent != AgentStatus::Lost;
        (stuck && counts).then(|| {
            let text = format!(
                "{unit} is {}: {}",
                self.status.workload, self.status.message
            );
            text.trim_end_matches([' ', ':']).to_owned()
        })
    }
}

impl Report {
    /// Summarises the run so far; `limits` gives how many units may be inside a lock, by default 1.
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
        let spoke = |unit: &UnitName| {
            let of_unit = |event: &Event| match &event.happening {
                Happening::Status {
                    unit: other,
                    of_application,
                    ..
                } => other == unit && !of_application,
                _ => false,
            };
            events.iter().any(of_unit)
        };
        let units = world
            .units()
            .into_iter()
            .filter(|unit| unit.life != Life::Dead);
        let units: Vec<_> = units
            .map(|status| UnitReport {
                killed: killed(&status.unit),
                spoke: spoke(&status.unit),
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

    /// Problems, one sentence each: units in error, in `waiting` or `blocked`, and exceeded limits. `expected` gives
    /// the status that a unit is supposed to have, by unit name.
    pub fn problems(&self, expected: &BTreeMap<String, String>) -> Vec<String> {
        let meant = |unit: &&UnitReport| {
            let status = expected.get(&unit.status.unit.to_string());
            status.is_some_and(|status| status == unit.shown_status())
        };
        let units = self.units.iter().filter(|unit| !meant(unit));
        let locks = self.locks.iter().filter_map(LockReport::breach);
        units.filter_map(UnitReport::problem).chain(locks).collect()
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
