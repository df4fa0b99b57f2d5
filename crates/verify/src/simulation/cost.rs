//! What a restart costs in hooks and in calls of hook tools, counted one by one.
//!
//! The application is deployed and comes to rest. Then its configuration changes, every unit asks in its
//! `config-changed`, and everything from there until all is quiet is counted.

mod ledger;
mod member;
mod report;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_core::policy::Rules;
use ops_coordinator_lab::deed::Deed;
use ops_coordinator_lab::settings::Detail;
use ops_coordinator_lab::simulation::{End, Limits, Plan, Simulation, VirtualCharm};
use ops_coordinator_lab::{Application, Settings, UnitName};
use serde_json::json;

use self::ledger::{Ledger, Note};
use self::member::{Behaviour, Member};
use super::waker::Wakers;
use crate::Charm;
use crate::charm::ENDPOINT;

pub use ledger::{Cause, Cost, Hooks};
pub use report::{causes, table};

/// How long an operation takes. Any other hook takes 200 to 400 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Next to nothing: the hook of a turn takes as long as any other.
    Instant,
    /// Much longer than a hook: the application is quiet long before the next finish.
    Slow,
}

impl Pace {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Instant, Self::Slow];

    /// The pace in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Slow => "slow",
        }
    }

    /// The time of an operation, in milliseconds.
    const fn takes(self) -> u64 {
        match self {
            Self::Instant => 5,
            Self::Slow => 30_000,
        }
    }
}

/// How the restarts come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All units ask at once.
    Asking,
    /// The leader rolls them.
    Campaign,
}

/// An application that restarts each of its units once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// How the restarts come about.
    pub way: Way,
    /// How many units it has.
    pub units: u32,
    /// How long each takes.
    pub pace: Pace,
    /// What decides who comes first at the same time.
    pub seed: u64,
}

/// Counts what the restarts of a scene cost.
///
/// # Errors
/// What went wrong where nothing should: a hook failed or was not counted, a unit was not served, or two were inside.
pub fn measure(scene: Scene) -> Result<Cost, String> {
    let mut run = Run::new(scene)?;
    run.rest()?;
    let before = run.simulation.hooks();
    run.ledger.borrow_mut().open();
    let deed = match scene.way {
        Way::Asking => Deed::Config(BTreeMap::from([("generation".to_owned(), json!(1))])),
        Way::Campaign => Deed::Action {
            unit: leader(&run)?,
            name: ROLL.to_owned(),
            params: BTreeMap::new(),
        },
    };
    if !run.simulation.strike(&deed) {
        return Err(format!("the restarts cannot be begun: {deed:?}"));
    }
    run.rest()?;
    if !run.simulation.judge().is_content() {
        return Err("several units were inside at once".to_owned());
    }
    let cost = run.ledger.borrow().cost.clone();
    let (counted, run) = (
        cost.hooks().hooks + cost.asking.hooks,
        run.simulation.hooks() - before,
    );
    if counted != run {
        return Err(format!("{counted} hooks were counted of {run}"));
    }
    if cost.restarts == u64::from(scene.units) {
        Ok(cost)
    } else {
        Err(format!(
            "{} of {} units were served",
            cost.restarts, scene.units
        ))
    }
}

/// The action by which an operator rolls all units.
const ROLL: &str = "roll";

fn leader(run: &Run) -> Result<u32, String> {
    let leader = run.simulation.world().leader("app");
    Ok(leader.ok_or("nobody leads")?.number())
}

type Units = Box<dyn FnMut(&UnitName) -> Box<dyn VirtualCharm>>;

struct Run {
    simulation: Simulation<Units>,
    ledger: Rc<RefCell<Ledger>>,
    wakers: Wakers,
}

impl Run {
    fn new(scene: Scene) -> Result<Self, String> {
        let settings = Settings {
            seed: scene.seed,
            // What runs anyway is not the coordination's.
            update_status_interval: 0,
            detail: Detail::Turns,
            model_name: "cost".to_owned(),
            ..Settings::default()
        };
        let mut application = Application::with_peers("app", &[ENDPOINT]);
        application.config.insert("generation".to_owned(), json!(0));
        application.actions = [ROLL.to_owned()].into();
        let plan = Plan {
            keep_history: false,
            limits: Limits {
                past_idle: true,
                ..Limits::default()
            },
            ..Plan::new(application, scene.units)
        };
        let ledger = Rc::new(RefCell::new(Ledger::new(scene.units)));
        let behaviour = Rc::new(Behaviour {
            charm: Charm {
                locks: "restart".parse().into_iter().collect(),
                homes: vec![ENDPOINT],
                shared: Vec::new(),
                policy: Rules::default(),
                bug: None,
            },
            seed: scene.seed,
            operation: scene.pace.takes(),
        });
        let shared = Rc::clone(&ledger);
        let units: Units = Box::new(move |_| Box::new(Member::new(&behaviour, &shared)));
        let simulation = Simulation::new(settings, plan, units);
        Ok(Self {
            simulation: simulation.map_err(|error| error.to_string())?,
            ledger,
            wakers: Wakers::default(),
        })
    }

    /// Runs until all is quiet, and no waker is left.
    fn rest(&mut self) -> Result<(), String> {
        loop {
            self.wakers.go_off(&mut self.simulation, false);
            let end = self.simulation.advance();
            self.hear()?;
            if matches!(end, Some(End::TooManyHooks | End::TooLate)) {
                return Err("the run does not end".to_owned());
            }
            if end.is_none() && !self.simulation.world().is_idle() {
                continue;
            }
            if self.wakers.are_none() {
                return Ok(());
            }
            self.wakers.go_off(&mut self.simulation, true);
        }
    }

    fn hear(&mut self) -> Result<(), String> {
        let notes = std::mem::take(&mut self.ledger.borrow_mut().notes);
        for note in notes {
            match note {
                Note::Wish(unit, wish) => self.wakers.ask(self.simulation.now(), unit, &wish),
                Note::Ended { unit, command } => {
                    self.wakers.hook_ended(&unit, self.simulation.now());
                    if command {
                        self.wakers.command_ended(&self.simulation, &unit, true);
                    }
                }
                Note::Failed(unit, error) => return Err(format!("a hook of {unit}: {error}")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
