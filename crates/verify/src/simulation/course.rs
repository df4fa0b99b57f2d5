//! One run of one recipe, from deployment to rest.

mod etcd;
mod observe;
mod repair;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_core::policy::{Limit, Rules, Waves};
use ops_coordinator_juju::SharedLock;
use ops_coordinator_lab::deed::Deed;
use ops_coordinator_lab::history::Event;
use ops_coordinator_lab::simulation::{End, Limits, Plan, Simulation, VirtualCharm};
use ops_coordinator_lab::{Application, UnitName};
use serde_json::json;

use super::lease::Lease;
use super::outer::{Outer, shared_lock};
use super::recipe::{Recipe, STATUS};
use super::referee::Referee;
use super::revision::{declared_at_first, revisions};
use super::shared::Shared;
use super::sight::Sight;
use super::unit::{Behaviour, VirtualUnit};
use super::waker::Wakers;
use crate::charm::ENDPOINT;
use crate::{Bug, Charm};

/// For how long `update-status` may bring what no event brings, in milliseconds: eight rounds of it. A removal that Juju
/// does not tell takes two, a relation that is lost two more, and a slow leader may have to work off its events first.
const PATIENCE: u64 = 2_400_000;

/// How often an operator looks after the repair.
const OPERATOR_ROUNDS: u32 = 12;

/// What is wrong with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The promise that was broken; its name.
    pub promise: &'static str,
    /// What was found.
    pub found: String,
}

/// What became of a recipe.
#[derive(Debug)]
pub struct Course {
    /// What is wrong, if anything.
    pub violation: Option<Violation>,
    /// Whether it stopped at the edge of the failure model, see `docs/guarantees.md`: Juju did not keep what it promises
    /// a leader, the leader could not know of a relation that others follow, or a unit of an operation that goes on.
    pub beyond: bool,
    /// How many hooks were run.
    pub hooks: u64,
    /// How many of them after everything was repaired.
    pub hooks_after_repair: u64,
    /// How many operations succeeded.
    pub turns: u64,
    /// What happened.
    pub history: Vec<Event>,
}

type Units<'a> = Box<dyn FnMut(&UnitName) -> Box<dyn VirtualCharm> + 'a>;

struct Run {
    simulation: Simulation<Units<'static>>,
    shared: Rc<RefCell<Shared>>,
    referee: Referee,
    lease: Lease,
    sight: Sight,
    beyond: bool,
    wakers: Wakers,
    /// Whether the command that a unit runs is a visit.
    commands: BTreeMap<String, bool>,
    seen: usize,
    repaired_with: Option<u64>,
    operator_rounds: u32,
    /// Since when nobody has had to do anything any more: neither faults nor an operator's orders are left.
    settled_at: u64,
    /// When everything was idle for the first time after the repair: where hooks are slow, many events were left.
    rested_at: Option<u64>,
    /// When nobody waited any more.
    served_at: Option<u64>,
    /// How much had happened to those inside a shared lock.
    progress: usize,
    bug: Option<Bug>,
}

/// Runs a recipe, perhaps with a seeded bug.
pub fn simulate(recipe: &Recipe, bug: Option<Bug>) -> Course {
    let mut run = match Run::new(recipe, bug) {
        Ok(run) => run,
        Err(found) => {
            let violation = Some(Violation {
                promise: "a-recipe-can-be-run",
                found,
            });
            return Course {
                violation,
                beyond: false,
                hooks: 0,
                hooks_after_repair: 0,
                turns: 0,
                history: Vec::new(),
            };
        }
    };
    let violation = run.run_to_rest(recipe).err();
    let (hooks, beyond) = (run.simulation.hooks(), run.beyond);
    let turns = run.referee.turns;
    let repaired_with = run.repaired_with.unwrap_or(hooks);
    let mut outcome = run.simulation.into_outcome(End::Idle);
    Course {
        violation,
        beyond,
        hooks,
        hooks_after_repair: hooks - repaired_with,
        turns,
        history: outcome.world.history_mut().take(),
    }
}

/// How many hooks may follow the repair until every unit has had a turn: this many for each unit and each
/// of its peers, and some for what had piled up.
pub(super) fn bound(units: u64) -> u64 {
    30 * units * units + 200
}

impl Run {
    fn new(recipe: &Recipe, bug: Option<Bug>) -> Result<Self, String> {
        let locks = ["restart", "backup"].iter().take(recipe.locks);
        let charm = Charm {
            locks: locks.filter_map(|name| name.parse().ok()).collect(),
            homes: vec![ENDPOINT; recipe.locks],
            shared: shared_locks(recipe),
            policy: Rules {
                limit: Limit::new(recipe.limit).unwrap_or_default(),
                sequence: recipe.sequence.clone(),
                waves: if recipe.zones {
                    Waves::Zone
                } else {
                    Waves::One
                },
                canary: recipe.canary,
                lookahead: recipe.lookahead,
                max_unavailable: recipe.max_unavailable.and_then(Limit::new),
            },
            bug,
        };
        let mut application = Application::with_peers("app", declared_at_first(recipe));
        application.config.insert("generation".to_owned(), json!(0));
        let actions = [
            "ask", "cancel", "skip", "retry", "pause", "resume", "roll", "abort",
        ];
        application.actions = actions.map(str::to_owned).into();
        let limit = recipe.limit as usize;
        let limits = charm
            .locks
            .iter()
            .map(|lock| (lock.to_string(), limit))
            .collect();
        let mut deeds = recipe.deeds.clone();
        // Time goes on until the window opens, even if nothing else happens.
        deeds.extend(
            recipe
                .shut
                .map(|(_, to)| (to, Deed::Config(BTreeMap::new()))),
        );
        deeds.sort_by_key(|(at, _)| *at);
        let plan = Plan {
            deeds,
            latency: recipe.latency,
            limits_of_locks: limits,
            limits: Limits {
                past_idle: true,
                ..Limits::default()
            },
            ..Plan::new(application, recipe.units)
        };
        let tells_processes = recipe.tells_processes && bug != Some(Bug::OrphansFinishCounts);
        let outer = recipe.shared.as_ref();
        let outer = outer.map(|plan| Outer::new(plan, recipe.seed, tells_processes, bug));
        let shared = Rc::new(RefCell::new(Shared::new(outer)));
        let behaviour = Rc::new(Behaviour {
            charm,
            revisions: revisions(recipe),
            seed: recipe.seed,
            lowered: recipe.lowered,
            zones: recipe.zones,
            ails: recipe.max_unavailable.is_some(),
            thinks: recipe.thinks,
            shut: recipe.shut,
            check: recipe.check,
            check_fails: recipe.check_fails,
            recovery: recipe.recovery,
            faults_until: recipe.repaired_at,
            operations_fail: recipe.operations_fail,
            operations_stop: recipe.operations_stop,
            slow: recipe.slow,
            long: recipe.long,
            ignores: recipe.ignores,
            forgets: recipe.forgets,
            passes: recipe.passes,
            announces: recipe.announces,
            tells_processes,
            tool_delays: recipe.settings.tool_delays.clone(),
        });
        let units = Rc::clone(&shared);
        let units: Units<'static> =
            Box::new(move |_: &UnitName| Box::new(VirtualUnit::new(&behaviour, &units)));
        let simulation = Simulation::new(recipe.settings.clone(), plan, units);
        Ok(Self {
            simulation: simulation.map_err(|error| error.to_string())?,
            shared,
            referee: Referee::new(recipe.forgets, recipe.check),
            commands: BTreeMap::new(),
            lease: Lease::default(),
            sight: Sight::default(),
            beyond: false,
            wakers: Wakers::default(),
            seen: 0,
            repaired_with: None,
            operator_rounds: 0,
            settled_at: recipe.repaired_at,
            rested_at: None,
            served_at: None,
            progress: 0,
            bug,
        })
    }

    /// Runs until nothing is left to do.
    fn run_to_rest(&mut self, recipe: &Recipe) -> Result<(), Violation> {
        let patience = if recipe.settings.update_status_interval == 0 {
            0
        } else {
            PATIENCE
        };
        loop {
            self.let_etcd_work(false);
            let _ = self.wakers.go_off(&mut self.simulation, false);
            let end = self.simulation.advance();
            self.observe()?;
            if self.beyond {
                return Ok(());
            }
            let (now, over) = (self.simulation.now(), end.is_some());
            if matches!(end, Some(End::TooManyHooks | End::TooLate)) {
                return Err(self.late("the run does not end".to_owned()));
            }
            let idle = over || self.simulation.world().is_idle();
            if self.repaired_with.is_none() {
                if now >= recipe.repaired_at || over {
                    self.repair();
                }
                continue;
            }
            let since = self.simulation.hooks() - self.repaired_with.unwrap_or_default();
            if since > self.longest(recipe, patience) {
                return Err(self.late(format!("{since} hooks after the repair")));
            }
            self.let_all_forget();
            if !idle {
                continue;
            }
            if !self.wakers.are_none() {
                let leapt = self.wakers.go_off(&mut self.simulation, true);
                // Nothing else happens until then, but the clocks go on.
                self.shared.borrow_mut().leapt += leapt;
            } else if self.waiting().is_empty() && !self.rivals_wait() {
                // A unit whose last hook was cut off gives its place back in the next one.
                let served_at = *self.served_at.get_or_insert(now);
                if over || self.nothing_in_etcd() || now > served_at + 2 * STATUS {
                    return self.check_etcd_at_rest();
                }
            } else if self.has_progressed() {
                self.rested_at = Some(now);
            } else if over && self.let_etcd_work(true) {
                // Time goes on there although nothing happens here.
            } else if self.operator_looks() {
                // What that brings is yet to come.
            } else {
                let rested_at = *self.rested_at.get_or_insert(now);
                if over || now > self.settled_at.max(rested_at) + patience {
                    return Err(self.late("everything is idle".to_owned()));
                }
            }
        }
    }

    /// How many hooks it may take after the repair.
    fn longest(&self, recipe: &Recipe, patience: u64) -> u64 {
        let units = self.simulation.world().units().len() as u64;
        let for_status = if patience == 0 { 0 } else { units * 20 };
        // Each endpoint has a line of its own, and hooks that tell of it.
        let lines = recipe.endpoints();
        bound(units.max(recipe.units.into())) * lines + for_status
    }

    fn waiting(&self) -> Vec<String> {
        let inside = self.simulation.judge().inside();
        let inside = inside.iter().map(ToString::to_string);
        let inside = inside.filter(|unit| self.referee.knows(unit));
        let inside = inside.map(|unit| format!("{unit} (inside)"));
        self.referee.waiting().into_iter().chain(inside).collect()
    }

    fn late(&self, found: String) -> Violation {
        let waiting = self.waiting().join(", ");
        Violation {
            promise: "every-request-is-served",
            found: format!("{found}, and {waiting} still waits"),
        }
    }
}

fn shared_locks(recipe: &Recipe) -> Vec<SharedLock> {
    let plan = recipe.shared.as_ref();
    let locks = (0..recipe.locks).map(|number| shared_lock(plan?, number));
    locks.flatten().collect()
}

fn told(violation: ops_coordinator_core::invariant::Violation) -> Violation {
    Violation {
        promise: violation.invariant,
        found: violation.found,
    }
}
