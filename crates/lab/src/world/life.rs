//! Units entering and leaving relations, and their end.

use super::World;
use super::timer::Timer;
use crate::dispatch::Progress;
use crate::history::{Happening, Life};
use crate::model::bag::{Bag, Values};
use crate::name::{RelationId, UnitName};
use crate::settings::Departure;

impl World {
    /// An installed unit enters its peer relations: others hear of it, and it of them.
    pub(crate) fn enter_scopes(&mut self, name: &UnitName) {
        if self
            .units
            .get(name)
            .is_none_or(|unit| unit.life != Life::Alive)
        {
            return;
        }
        for relation in self.relations_of(name) {
            let seed = self.seed_values(name);
            let hashes = self.settings.juju_version.hashes_databags();
            let Some(unit) = self.units.get_mut(name) else {
                return;
            };
            let member = unit.member;
            unit.views.entry(relation).or_default();
            let Some(peer) = self.peer_mut(name, relation) else {
                continue;
            };
            peer.bags
                .entry(member)
                .or_insert_with(|| Bag::seeded(seed, hashes));
            peer.scope.insert(member);
            let others: Vec<_> = peer
                .scope
                .iter()
                .copied()
                .filter(|m| *m != member)
                .collect();
            self.tell_of_member(name, relation, member);
            self.tell(name, |news| {
                news.bags.insert(relation);
                news.members
                    .extend(others.into_iter().map(|other| (relation, other)));
            });
        }
    }

    /// What every unit's bag starts with.
    fn seed_values(&self, name: &UnitName) -> Values {
        let Some(unit) = self.units.get(name) else {
            return Values::new();
        };
        let address = unit.address.clone();
        let mut values = Values::new();
        values.insert("egress-subnets".to_owned(), format!("{address}/32"));
        if self.settings.juju_version.seeds_private_address() {
            values.insert("private-address".to_owned(), address.clone());
        }
        values.insert("ingress-address".to_owned(), address);
        values
    }

    /// A unit leaves its peer relations, unless this Juju forgets to.
    pub(crate) fn leave_scopes(&mut self, name: &UnitName) {
        if self.settings.departure == Departure::Never {
            return;
        }
        let Some(member) = self.units.get(name).map(|unit| unit.member) else {
            return;
        };
        for relation in self.relations_of(name) {
            let left = self
                .peer_mut(name, relation)
                .is_some_and(|p| p.scope.remove(&member));
            if left {
                self.tell_of_member(name, relation, member);
            }
        }
    }

    /// A unit is gone.
    pub(crate) fn bury(&mut self, name: &UnitName) {
        self.leave_scopes(name);
        let Some(mut unit) = self.units.remove(name) else {
            return;
        };
        if !unit.quiet {
            self.busy -= 1;
        }
        self.woken.remove(name);
        self.timers.remove(&(self.now, Timer::Gone(name.clone())));
        self.timers.retain(
            |(_, timer)| !matches!(timer, Timer::Gone(unit) | Timer::Restart(unit) if unit == name),
        );
        if let Some(context) = unit.running.take() {
            self.abandon(name, &context);
        }
        for id in &unit.actions {
            if let Some(action) = self.requests.actions.get_mut(id) {
                action.record.progress = Progress::Failed;
                "unit is gone".clone_into(&mut action.record.message);
            }
        }
        for id in &unit.agent.memory.execs {
            if let Some((_, record)) = self.requests.execs.get_mut(id) {
                record.progress = Progress::Failed;
                record.code = 1;
            }
        }
        self.record(Happening::Life {
            unit: name.clone(),
            life: Life::Dead,
        });
        let Some(deployed) = self.deployed.get_mut(name.application()) else {
            return;
        };
        deployed.units.remove(&unit.member);
        if deployed.lease.holder == Some(name.number()) {
            self.lapse(name.application());
        }
    }

    pub(crate) fn relations_of(&self, name: &UnitName) -> Vec<RelationId> {
        let deployed = self.deployed.get(name.application());
        deployed.map_or_else(Vec::new, |deployed| {
            deployed.peers.keys().copied().collect()
        })
    }
}
