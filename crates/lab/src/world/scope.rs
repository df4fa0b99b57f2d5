//! Which peer relations a unit is in.

use super::World;
use crate::history::{Happening, Life};
use crate::model::bag::{Bag, Values};
use crate::name::{RelationId, UnitName};
use crate::settings::Departure;
use crate::uniter::local::Operation;

impl World {
    /// An installed unit enters its peer relations: others hear of it, and it of them.
    pub(crate) fn enter_scopes(&mut self, name: &UnitName) {
        for relation in self.relations_to_enter(name) {
            self.enter_scope(name, relation);
        }
    }

    /// Before an agent decides on a hook, it looks which relations there are (`SynchronizeScopes` in Juju's
    /// uniter). It does not while a hook is queued or waits after a failure, so that `upgrade-charm` and the
    /// `config-changed` after it do not see the relation of an endpoint that came with the upgrade.
    pub(crate) fn synchronise_scopes(&mut self, name: &UnitName) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        let mut gone = unit.forgotten.clone();
        gone.retain(|relation| unit.views.remove(relation).is_some());
        for relation in gone {
            let endpoint = self.endpoint(name, relation);
            self.record(Happening::RelationForgotten {
                unit: name.clone(),
                endpoint,
                relation,
            });
        }
        let Some(unit) = self.units.get(name) else {
            return;
        };
        let idle = unit.local.operation == Operation::Continue;
        if !idle || !unit.local.installed || unit.watch.dying {
            return;
        }
        let newest = unit.watch.newest_relation;
        for relation in self.relations_to_enter(name) {
            if Some(relation) <= newest {
                self.enter_scope(name, relation);
            }
        }
    }

    /// The relations that the unit could be in and is not.
    fn relations_to_enter(&self, name: &UnitName) -> Vec<RelationId> {
        let (Some(unit), Some(deployed)) =
            (self.units.get(name), self.deployed.get(name.application()))
        else {
            return Vec::new();
        };
        if unit.life != Life::Alive {
            return Vec::new();
        }
        // A relation whose endpoint the unpacked charm does not declare is passed over, as in Juju.
        let wanted = deployed.peers.iter().filter(|(relation, peer)| {
            !unit.views.contains_key(relation)
                && !peer.going
                && deployed.implements(unit.local.revision, &peer.endpoint)
        });
        wanted.map(|(&relation, _)| relation).collect()
    }

    fn enter_scope(&mut self, name: &UnitName, relation: RelationId) {
        let seed = self.seed_values(name);
        let hashes = self.settings.juju_version.hashes_databags();
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        let member = unit.member;
        unit.views.entry(relation).or_default();
        let Some(peer) = self.peer_mut(name, relation) else {
            return;
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

    /// A unit leaves its peer relations, unless Juju forgets to.
    pub(crate) fn leave_scopes(&mut self, name: &UnitName) {
        let Some(unit) = self.units.get(name) else {
            return;
        };
        if unit.untold || self.settings.departure == Departure::Never {
            return;
        }
        let member = unit.member;
        let deployed = self.deployed.get(name.application());
        let relations: Vec<_> = deployed
            .into_iter()
            .flat_map(|deployed| deployed.peers.keys().copied())
            .collect();
        for relation in relations {
            let left = self
                .peer_mut(name, relation)
                .is_some_and(|p| p.scope.remove(&member));
            if left {
                self.tell_of_member(name, relation, member);
            }
        }
    }
}
