//! One run of one recipe, from deployment to rest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::take;
use std::rc::Rc;

use ops_coordinator_core::policy::{Limit, Rules, Waves};
use ops_coordinator_juju::{Errand, SharedLock};
use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::history::{Condition, Event, Happening, Life, Outcome};
use ops_coordinator_lab::simulation::{End, Limits, Plan, Simulation, VirtualCharm};
use ops_coordinator_lab::world::{AgentStatus, UnitStatus};
use ops_coordinator_lab::{Application, UnitName};
use serde_json::json;

use super::bridge::Wish;
use super::lease::Lease;
use super::outer::{Outer, shared_lock};
use super::recipe::{Recipe, STATUS};
use super::referee::Referee;
use super::revision::{declared_at_first, revisions};
use super::shared::Shared;
use super::sight::Sight;
use super::unit::{Behaviour, Note, VirtualUnit};
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

    /// Lets etcd and the deputies work until the next thing happens, or with `alone` the next of theirs. Returns whether
    /// there was any.
    fn let_etcd_work(&mut self, alone: bool) -> bool {
        let mut shared = self.shared.borrow_mut();
        let leapt = shared.leapt;
        let next = self.simulation.next_at().map(|at| at + leapt);
        let boots = shared.boots.clone();
        let Some(outer) = &mut shared.outer else {
            return false;
        };
        outer.boots = boots;
        let until = if alone { outer.next_at() } else { next };
        let Some(until) = until else {
            return false;
        };
        let now = outer.run_until(until);
        let (woken, ended) = (take(&mut outer.woken), take(&mut outer.ended));
        for process in ended {
            shared.process_ends(process);
        }
        drop(shared);
        if alone || !woken.is_empty() {
            self.simulation.pass(now - leapt);
        }
        for (unit, endpoint) in woken {
            let wish = Wish {
                endpoint,
                context: "deputy".to_owned(),
                errand: Errand::Later(0),
                after: 0,
            };
            if let Ok(unit) = unit.parse() {
                self.wakers.ask(self.simulation.now(), unit, &wish);
            }
        }
        true
    }

    fn nothing_in_etcd(&self) -> bool {
        let shared = self.shared.borrow();
        shared.outer.as_ref().is_none_or(Outer::is_empty)
    }

    fn rivals_wait(&self) -> bool {
        let shared = self.shared.borrow();
        shared.outer.as_ref().is_some_and(Outer::is_wanted)
    }

    /// Whether somebody has gone inside a shared lock, or out, since the last look.
    fn has_progressed(&mut self) -> bool {
        let shared = self.shared.borrow();
        let progress = shared.outer.as_ref().map_or(0, Outer::progress);
        std::mem::replace(&mut self.progress, progress) != progress
    }

    fn check_etcd_at_rest(&mut self) -> Result<(), Violation> {
        let mut shared = self.shared.borrow_mut();
        let left = shared.outer.as_mut().map(Outer::check_rest);
        left.transpose().map(drop).map_err(told)
    }

    /// Ends all faults that last.
    fn repair(&mut self) {
        self.repaired_with = Some(self.simulation.hooks());
        self.shared.borrow_mut().repaired = true;
        if let Some(outer) = &mut self.shared.borrow_mut().outer {
            outer.repair();
        }
        let units = self.simulation.world().units();
        for status in units {
            let unit = status.unit.number();
            for end in UnitDeed::ALL.iter().filter_map(|deed| deed.ended_by()) {
                self.strike(unit, end);
            }
            let after = self.simulation.world().unit(&status.unit);
            match after.map(|status| status.agent) {
                Some(AgentStatus::Error { .. }) => {
                    let retry = true;
                    self.strike(unit, UnitDeed::Resolve { retry });
                }
                // Its machine is lost: an operator says so.
                Some(AgentStatus::Lost) => {
                    let (force, untold) = (true, false);
                    self.strike(unit, UnitDeed::Remove { force, untold });
                }
                _ => {}
            }
        }
    }

    /// An operator leaves no lock paused and no unit stopped; returns whether there was anything to do.
    fn operator_looks(&mut self) -> bool {
        let (paused, stopped) = self.referee.operators_duties();
        if self.operator_rounds == OPERATOR_ROUNDS || !paused && stopped.is_empty() {
            return false;
        }
        self.operator_rounds += 1;
        self.settled_at = self.settled_at.max(self.simulation.now());
        if paused {
            self.order("resume", None);
        }
        for unit in stopped {
            let number = unit
                .rsplit('/')
                .next()
                .and_then(|number| number.parse().ok());
            // Not every unit is worth a second try.
            let name = if self.operator_rounds.is_multiple_of(3) {
                "skip"
            } else {
                "retry"
            };
            self.order(name, number);
        }
        true
    }

    /// An operator's action on all units: whichever of them leads, carries it out.
    fn order(&mut self, name: &str, about: Option<u32>) {
        let about = about.map(|unit| ("unit".to_owned(), json!(unit)));
        let units = self.simulation.world().units();
        for status in units {
            self.simulation.strike(&Deed::Action {
                unit: status.unit.number(),
                name: name.to_owned(),
                params: about.clone().into_iter().collect(),
            });
        }
    }

    fn strike(&mut self, unit: u32, deed: UnitDeed) {
        self.simulation.strike(&Deed::Unit(unit, deed));
    }

    /// All units eventually lose what one unit has lost sight of; a unit that sees it only later loses it then.
    fn let_all_forget(&mut self) {
        let forgotten = self.simulation.world().forgotten("app");
        if forgotten.is_empty() {
            return;
        }
        let units = self.simulation.world().units();
        for UnitStatus { unit, .. } in units {
            let next = self.simulation.world().forgets_next(&unit);
            if next.is_some_and(|next| forgotten.contains(&next)) {
                self.strike(unit.number(), UnitDeed::ForgetRelation);
            }
        }
    }

    fn observe(&mut self) -> Result<(), Violation> {
        let notes = std::mem::take(&mut self.shared.borrow_mut().notes);
        for note in &notes {
            self.referee.hear(note).map_err(told)?;
            match note {
                Note::Wish(unit, wish) if self.bug != Some(Bug::NeverWakes) => {
                    if let Ok(unit) = unit.parse() {
                        self.wakers.ask(self.simulation.now(), unit, wish);
                    }
                }
                Note::Command(unit, visit) => drop(self.commands.insert(unit.clone(), *visit)),
                Note::Blind => {
                    self.beyond = true;
                    return Ok(());
                }
                _ => {}
            }
        }
        let (mut commands, mut down) = (Vec::new(), Vec::new());
        let world = self.simulation.world();
        for event in &world.history().events()[self.seen..] {
            if let Happening::HookBegin { unit, .. } = &event.happening {
                let seen = world.relations_seen_by(unit).into_iter();
                if self.sight.sees(unit, seen.map(|(_, relation)| relation.0)) {
                    self.beyond = true;
                    return Ok(());
                }
            }
            if self.lease.see(event) || self.sight.see(event) {
                self.beyond = true;
                return Ok(());
            }
            self.referee.see(event).map_err(told)?;
            if let Some(outer) = &mut self.shared.borrow_mut().outer {
                tell(outer, event);
            }
            match &event.happening {
                Happening::HookEnd {
                    unit,
                    hook,
                    outcome,
                    ..
                } => {
                    self.wakers.hook_ended(unit, event.at);
                    let visit = hook == "juju-exec"
                        && self.commands.remove(&unit.to_string()) == Some(true);
                    let done = *outcome == Outcome::Done;
                    if hook == "juju-exec" {
                        commands.push((unit.clone(), done));
                    }
                    if visit {
                        continue;
                    }
                    let mut shared = self.shared.borrow_mut();
                    if done {
                        shared.failed.remove(&unit.to_string());
                    } else {
                        shared.failed.insert(unit.to_string());
                    }
                }
                Happening::LeftoversEnded { unit } => {
                    self.wakers.end(unit);
                    // As when the machine is booted.
                    let mut shared = self.shared.borrow_mut();
                    *shared.boots.entry(unit.to_string()).or_default() += 1;
                }
                Happening::Agent {
                    unit,
                    condition: Condition::Down | Condition::Lost,
                } => down.push(unit.clone()),
                _ => {}
            }
        }
        self.seen = world.history().events().len();
        for (lock, bench) in self.simulation.judge().locks() {
            if let Some(breach) = bench.breaches.first() {
                let inside: Vec<String> = breach.inside.iter().map(ToString::to_string).collect();
                return Err(Violation {
                    promise: "at-most-limit-inside",
                    found: format!("inside lock {lock}: {}", inside.join(", ")),
                });
            }
        }
        if let Some(outer) = &self.shared.borrow().outer
            && outer.progress() != self.progress
        {
            outer.check().map_err(told)?;
        }
        for (unit, done) in commands {
            let success = done || self.bug == Some(Bug::WakerGivesUp);
            self.wakers.command_ended(&self.simulation, &unit, success);
        }
        for unit in down {
            self.wakers.agent_down(&self.simulation, &unit);
        }
        Ok(())
    }
}

/// What happens to units and their machines happens to their deputies.
fn tell(outer: &mut Outer, event: &Event) {
    match &event.happening {
        Happening::Agent { unit, condition } => {
            let unit = unit.to_string();
            outer.freeze(&unit, *condition == Condition::Suspended);
            match condition {
                Condition::Down => outer.end_processes(&unit, false),
                Condition::Lost => {
                    outer.end_processes(&unit, true);
                    outer.kill_deputies(&unit);
                }
                _ => {}
            }
        }
        Happening::LeftoversEnded { unit } => outer.kill_deputies(&unit.to_string()),
        Happening::DiskLost { unit } => outer.files_gone(&unit.to_string(), false),
        Happening::Life {
            unit,
            life: Life::Dead,
        } => outer.files_gone(&unit.to_string(), true),
        _ => {}
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
