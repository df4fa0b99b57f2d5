//! What a leader remembers of the other units, so that its hook costs the same for 5 units and for 5,000.
//!
//! What is remembered may be old, and may be lost. A finish is a stable fact, so an old record makes the leader slower,
//! never wrong. It never proves that a unit is gone: only the controller does. And it never proves for good that a unit
//! asks for nothing: the leader reads the unit that its hook is about, and everybody in a hook that is about no relation,
//! such as `leader-elected` or `update-status`.
//!
//! It would not help to read more often: Juju's agent itself remembers each databag that it has read, until the hook
//! that announces a change of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::round::Round;
use super::site::Site;
use super::{Effect, Need, Session};
use crate::{RelationId, UnitName};

/// The other units that a leader has met, with their records as it last read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    pub(super) relation: RelationId,
    units: BTreeMap<UnitName, Result<Option<String>, String>>,
}

impl Session {
    /// Takes over from the hook before whether its roster counts: only if no hook has come between in which the leader
    /// did not look at the news.
    pub(super) fn recall_after(&mut self, before: &Self) {
        self.recalls = before.remembers && self.leader && before.relation == self.relation;
    }
}

impl Site {
    /// The other units as the leader knows them, and their records: those remembered, with what this hook is about read
    /// anew. If nothing is remembered, or the hook is about no relation, all are read.
    pub(super) fn recall_members(
        &mut self,
        round: &mut Round<'_>,
    ) -> Result<BTreeSet<UnitName>, Need> {
        let Some(roster) = self.recall(round)? else {
            return self.read_members(round);
        };
        let about = round.facts.remote_unit.as_ref();
        let about = about.filter(|_| round.facts.relation.as_ref() == Some(&roster.relation));
        let mut members: BTreeSet<UnitName> = if round.facts.departing_unit.is_some() {
            round.known.members(&roster.relation)?.clone()
        } else {
            roster.units.keys().chain(about).cloned().collect()
        };
        let has_news = |unit: &&UnitName| {
            let remembered = roster.units.get(unit);
            Some(*unit) == about || remembered.is_none_or(Result::is_err)
        };
        self.read_peers(round, members.iter().filter(has_news))?;
        for (unit, value) in &roster.units {
            if members.contains(unit) {
                self.remember_peer(unit, value);
            }
        }
        self.roster = Some(roster);
        self.forget_departed(&mut members);
        self.warn_of_faults(round);
        Ok(members)
    }

    /// The roster of an earlier hook, if it counts in this one.
    fn recall(&mut self, round: &Round<'_>) -> Result<Option<Roster>, Need> {
        let is_current = self.session.recalls || self.session.remembers;
        if !is_current || round.facts.relation.is_none() {
            return Ok(None);
        }
        let stored = match &self.roster {
            Some(known) => Some(known),
            None => round.known.roster(&self.endpoint)?,
        };
        let counts = |roster: &&Roster| Some(&roster.relation) == self.session.relation.as_ref();
        Ok(stored.filter(counts).cloned())
    }

    /// Remembers the members for the next hook.
    pub(super) fn remember(&mut self, round: &mut Round<'_>, members: &BTreeSet<UnitName>) {
        let Some(relation) = self.session.relation.clone() else {
            return;
        };
        let known = self.roster.as_ref().map(|roster| &roster.units);
        let value = |unit: &UnitName| {
            let read = self.session.peers.get(unit);
            let value = read.or_else(|| known?.get(unit))?;
            Some((unit.clone(), value.clone()))
        };
        let units = members.iter().filter_map(value).collect();
        let roster = Roster { relation, units };
        self.session.remembers = true;
        if self.roster.as_ref() != Some(&roster) {
            round.tell(Effect::StoreRoster {
                endpoint: self.endpoint.clone(),
                roster: Box::new(roster.clone()),
            });
            self.roster = Some(roster);
        }
    }
}
