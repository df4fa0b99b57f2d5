//! The end of all faults, and operators who look after the rest.

use ops_coordinator_lab::deed::{Deed, UnitDeed};
use ops_coordinator_lab::world::{AgentStatus, UnitStatus};
use serde_json::json;

use super::{OPERATOR_ROUNDS, Run};

impl Run {
    /// Ends all faults that last.
    pub(super) fn repair(&mut self) {
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
    pub(super) fn operator_looks(&mut self) -> bool {
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
    pub(super) fn let_all_forget(&mut self) {
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
}
