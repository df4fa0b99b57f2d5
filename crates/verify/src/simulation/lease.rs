//! Where the failure model ends: no protocol can build on a lease that Juju does not honour.

use std::collections::BTreeMap;

use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::history::{Condition, Event, Happening};

/// For how long Juju promises to a unit that it leads, in milliseconds. What takes the lease away sooner, and
/// gives it back, breaks Juju's promise, not ours.
const PROMISED: u64 = 30_000;
/// How long a machine that stood still, its clock with it, may go on to believe in a lease of a minute.
const DELUSION: u64 = 60_000;
/// Instead of the time at which a machine went on: it has not.
const STILL: u64 = u64::MAX - DELUSION;

/// A hook that has begun.
#[derive(Debug)]
struct Running {
    since: u64,
    /// Whether its unit's machine stood still since it last led for certain.
    stood_still: bool,
    /// Whether another unit has led since this one did.
    lost: bool,
}

/// Watches who leads, and whether a unit gets a lease back that it does not know to have lost: what it wrote
/// before may then overwrite what another leader wrote, for Juju compares no versions.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Who leads, or led last.
    last: Option<UnitName>,
    running: BTreeMap<UnitName, Running>,
    /// When a unit's machine went on after it had stood still.
    thawed: BTreeMap<UnitName, u64>,
}

impl Lease {
    /// Takes note of the next event; true where the failure model ends with it.
    pub(super) fn see(&mut self, event: &Event) -> bool {
        match &event.happening {
            Happening::HookBegin { unit, .. } => {
                let thawed = self.thawed.get(unit);
                let stood_still = thawed.is_some_and(|at| event.at < at + DELUSION);
                let running = Running {
                    since: event.at,
                    stood_still,
                    lost: stood_still && self.last.as_ref() != Some(unit),
                };
                self.running.insert(unit.clone(), running);
            }
            Happening::HookEnd { unit, .. } => drop(self.running.remove(unit)),
            Happening::Agent {
                unit,
                condition: Condition::Suspended,
            } => {
                self.thawed.insert(unit.clone(), STILL);
                if let Some(running) = self.running.get_mut(unit) {
                    running.stood_still = true;
                }
            }
            Happening::Agent { unit, .. } => {
                if let Some(thawed) = self.thawed.get_mut(unit).filter(|at| **at == STILL) {
                    *thawed = event.at;
                }
            }
            Happening::Leader {
                unit: Some(unit), ..
            } => return self.leads(unit, event.at),
            _ => {}
        }
        false
    }

    fn leads(&mut self, unit: &UnitName, at: u64) -> bool {
        let before = self.last.replace(unit.clone());
        let other = before.filter(|before| before != unit);
        if let Some(running) = other.and_then(|other| self.running.get_mut(&other)) {
            running.lost = true;
        }
        let running = self.running.get(unit);
        running.is_some_and(|hook| hook.lost && (hook.stood_still || at < hook.since + PROMISED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(number: u32) -> UnitName {
        UnitName::new("app", number)
    }

    fn begins(number: u32) -> Happening {
        serde_json::from_value(serde_json::json!({
            "event": "hook-begin",
            "unit": unit(number),
            "context": format!("app/{number}-start-0"),
            "hook": "start",
        }))
        .unwrap()
    }

    fn leads(number: u32) -> Happening {
        Happening::Leader {
            application: "app".to_owned(),
            unit: Some(unit(number)),
        }
    }

    fn is(number: u32, condition: Condition) -> Happening {
        Happening::Agent {
            unit: unit(number),
            condition,
        }
    }

    /// Whether the failure model ends with the last of these events, and not before.
    fn ends_with_the_last(events: &[(u64, Happening)]) -> bool {
        let mut lease = Lease::default();
        let ends: Vec<bool> = events
            .iter()
            .map(|(at, happening)| {
                lease.see(&Event {
                    n: 0,
                    at: *at,
                    happening: happening.clone(),
                })
            })
            .collect();
        let (last, before) = ends.split_last().unwrap();
        assert!(!before.contains(&true));
        *last
    }

    #[test]
    fn a_lease_there_and_back_within_a_hook_is_what_the_protocol_must_bear() {
        let there_and_back = |back| {
            [
                (0, leads(0)),
                (1, begins(0)),
                (2, leads(1)),
                (back, leads(0)),
            ]
        };
        assert!(!ends_with_the_last(&there_and_back(40_000)));
        assert!(ends_with_the_last(&there_and_back(20_000)));
    }

    #[test]
    fn a_machine_that_stood_still_does_not_know_what_it_lost() {
        let events = [
            (0, leads(0)),
            (1, begins(0)),
            (2, is(0, Condition::Suspended)),
            (60_000, leads(1)),
            (120_000, is(0, Condition::Up)),
            (130_000, leads(0)),
        ];
        assert!(ends_with_the_last(&events));
    }

    #[test]
    fn a_hook_that_begins_in_the_belief_in_an_old_lease_does_not_know_either() {
        let belief = |begun| {
            [
                (0, leads(0)),
                (2, is(0, Condition::Suspended)),
                (60_000, leads(1)),
                (120_000, is(0, Condition::Up)),
                (begun, begins(0)),
                (begun + 40_000, leads(0)),
            ]
        };
        assert!(ends_with_the_last(&belief(150_000)));
        assert!(!ends_with_the_last(&belief(190_000)));
    }
}
