//! One run: play the faults, wait until every request is served, judge.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use ops_coordinator_lab::CrashPoint;
use ops_coordinator_lab::charm::Charm;
use ops_coordinator_lab::deed::Deed;
use ops_coordinator_lab::process::keeper::Interrupt;
use ops_coordinator_lab::process::play::{Advance, Player};
use ops_coordinator_lab::process::{Lab, Options};
use ops_coordinator_lab::scenario::Act;
use ops_coordinator_verify::history::{Tally, check};

use super::plan::Plan;
use crate::command::CommandError;
use crate::command::lab::narrator;
use crate::command::lab::verdict::tail;

/// How often to check for something to do.
const TICK: Duration = Duration::from_millis(20);

/// How often to judge an idle run, while a waker may still wake a unit.
const PATIENCE: Duration = Duration::from_millis(500);

/// A run before it begins.
pub(super) struct Run<'a> {
    pub(super) options: Options,
    pub(super) charm: &'a Charm,
    pub(super) units: u32,
    pub(super) config: &'a BTreeMap<String, serde_json::Value>,
    pub(super) limits: &'a BTreeMap<String, u32>,
    pub(super) timeout: u64,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) point: CrashPoint,
    /// What is wrong, if anything.
    pub(super) problem: Option<String>,
    /// What was done to the units, and what they did.
    pub(super) story: Vec<String>,
    /// How many faults took effect; some come too late, such as killing a hook that has ended.
    pub(super) faults: u32,
    pub(super) tally: Tally,
    /// Milliseconds.
    pub(super) took: u64,
    /// The ends of the units' logs, where something is wrong.
    pub(super) logs: BTreeMap<String, String>,
}

impl Run<'_> {
    pub(super) fn play(self, plan: &Plan, interrupt: &Interrupt) -> Result<Outcome, CommandError> {
        let start = Lab::start(
            self.options.clone(),
            self.charm,
            self.units,
            self.config.clone(),
        );
        let lab = start.map_err(|error| CommandError::failed(&error).hint(error.hint()))?;
        let mut told = Vec::new();
        let faults = self.strike(&lab, plan, interrupt, &mut told);
        let judged = faults.and_then(|faults| Ok((faults, self.settle(&lab, plan, interrupt)?)));
        let took = lab.now();
        let (faults, tally, problem) = match judged {
            Ok((faults, tally)) => (faults, tally, None),
            Err(problem) => (0, Tally::default(), Some(problem)),
        };
        let (mut story, mut logs) = (Vec::new(), BTreeMap::new());
        if problem.is_some() {
            story = with_events(&lab, told);
            logs = ends_of_logs(&lab);
        }
        lab.end();
        Ok(Outcome {
            point: plan.point,
            problem,
            story,
            faults,
            tally,
            took,
            logs,
        })
    }

    /// Injects the planned faults; returns how many took effect.
    fn strike(
        &self,
        lab: &Lab,
        plan: &Plan,
        interrupt: &Interrupt,
        told: &mut Vec<(u64, String)>,
    ) -> Result<u32, String> {
        let mut player = Player::new(plan.steps.clone());
        let is_fault = |act: &Act| !matches!(act, Act::Wait | Act::Do(Deed::Config(_), _));
        let faults = plan.steps.iter().filter(|step| is_fault(&step.act));
        let mut struck = u32::try_from(faults.count()).unwrap_or(u32::MAX);
        loop {
            self.may_go_on(lab, interrupt)?;
            match player.advance(lab) {
                Advance::Did { at, text } => told.push((at, text)),
                Advance::Failed(problem) => {
                    struck -= 1;
                    told.push((lab.now(), format!("(too late: {problem})")));
                }
                Advance::Finished => return Ok(struck),
                Advance::Waiting if lab.with_world(|world, _| world.is_idle()) => {
                    // A mark that it waits for will not be made any more.
                    player.hurry(lab);
                    lab.wait_for_news(TICK);
                }
                Advance::Waiting => lab.wait_for_news(TICK),
            }
        }
    }

    /// Waits until no unit is waiting, and judges the whole run.
    fn settle(&self, lab: &Lab, plan: &Plan, interrupt: &Interrupt) -> Result<Tally, String> {
        let limit = |(lock, limit): (&String, &u32)| (lock.clone(), *limit as usize);
        let limits: BTreeMap<String, usize> = self.limits.iter().map(limit).collect();
        loop {
            let (idle, events, units) = lab.with_world(|world, _| {
                let events = world.history().events().to_vec();
                (world.is_idle(), events, world.units())
            });
            let behind = units
                .iter()
                .find(|unit| unit.workload != "active" || !unit.message.contains(&plan.last_value));
            let problem = match (check(&events, limits.clone()), behind) {
                // What is broken stays broken, but who waits may still be served.
                (Err(violation), _) if violation.invariant != "nobody-waits-at-rest" => {
                    return Err(violation.to_string());
                }
                (Err(violation), _) => violation.to_string(),
                (Ok(tally), None) if idle => return Ok(tally),
                (Ok(_), None) => "hooks are still pending".to_owned(),
                (Ok(_), Some(unit)) => format!(
                    "{} should show {:?}, but is {} with {:?}",
                    unit.unit, plan.last_value, unit.workload, unit.message
                ),
            };
            self.may_go_on(lab, interrupt)
                .map_err(|why| format!("{why}: {problem}"))?;
            lab.wait_for_news(PATIENCE);
        }
    }

    fn may_go_on(&self, lab: &Lab, interrupt: &Interrupt) -> Result<(), String> {
        if interrupt.is_set() {
            return Err("interrupted".to_owned());
        }
        if lab.now() >= self.timeout {
            return Err("timed out".to_owned());
        }
        Ok(())
    }
}

/// What was done to the units and what they did, in order.
fn with_events(lab: &Lab, told: Vec<(u64, String)>) -> Vec<String> {
    let done = told
        .into_iter()
        .map(|(at, text)| (at, format!("-- {text}")));
    let mut all: Vec<(u64, String)> = lab.with_world(|world, _| {
        let events = world.history().events().iter();
        events
            .filter_map(|event| Some((event.at, narrator::tell(event)?)))
            .chain(done)
            .collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.iter()
        .map(|(at, text)| narrator::line(*at, text))
        .collect()
}

fn ends_of_logs(lab: &Lab) -> BTreeMap<String, String> {
    let units = lab.with_world(|world, _| world.units());
    let end = |unit| fs::read_to_string(lab.log_file(unit)).unwrap_or_default();
    units
        .iter()
        .map(|status| (status.unit.to_string(), tail(&end(&status.unit))))
        .collect()
}
