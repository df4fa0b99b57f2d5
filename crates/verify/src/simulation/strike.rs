//! The deeds of each kind of fault.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use ops_coordinator_lab::CrashPoint;
use ops_coordinator_lab::deed::{Deed, Revision, UnitDeed};
use serde_json::{Value, json};

use super::fault::Fault;
use super::recipe::{BETWEEN_LEADERS, Recipe, STATUS};
use crate::charm::{ENDPOINT, OTHER, THIRD};

impl Recipe {
    /// Adds the deeds of one fault at random times, to random units.
    #[expect(clippy::too_many_lines, reason = "a table: an arm for each fault")]
    pub(super) fn strike(&mut self, kind: Fault, rng: &mut Rng) {
        let at = rng.u64(0..self.repaired_at);
        let unit = rng.u32(0..self.units);
        let later = at + rng.u64(100..150_000);
        let point = rng
            .choice(CrashPoint::ALL)
            .unwrap_or(CrashPoint::MidProcess);
        let two_endpoints = self.two_endpoints;
        let mut deed = |at: u64, deed: Deed<u32>| self.deeds.push((at.min(self.repaired_at), deed));
        let to = |deed: UnitDeed| Deed::Unit(unit, deed);
        match kind {
            Fault::Operation
            | Fault::Slow
            | Fault::Long
            | Fault::Tools
            | Fault::TwoEndpoints
            | Fault::Ignore
            | Fault::Forget
            | Fault::Roll
            | Fault::Pass
            | Fault::Announce
            | Fault::Ail
            | Fault::Think
            | Fault::Shared => {}
            Fault::Fail => deed(at, to(UnitDeed::Fail)),
            Fault::Kill if rng.bool() => {
                let spare_children = false;
                deed(at, to(UnitDeed::Kill { spare_children }));
            }
            Fault::Kill => {
                let phases = rng.u32(0..4);
                deed(at, to(UnitDeed::KillAfter { phases }));
            }
            Fault::Orphan => {
                let spare_children = true;
                deed(at, to(UnitDeed::Kill { spare_children }));
            }
            Fault::Crash => deed(at, to(UnitDeed::Crash { at: point })),
            Fault::Reply => deed(at, to(UnitDeed::LoseReply)),
            Fault::Leader => {
                if rng.bool() {
                    deed(at, to(UnitDeed::Leader));
                } else {
                    deed(at, Deed::ExpireLease);
                }
                // Perhaps it goes back to where it was, within one long hook of the old leader.
                if rng.bool() {
                    let back = at + rng.u64(BETWEEN_LEADERS..BETWEEN_LEADERS + 10_000);
                    let unit = rng.u32(0..self.units);
                    deed(back, Deed::Unit(unit, UnitDeed::Leader));
                }
            }
            Fault::Agent => {
                deed(at, to(UnitDeed::AgentDown));
                deed(later, to(UnitDeed::AgentUp));
            }
            Fault::Reach => {
                deed(at, to(UnitDeed::CutOff));
                deed(later, to(UnitDeed::Reconnect));
            }
            Fault::Pause => {
                deed(at, to(UnitDeed::Suspend));
                deed(later, to(UnitDeed::Wake));
            }
            Fault::Lose => deed(at, to(UnitDeed::LoseMachine)),
            Fault::Disk => deed(at, to(UnitDeed::LoseDisk)),
            Fault::Remove | Fault::Force => {
                let (force, untold) = (kind == Fault::Force, false);
                deed(at, to(UnitDeed::Remove { force, untold }));
            }
            Fault::Untold => {
                let (force, untold) = (rng.bool(), true);
                deed(at, to(UnitDeed::Remove { force, untold }));
                self.settings.update_status_interval = STATUS;
            }
            Fault::Add => deed(at, Deed::AddUnits(rng.u32(1..=2))),
            Fault::Refresh => {
                let (to, force) = (Revision::Same, rng.bool());
                deed(at, Deed::Upgrade { to, force });
            }
            Fault::Waker => {
                deed(at, to(UnitDeed::EndLeftovers));
                self.settings.update_status_interval = STATUS;
            }
            Fault::Duplicate => {
                let endpoint = if rng.u32(0..4) == 0 { OTHER } else { ENDPOINT };
                deed(at, Deed::DuplicateRelation(endpoint.to_owned()));
            }
            Fault::Vanish => {
                if self.settings.duplicate_relations.is_empty() {
                    let endpoint = ENDPOINT.to_owned();
                    self.settings.duplicate_relations.push(endpoint);
                }
                // No event tells that a relation is gone.
                self.settings.update_status_interval = STATUS;
                // With the repair, all units come to lose what one has lost.
                let latest = self.repaired_at.saturating_sub(1);
                for unit in 0..self.units {
                    let spread = *rng.choice(&[1_000, 20_000, 200_000]).unwrap_or(&1_000);
                    let at = (at + rng.u64(0..spread)).min(latest);
                    let deed = Deed::Unit(unit, UnitDeed::ForgetRelation);
                    self.deeds.push((at, deed));
                }
            }
            Fault::Endpoint => {
                let force = rng.bool();
                let to = |endpoint: &str| Deed::Upgrade {
                    to: Revision::Adds(vec![endpoint.to_owned()]),
                    force,
                };
                // A lock moves only to an endpoint that the charm does not use at that time.
                deed(at, to(if two_endpoints { THIRD } else { OTHER }));
                if rng.u32(0..4) == 0 {
                    deed(later, to(ENDPOINT));
                }
            }
            Fault::Cancel => {
                let name = if rng.bool() { "cancel" } else { "skip" };
                let params = BTreeMap::from([("unit".to_owned(), json!(unit))]);
                self.order(at, name, &params);
            }
            Fault::Stop => {
                let params = BTreeMap::from([("unit".to_owned(), json!(unit))]);
                self.order(at, "retry", &params);
            }
            Fault::Halt => {
                self.order(at, "pause", &BTreeMap::new());
                self.order(later.min(self.repaired_at), "resume", &BTreeMap::new());
            }
            Fault::Skip => {
                deed(at, to(UnitDeed::Fail));
                let after = at + rng.u64(1_000..20_000);
                deed(after, to(UnitDeed::Resolve { retry: false }));
                // A hook that is skipped may be the one that tells. Then update-status does.
                self.settings.update_status_interval = STATUS;
            }
        }
    }

    /// Campaigns, at random times and for few reasons, so that one joins another or takes its place. They have dice of
    /// their own: with or without them, a seed means the same in all else.
    pub(super) fn roll(&mut self, faults: &BTreeSet<Fault>) {
        let mut rng = Rng::with_seed(self.seed ^ 0x005e_ed0f_ca4b_a165);
        let (rolls, passes) = (rng.u32(0..3) != 0, rng.u32(0..3) == 0);
        self.passes = passes && faults.contains(&Fault::Pass);
        if !rolls || !faults.contains(&Fault::Roll) {
            return;
        }
        for _ in 0..rng.u32(1..=3) {
            let at = rng.u64(0..self.repaired_at);
            let reason = BTreeMap::from([("reason".to_owned(), json!(rng.u32(0..2)))]);
            self.order(at, "roll", &reason);
            if rng.u32(0..4) == 0 {
                let later = at + rng.u64(100..150_000);
                self.order(later.min(self.repaired_at), "abort", &BTreeMap::new());
            }
        }
    }

    /// Whether all units expect a campaign instead of asking. A charm that forgets what it has asked for does neither.
    pub(super) fn announce(&mut self, faults: &BTreeSet<Fault>) {
        let mut rng = Rng::with_seed(self.seed ^ 0x005e_ed0f_a220_0ce5);
        let announces = rng.u32(0..4) == 0;
        self.announces = announces && !self.forgets && faults.contains(&Fault::Announce);
    }

    /// Whether units are unavailable now and then.
    pub(super) fn ail(&mut self, faults: &BTreeSet<Fault>) {
        let mut rng = Rng::with_seed(self.seed ^ 0x005e_ed0f_a11b_ad15);
        let (ails, most) = (rng.u32(0..4) == 0, rng.u32(1..=3));
        if ails && faults.contains(&Fault::Ail) {
            self.max_unavailable = Some(most);
            // No event tells a unit that it has recovered.
            self.settings.update_status_interval = STATUS;
        }
    }

    /// Whether the policy takes its time.
    pub(super) fn think(&mut self, faults: &BTreeSet<Fault>) {
        let mut rng = Rng::with_seed(self.seed ^ 0x005e_ed0f_7417_4c55);
        let thinks = rng.u32(0..4) == 0;
        let longest = rng.choice([4_000, 20_000, 40_000]).unwrap_or_default();
        if thinks && faults.contains(&Fault::Think) {
            self.thinks = longest;
        }
    }

    /// An operator's action on all units: whichever of them leads, carries it out.
    fn order(&mut self, at: u64, name: &str, params: &BTreeMap<String, Value>) {
        for unit in 0..self.units {
            let action = Deed::Action {
                unit,
                name: name.to_owned(),
                params: params.clone(),
            };
            self.deeds.push((at, action));
        }
    }
}
