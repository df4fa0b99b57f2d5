//! The wakers of a run: each runs a hook some seconds after it was asked for, unless another has come.

use std::collections::BTreeMap;

use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::simulation::{Deed, Simulation, VirtualCharm};
use ops_coordinator_lab::world::AgentStatus;
use serde_json::Value;

/// As the production waker does, see `ops_coordinator_juju::run_waker`.
const PATIENCE: u64 = 5_000;
const TRIES: u32 = 6;

#[derive(Debug)]
struct Waker {
    at: u64,
    context: String,
    tried: u32,
}

/// The wakers, by unit.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    wakers: BTreeMap<UnitName, Waker>,
}

impl Wakers {
    pub(super) fn ask(&mut self, unit: UnitName, context: String, now: u64) {
        self.wakers.insert(
            unit,
            Waker {
                at: now + PATIENCE,
                context,
                tried: 0,
            },
        );
    }

    pub(super) fn are_none(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Lets those go off whose time has come. With `early` the next goes off, whenever its time comes:
    /// nothing else happens until then.
    pub(super) fn go_off<F>(&mut self, simulation: &mut Simulation<F>, early: bool)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let now = simulation.now();
        let next = self.wakers.values().map(|waker| waker.at).min();
        let until = if early {
            next.unwrap_or(now).max(now)
        } else {
            now
        };
        let due = self.wakers.iter().filter(|(_, waker)| waker.at <= until);
        let due: Vec<UnitName> = due.map(|(unit, _)| unit.clone()).collect();
        for unit in due {
            self.try_one(simulation, unit);
        }
    }

    fn try_one<F>(&mut self, simulation: &mut Simulation<F>, unit: UnitName)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let Some(mut waker) = self.wakers.remove(&unit) else {
            return;
        };
        let status = simulation.world().unit(&unit);
        let last = last_session(simulation, &unit);
        if status.is_none() || last["context"] != waker.context.as_str() {
            return;
        }
        let lost = status.is_some_and(|status| status.agent == AgentStatus::Lost);
        if !lost {
            simulation.strike(&Deed::Exec {
                unit: unit.number(),
                command: "dispatch".to_owned(),
            });
        }
        waker.tried += 1;
        if waker.tried < TRIES {
            waker.at = simulation.now() + PATIENCE * 2_u64.pow(waker.tried);
            self.wakers.insert(unit, waker);
        }
    }

    /// The hook that a waker ran has failed.
    pub(super) fn failed<F>(&mut self, simulation: &Simulation<F>, unit: &UnitName)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let last = last_session(simulation, unit);
        if let Some(context) = last["context"].as_str() {
            let tried = self.wakers.get(unit).map_or(1, |waker| waker.tried);
            let at = simulation.now() + PATIENCE * 2_u64.pow(tried);
            self.wakers.insert(
                unit.clone(),
                Waker {
                    at,
                    context: context.to_owned(),
                    tried,
                },
            );
        }
    }
}

/// What the unit's last hook left behind of itself.
fn last_session<F>(simulation: &Simulation<F>, unit: &UnitName) -> Value
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    let disk = simulation.disk(unit);
    let session = disk
        .as_ref()
        .and_then(|disk| disk.get("coordinator/session.json"));
    session
        .and_then(|text| serde_json::from_slice(text).ok())
        .unwrap_or_default()
}
