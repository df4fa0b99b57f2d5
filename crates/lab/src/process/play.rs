//! Plays the steps of a scenario against a running lab.
//!
//! The player never blocks: whoever drives it calls [`Player::advance`] whenever something may have
//! happened, and shows a live view in between.

use std::collections::BTreeMap;

use super::Lab;
use super::expectation;
use crate::charm::Charm;
use crate::dispatch::{ActionId, ExecId, Progress};
use crate::history::{Event, Happening};
use crate::name::UnitName;
use crate::scenario::{After, Deed, Moment, Step, Target};
use crate::settings::Millis;
use crate::world::World;

/// Where a scenario stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advance {
    /// The next step waits for its moment, or the last one for its end.
    Waiting,
    /// A step was taken; the text says what it did.
    Did(String),
    /// All steps are done and the model is idle.
    Finished,
    /// A step could not be taken, or what it expected does not hold; the text says why.
    Failed(String),
}

/// Plays steps in order.
#[derive(Debug)]
pub struct Player {
    steps: Vec<Step>,
    next: usize,
    /// When the last step was taken.
    since: Millis,
    /// How many events there were then.
    seen: usize,
    /// When the moment of the next step came.
    came: Option<Millis>,
    awaited: Option<Awaited>,
}

/// What the last step waits for.
#[derive(Debug)]
enum Awaited {
    Action { id: ActionId, fails: bool },
    Exec { id: ExecId, code: i32 },
}

impl Player {
    /// A player of these steps.
    pub fn new(steps: Vec<Step>) -> Self {
        Self {
            steps,
            next: 0,
            since: 0,
            seen: 0,
            came: None,
            awaited: None,
        }
    }

    /// How many steps are still to be taken.
    pub fn remaining(&self) -> usize {
        self.steps.len() - self.next
    }

    /// Takes the next step if its moment has come.
    pub fn advance(&mut self, lab: &Lab) -> Advance {
        if let Some(awaited) = self.awaited.take() {
            match lab.with_world(|world, _| outcome(world, &awaited)) {
                None => {
                    self.awaited = Some(awaited);
                    return Advance::Waiting;
                }
                Some(Err(problem)) => return Advance::Failed(problem),
                Some(Ok(())) => {}
            }
        }
        let Some(step) = self.steps.get(self.next).cloned() else {
            let idle = lab.with_world(|world, _| world.is_idle());
            return if idle {
                Advance::Finished
            } else {
                Advance::Waiting
            };
        };
        if !self.is_due(lab, &step.after) {
            return Advance::Waiting;
        }
        self.next += 1;
        self.came = None;
        lab.with_world(|world, now| {
            self.since = now;
            self.seen = world.history().events().len();
        });
        match self.take(lab, &step.deed) {
            Ok(text) => Advance::Did(text),
            Err(problem) => Advance::Failed(format!("step {}: {problem}", self.next)),
        }
    }

    fn is_due(&mut self, lab: &Lab, after: &After) -> bool {
        let (since, seen) = (self.since, self.seen);
        lab.with_world(|world, now| {
            if self.came.is_none() && has_come(world, &after.moment, seen) {
                self.came = Some(match after.moment {
                    Moment::Now => since,
                    _ => now,
                });
            }
            self.came
                .is_some_and(|came| now >= came.saturating_add(after.delay))
        })
    }

    fn take(&mut self, lab: &Lab, deed: &Deed) -> Result<String, String> {
        let unit = |target: &Target| find(lab, target);
        let text = |error: super::ProcessError| error.to_string();
        Ok(match deed {
            Deed::Wait => "waited".to_owned(),
            Deed::Config(values) => {
                let set = |world: &mut World, now| {
                    world.set_config(lab.application(), values.clone(), now)
                };
                lab.with_world(set).map_err(|error| error.to_string())?;
                let options: Vec<_> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("config {}", options.join(" "))
            }
            Deed::Kill(target) => {
                let unit = unit(target)?;
                if !lab.kill_hook(&unit) {
                    return Err(format!("{unit} runs no hook that could be killed"));
                }
                format!("kill -9 of the hook of {unit}")
            }
            Deed::Leader(target) => {
                let unit = unit(target)?;
                on_world(lab, |world, now| world.set_leader(&unit, now))?;
                format!("{unit} becomes the leader")
            }
            Deed::AddUnits(count) => {
                let names = lab.add_units(*count).map_err(text)?;
                let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                format!("add {}", names.join(" "))
            }
            Deed::RemoveUnit {
                unit: target,
                force,
            } => {
                let unit = unit(target)?;
                on_world(lab, |world, now| world.remove_unit(&unit, *force, now))?;
                format!("remove {unit}{}", if *force { " by force" } else { "" })
            }
            Deed::Action {
                unit: target,
                name,
                params,
                fails,
            } => {
                let unit = unit(target)?;
                let params: BTreeMap<_, _> = params.clone();
                let id = on_world(lab, |world, now| world.run_action(&unit, name, params, now))?;
                self.awaited = Some(Awaited::Action { id, fails: *fails });
                format!("action {name} on {unit}")
            }
            Deed::Exec {
                unit: target,
                command,
                code,
            } => {
                let unit = unit(target)?;
                let id = on_world(lab, |world, now| world.exec(&unit, command.clone(), now))?;
                self.awaited = Some(Awaited::Exec { id, code: *code });
                format!("juju exec on {unit}: {command}")
            }
            Deed::Upgrade { charm } => {
                let charm = charm.as_deref().map(Charm::read).transpose();
                let charm = charm.map_err(|error| error.to_string())?;
                lab.upgrade_charm(charm.as_ref()).map_err(text)?;
                "upgrade the charm".to_owned()
            }
            Deed::Resolve {
                unit: target,
                retry,
            } => {
                let unit = unit(target)?;
                on_world(lab, |world, now| world.resolve(&unit, *retry, now))?;
                format!(
                    "resolve {unit}{}",
                    if *retry { "" } else { " without a retry" }
                )
            }
            Deed::Crash { unit: target, at } => {
                let unit = unit(target)?;
                lab.crash_agent(&unit, *at);
                format!("the agent of {unit} will die {}", at.name())
            }
            Deed::AgentDown(target) => {
                let unit = unit(target)?;
                lab.stop_agent(&unit).map_err(text)?;
                format!("the agent of {unit} goes down")
            }
            Deed::AgentUp(target) => {
                let unit = unit(target)?;
                on_world(lab, |world, now| world.set_agent_up(&unit, true, now))?;
                format!("the agent of {unit} comes up")
            }
            Deed::CutOff(target) => {
                let unit = unit(target)?;
                on_world(lab, |world, now| {
                    world.set_controller_reachable(&unit, false, now)
                })?;
                format!("{unit} is cut off the controller")
            }
            Deed::Reconnect(target) => {
                let unit = unit(target)?;
                on_world(lab, |world, now| {
                    world.set_controller_reachable(&unit, true, now)
                })?;
                format!("{unit} reaches the controller again")
            }
            Deed::Expect(expected) => {
                let problems = lab.with_world(|world, _| expectation::unmet(world, expected));
                if !problems.is_empty() {
                    return Err(problems.join("; "));
                }
                "all is as expected".to_owned()
            }
        })
    }
}

fn on_world<T>(
    lab: &Lab,
    deed: impl FnOnce(&mut World, Millis) -> Result<T, crate::LabError>,
) -> Result<T, String> {
    lab.with_world(deed).map_err(|error| error.to_string())
}

/// How an action or a command ended, once it has; an error if that is not as it should be.
fn outcome(world: &World, awaited: &Awaited) -> Option<Result<(), String>> {
    match awaited {
        Awaited::Action { id, fails } => {
            let record = world.action(*id)?;
            let failed = match record.progress {
                Progress::Completed => false,
                Progress::Failed => true,
                _ => return None,
            };
            let text = format!("action {} was to {{}}: {}", record.name, record.message);
            Some(match (failed, *fails) {
                (true, false) => Err(text.replace("{}", "succeed, but failed")),
                (false, true) => Err(text.replace("{}", "fail, but succeeded")),
                _ => Ok(()),
            })
        }
        Awaited::Exec { id, code } => {
            let record = world.exec_record(*id)?;
            if !matches!(record.progress, Progress::Completed | Progress::Failed) {
                return None;
            }
            if record.code == *code {
                return Some(Ok(()));
            }
            let stderr = String::from_utf8_lossy(&record.stderr);
            let (got, stderr) = (record.code, stderr.trim());
            Some(Err(format!(
                "the command was to exit {code}, but exited {got}: {stderr}"
            )))
        }
    }
}

/// The unit that a target stands for now.
fn find(lab: &Lab, target: &Target) -> Result<UnitName, String> {
    match target {
        Target::Unit(name) => name
            .parse()
            .map_err(|error: crate::LabError| error.to_string()),
        Target::Leader => lab
            .with_world(|world, _| world.leader(lab.application()))
            .ok_or_else(|| "there is no leader now".to_owned()),
        Target::Holder => lab
            .with_world(|world, _| holder(world.history().events()))
            .ok_or_else(|| "no unit is inside a lock now".to_owned()),
    }
}

/// The unit that entered a lock last, of those that are inside one.
fn holder(events: &[Event]) -> Option<UnitName> {
    let mut inside: Vec<(&UnitName, &String)> = Vec::new();
    for event in events {
        match &event.happening {
            Happening::Enter { unit, lock } => inside.push((unit, lock)),
            Happening::Leave { unit, lock } => inside.retain(|mark| *mark != (unit, lock)),
            _ => {}
        }
    }
    inside.last().map(|(unit, _)| (*unit).clone())
}

fn has_come(world: &World, moment: &Moment, seen: usize) -> bool {
    let events = world.history().events();
    let count = |matches: &dyn Fn(&Happening) -> bool| {
        events
            .iter()
            .skip(seen)
            .filter(|event| matches(&event.happening))
            .count()
    };
    let of_unit = |wanted: &Option<String>, unit: &UnitName| {
        wanted
            .as_ref()
            .is_none_or(|wanted| unit.to_string() == *wanted)
    };
    let enough = |found: usize, wanted: u32| u32::try_from(found).is_ok_and(|n| n >= wanted);
    match moment {
        Moment::Now => true,
        Moment::Idle => world.is_idle(),
        Moment::Mark {
            enter,
            lock,
            unit: wanted,
            count: times,
        } => {
            let fits = |happening: &Happening| match happening {
                Happening::Enter { unit, lock: marked } if *enter => {
                    of_unit(wanted, unit) && lock.as_ref().is_none_or(|lock| lock == marked)
                }
                Happening::Leave { unit, lock: marked } if !*enter => {
                    of_unit(wanted, unit) && lock.as_ref().is_none_or(|lock| lock == marked)
                }
                _ => false,
            };
            enough(count(&fits), *times)
        }
        Moment::Hook {
            name,
            unit: wanted,
            count: times,
        } => {
            let fits = |happening: &Happening| match happening {
                Happening::HookBegin { unit, hook, .. } => hook == name && of_unit(wanted, unit),
                _ => false,
            };
            enough(count(&fits), *times)
        }
    }
}
