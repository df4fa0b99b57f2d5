//! The wakers of a run: each runs a hook some seconds after it was asked for, unless another has come; or, at once,
//! a visit that writes a line which a long hook has left behind.

use std::collections::BTreeMap;

use ops_coordinator_juju::Errand;
use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::simulation::{Deed, Simulation, VirtualCharm};
use ops_coordinator_lab::world::AgentStatus;
use serde_json::Value;

use super::bridge::Wish;
use super::disk;
use super::unit::VISIT;

/// As the production waker does, see `ops_coordinator_juju::run_waker`.
const PATIENCE: u64 = 5_000;
const TRIES: u32 = 6;

#[derive(Debug)]
struct Waker {
    at: u64,
    context: String,
    tried: u32,
}

/// Whom a waker wakes, on which endpoint, and whether for a line.
type Place = (UnitName, String, bool);

/// The wakers.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    wakers: BTreeMap<Place, Waker>,
}

impl Wakers {
    pub(super) fn ask<F>(&mut self, simulation: &Simulation<F>, unit: UnitName, wish: &Wish)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let line = wish.errand == Errand::Line;
        let waker = Waker {
            at: simulation.now() + if line { 0 } else { PATIENCE },
            context: wish.context.clone(),
            tried: 0,
        };
        self.wakers
            .insert((unit, wish.endpoint.clone(), line), waker);
    }

    pub(super) fn are_none(&self) -> bool {
        self.wakers.is_empty()
    }

    /// A hook of the unit has ended: a waker waits for that before it counts the seconds.
    pub(super) fn hook_ended(&mut self, unit: &UnitName, now: u64) {
        let waiting = self.wakers.iter_mut();
        let waiting = waiting.filter(|((woken, _, line), _)| woken == unit && !line);
        for (_, waker) in waiting {
            waker.at = waker.at.max(now + PATIENCE);
        }
    }

    /// All wakers of a unit die.
    pub(super) fn end(&mut self, unit: &UnitName) {
        self.wakers.retain(|(woken, ..), _| woken != unit);
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
        let due: Vec<Place> = due.map(|(place, _)| place.clone()).collect();
        for place in due {
            self.try_one(simulation, place);
        }
    }

    fn try_one<F>(&mut self, simulation: &mut Simulation<F>, place: Place)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let Some(mut waker) = self.wakers.remove(&place) else {
            return;
        };
        let (unit, endpoint, line) = &place;
        let Some(status) = simulation.world().unit(unit) else {
            return;
        };
        let needed = if *line {
            let disk = simulation.disk(unit);
            disk.is_some_and(|disk| disk::has_pending_line(&disk, endpoint))
        } else {
            last_session(simulation, unit, endpoint)["context"] == waker.context.as_str()
        };
        if !needed {
            return;
        }
        if !*line && matches!(status.agent, AgentStatus::Executing(_)) {
            waker.at = simulation.now() + PATIENCE;
            self.wakers.insert(place, waker);
            return;
        }
        if status.agent != AgentStatus::Lost {
            simulation.strike(&Deed::Exec {
                unit: unit.number(),
                command: if *line {
                    format!("{VISIT}{endpoint}")
                } else {
                    "dispatch".to_owned()
                },
            });
        }
        waker.tried += 1;
        if waker.tried < TRIES {
            let patience = PATIENCE * 2_u64.pow(waker.tried - u32::from(*line));
            waker.at = simulation.now() + patience;
            self.wakers.insert(place, waker);
        }
    }

    /// A visit has come to a good end.
    pub(super) fn visited(&mut self, unit: &UnitName) {
        self.wakers
            .retain(|(woken, _, line), _| woken != unit || !line);
    }

    /// The hook that a waker ran has failed.
    pub(super) fn failed<F>(&mut self, simulation: &Simulation<F>, unit: &UnitName)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        for endpoint in disk::ENDPOINTS {
            let last = last_session(simulation, unit, endpoint);
            let place = (unit.clone(), endpoint.to_owned(), false);
            if let Some(context) = last["context"].as_str() {
                let tried = self.wakers.get(&place).map_or(1, |waker| waker.tried);
                let at = simulation.now() + PATIENCE * 2_u64.pow(tried);
                self.wakers.insert(
                    place,
                    Waker {
                        at,
                        context: context.to_owned(),
                        tried,
                    },
                );
            }
        }
    }
}

/// What the unit's last hook left behind of itself.
fn last_session<F>(simulation: &Simulation<F>, unit: &UnitName, endpoint: &str) -> Value
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    let disk = simulation.disk(unit);
    disk.map(|disk| disk::last_session(&disk, endpoint))
        .unwrap_or_default()
}
