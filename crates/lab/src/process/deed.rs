//! Carries out a step.

use super::{Lab, ProcessError, expectation};
use crate::LabError;
use crate::charm::Charm;
use crate::dispatch::{ActionId, ExecId, Progress};
use crate::history::{Event, Happening};
use crate::name::UnitName;
use crate::scenario::{Deed, Target};
use crate::settings::Millis;
use crate::world::World;

/// What was done, in words, and what has to end before the next step.
pub(super) struct Taken {
    pub(super) text: String,
    pub(super) awaited: Option<Awaited>,
}

/// What a step waits for once it is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Awaited {
    Action { id: ActionId, fails: bool },
    Exec { id: ExecId, code: i32 },
}

impl Awaited {
    /// How it ended, once it has; an error if that is not as it should be.
    pub(super) fn outcome(self, world: &World) -> Option<Result<(), String>> {
        match self {
            Self::Action { id, fails } => {
                let record = world.action(id)?;
                let failed = match record.progress {
                    Progress::Completed => false,
                    Progress::Failed => true,
                    _ => return None,
                };
                let (name, message) = (&record.name, &record.message);
                Some(match (failed, fails) {
                    (true, false) => Err(format!(
                        "action {name} was expected to succeed, but failed: {message}"
                    )),
                    (false, true) => {
                        Err(format!("action {name} was expected to fail, but succeeded"))
                    }
                    _ => Ok(()),
                })
            }
            Self::Exec { id, code } => {
                let record = world.exec_record(id)?;
                if !matches!(record.progress, Progress::Completed | Progress::Failed) {
                    return None;
                }
                let (got, stderr) = (record.code, String::from_utf8_lossy(&record.stderr));
                let stderr = stderr.trim();
                let wrong = || {
                    format!(
                        "expected the command to exit with {code}, but it exited with {got}: {stderr}"
                    )
                };
                Some(if got == code { Ok(()) } else { Err(wrong()) })
            }
        }
    }
}

/// Does it.
pub(super) fn take(lab: &Lab, deed: &Deed) -> Result<Taken, String> {
    let text = match deed {
        Deed::Wait => "waited".to_owned(),
        Deed::Config(values) => {
            on_world(lab, |world, now| {
                world.set_config(lab.application(), values.clone(), now)
            })?;
            let options: Vec<_> = values.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("config {}", options.join(" "))
        }
        Deed::AddUnits(count) => {
            let names = lab.add_units(*count).map_err(refusal)?;
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            format!("add {}", names.join(" "))
        }
        Deed::Upgrade { charm } => {
            let charm = charm.as_deref().map(Charm::read).transpose();
            let charm = charm.map_err(|error| error.to_string())?;
            lab.upgrade_charm(charm.as_ref()).map_err(refusal)?;
            "upgrade the charm".to_owned()
        }
        Deed::Clock(clocks) => {
            let mut said = Vec::new();
            for (target, offset) in clocks {
                let unit = find(lab, target)?;
                lab.set_clock(&unit, *offset).map_err(refusal)?;
                said.push(format!("{unit} {}", signed(*offset)));
            }
            format!("set clock offsets: {}", said.join(", "))
        }
        Deed::Expect(expected) => {
            let problems = lab.with_world(|world, _| expectation::unmet(world, expected));
            if !problems.is_empty() {
                return Err(problems.join("; "));
            }
            "all expectations hold".to_owned()
        }
        Deed::Action {
            unit,
            name,
            params,
            fails,
        } => {
            let unit = find(lab, unit)?;
            let run = |world: &mut World, now| world.run_action(&unit, name, params.clone(), now);
            let id = on_world(lab, run)?;
            let awaited = Some(Awaited::Action { id, fails: *fails });
            return Ok(Taken {
                text: format!("action {name} on {unit}"),
                awaited,
            });
        }
        Deed::Exec {
            unit,
            command,
            code,
        } => {
            let unit = find(lab, unit)?;
            let id = on_world(lab, |world, now| world.exec(&unit, command.clone(), now))?;
            let awaited = Some(Awaited::Exec { id, code: *code });
            return Ok(Taken {
                text: format!("juju exec on {unit}: {command}"),
                awaited,
            });
        }
        Deed::DuplicateRelation(endpoint) => {
            let relation = on_world(lab, |world, now| {
                world.duplicate_relation(lab.application(), endpoint, now)
            })?;
            format!("a second relation of {endpoint}: {endpoint}:{relation}")
        }
        Deed::Kill { unit: target, .. }
        | Deed::ForgetRelation(target)
        | Deed::Leader(target)
        | Deed::LoseDisk(target)
        | Deed::RemoveUnit { unit: target, .. }
        | Deed::Resolve { unit: target, .. }
        | Deed::Crash { unit: target, .. }
        | Deed::Fail(target)
        | Deed::AgentDown(target)
        | Deed::AgentUp(target)
        | Deed::CutOff(target)
        | Deed::Suspend(target)
        | Deed::Wake(target)
        | Deed::LoseMachine(target)
        | Deed::Reconnect(target) => on_unit(lab, &find(lab, target)?, deed)?,
    };
    Ok(Taken {
        text,
        awaited: None,
    })
}

/// Carries out immediate actions on one unit.
fn on_unit(lab: &Lab, unit: &UnitName, deed: &Deed) -> Result<String, String> {
    Ok(match deed {
        Deed::Kill { spare_children, .. } => {
            let killed = match spare_children {
                true => lab.kill_dispatch(unit),
                false => lab.kill_hook(unit),
            };
            if !killed {
                return Err(format!("{unit} has no running hook to kill"));
            }
            match spare_children {
                true => format!("kill -9 of the dispatch process of {unit}, not of its children"),
                false => format!("kill -9 of the hook of {unit}"),
            }
        }
        Deed::ForgetRelation(_) => {
            on_world(lab, |world, now| world.forget_relation(unit, now))?;
            format!("{unit} stops seeing one of two relations")
        }
        Deed::LoseDisk(_) => {
            lab.lose_disk(unit).map_err(refusal)?;
            format!("lose the disk of {unit}")
        }
        Deed::Leader(_) => {
            on_world(lab, |world, now| world.set_leader(unit, now))?;
            format!("{unit} becomes the leader")
        }
        Deed::RemoveUnit { force, untold, .. } => {
            on_world(lab, |world, now| match untold {
                true => world.remove_unit_untold(unit, *force, now),
                false => world.remove_unit(unit, *force, now),
            })?;
            let force = if *force { " by force" } else { "" };
            let untold = if *untold {
                ", without telling the others"
            } else {
                ""
            };
            format!("remove {unit}{force}{untold}")
        }
        Deed::Resolve { retry, .. } => {
            on_world(lab, |world, now| world.resolve(unit, *retry, now))?;
            format!(
                "resolve {unit}{}",
                if *retry { "" } else { " without a retry" }
            )
        }
        Deed::Crash { at, .. } => {
            lab.crash_agent(unit, *at);
            format!("the agent of {unit} will die at {}", at.name())
        }
        Deed::Fail(_) => {
            lab.fail_hook(unit);
            format!("a hook of {unit} will fail")
        }
        Deed::AgentDown(_) => {
            lab.stop_agent(unit).map_err(refusal)?;
            format!("stop the agent of {unit}")
        }
        Deed::AgentUp(_) => {
            on_world(lab, |world, now| world.set_agent_up(unit, true, now))?;
            format!("start the agent of {unit}")
        }
        Deed::CutOff(_) => {
            on_world(lab, |world, now| {
                world.set_controller_reachable(unit, false, now)
            })?;
            format!("disconnect {unit} from the controller")
        }
        Deed::Suspend(_) => {
            lab.suspend(unit, true).map_err(refusal)?;
            format!("freeze the machine of {unit}")
        }
        Deed::Wake(_) => {
            lab.suspend(unit, false).map_err(refusal)?;
            format!("thaw the machine of {unit}")
        }
        Deed::LoseMachine(_) => {
            lab.lose_machine(unit).map_err(refusal)?;
            format!("lose the machine of {unit}")
        }
        _ => {
            on_world(lab, |world, now| {
                world.set_controller_reachable(unit, true, now)
            })?;
            format!("reconnect {unit} to the controller")
        }
    })
}

/// An offset of a clock, in seconds.
fn signed(offset: i64) -> String {
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    format!("{sign}{}.{:03} s", size / 1_000, size % 1_000)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn refusal(error: ProcessError) -> String {
    error.to_string()
}

fn on_world<T>(
    lab: &Lab,
    deed: impl FnOnce(&mut World, Millis) -> Result<T, LabError>,
) -> Result<T, String> {
    lab.with_world(deed).map_err(|error| error.to_string())
}

/// The unit that a target stands for now.
fn find(lab: &Lab, target: &Target) -> Result<UnitName, String> {
    match target {
        Target::Unit(name) => name.parse().map_err(|error: LabError| error.to_string()),
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
