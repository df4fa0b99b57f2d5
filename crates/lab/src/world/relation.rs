//! Peer relations that are created and removed while units run.

use std::collections::BTreeSet;

use super::World;
use crate::error::LabError;
use crate::history::Happening;
use crate::model::deployed::or_none;
use crate::model::peer::Peer;
use crate::name::{RelationId, UnitName};
use crate::settings::Millis;

impl World {
    /// Creates a second relation for a peer endpoint, as a refresh can leave one behind (juju/juju #19631). Units then
    /// see both: `relation-created` and all that follows runs for the new one as well.
    ///
    /// # Errors
    /// When the application does not exist or has no such peer endpoint.
    pub fn duplicate_relation(
        &mut self,
        application: &str,
        endpoint: &str,
        now: Millis,
    ) -> Result<RelationId, LabError> {
        self.advance(now);
        self.check_endpoint(application, endpoint)?;
        let relation = self.make_relation(application, endpoint);
        self.record(Happening::RelationAdded {
            application: application.to_owned(),
            endpoint: endpoint.to_owned(),
            relation,
        });
        self.tell_all(application);
        Ok(relation)
    }

    /// For an endpoint with several relations, the unit stops seeing the one with the lowest number, once none of its
    /// hooks runs (of several such endpoints, first the one where another unit has stopped seeing it): `relation-ids` does not list it, and tools do not find it. No hook tells the charm. For other units it
    /// remains a member.
    ///
    /// # Errors
    /// When the unit does not exist, or does not see two relations of one endpoint.
    pub fn forget_relation(&mut self, unit: &UnitName, now: Millis) -> Result<(), LabError> {
        self.advance(now);
        self.existing(unit)?;
        let Some(relation) = self.forgets_next(unit) else {
            let reason = "it sees no two relations of one endpoint";
            return Err(LabError::NotNow {
                unit: unit.clone(),
                reason,
            });
        };
        if let Some(peer) = self.peer_mut(unit, relation) {
            peer.going = true;
        }
        if let Some(unit) = self.units.get_mut(unit) {
            unit.forgotten.insert(relation);
        }
        self.tell(unit, |_| ());
        Ok(())
    }

    /// The relation that [`World::forget_relation`] would take from the unit, if any: first those that another unit has
    /// stopped seeing.
    pub fn forgets_next(&self, unit: &UnitName) -> Option<RelationId> {
        let forgotten = &self.units.get(unit)?.forgotten;
        let mut seen = self.relations_seen_by(unit);
        seen.retain(|(_, relation)| !forgotten.contains(relation));
        let doubled =
            |endpoint: &str| seen.iter().filter(|(other, _)| other == endpoint).count() > 1;
        let doubled = seen.iter().filter(|(endpoint, _)| doubled(endpoint));
        let going = self.forgotten(unit.application());
        let doubled = doubled.map(|(_, relation)| *relation);
        doubled.min_by_key(|relation| (!going.contains(relation), *relation))
    }

    /// The relations of an application that a unit has stopped seeing, even if that unit is gone now. New units
    /// do not see them.
    pub fn forgotten(&self, application: &str) -> BTreeSet<RelationId> {
        let deployed = self.deployed.get(application);
        let peers = deployed.into_iter().flat_map(|deployed| &deployed.peers);
        let going = peers.filter(|(_, peer)| peer.going);
        going.map(|(&relation, _)| relation).collect()
    }

    /// The application must have the endpoint.
    pub(super) fn check_endpoint(&self, application: &str, endpoint: &str) -> Result<(), LabError> {
        let deployed = self.deployed.get(application);
        let deployed = deployed.ok_or_else(|| LabError::NoApplication(application.to_owned()))?;
        let known: Vec<&str> = deployed.declared.peers.iter().map(String::as_str).collect();
        if known.contains(&endpoint) {
            return Ok(());
        }
        Err(LabError::NoEndpoint {
            application: application.to_owned(),
            endpoint: endpoint.to_owned(),
            known: or_none(&known),
        })
    }

    /// A new peer relation, which no unit is in.
    pub(super) fn make_relation(&mut self, application: &str, endpoint: &str) -> RelationId {
        let relation = RelationId(self.next_relation);
        self.next_relation += 1;
        if let Some(deployed) = self.deployed.get_mut(application) {
            deployed.peers.insert(relation, Peer::new(endpoint));
        }
        relation
    }
}
