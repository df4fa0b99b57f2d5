//! What a run has brought since the last look, for all who watch it.

use ops_coordinator_lab::history::{Condition, Event, Happening, Life, Outcome};

use super::{Run, Violation, told};
use crate::Bug;
use crate::simulation::outer::Outer;
use crate::simulation::unit::Note;

impl Run {
    pub(super) fn observe(&mut self) -> Result<(), Violation> {
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
