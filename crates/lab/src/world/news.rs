//! How changes reach the agents: recorded at once, reported after the watchers' delay.

use std::collections::BTreeMap;

use super::World;
use crate::model::member::Member;
use crate::name::{RelationId, UnitName};
use crate::settings::Millis;
use crate::uniter::agent::Process;
use crate::uniter::watch::News;

impl World {
    /// The units for which something is due since the last call of this, each with the time from which it should
    /// be stepped. A driver that steps every unit often may ignore it.
    pub fn take_woken(&mut self) -> BTreeMap<UnitName, Millis> {
        std::mem::take(&mut self.woken)
    }

    /// The unit should be stepped at this time.
    pub(crate) fn wake(&mut self, name: &UnitName, at: Millis) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        if unit.agent.process == Process::Lost {
            // Nobody will ever step it again.
            self.busy -= usize::from(!std::mem::replace(&mut unit.quiet, true));
            return;
        }
        self.busy += usize::from(std::mem::replace(&mut unit.quiet, false));
        self.come_back(name, at);
    }

    /// The unit should be stepped at this time, though it has nothing to do as yet.
    pub(super) fn come_back(&mut self, name: &UnitName, at: Millis) {
        if let Some(due) = self.woken.get_mut(name) {
            *due = at.min(*due);
        } else {
            self.woken.insert(name.clone(), at);
        }
    }

    /// News for a unit.
    pub(crate) fn tell(&mut self, name: &UnitName, note: impl FnOnce(&mut News)) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        note(&mut unit.watch.news);
        if unit.watch.news.due.is_none() {
            let delay = match self.settings.watcher_delay {
                0 => 0,
                longest => self.rng.u64(0..=longest),
            };
            let due = self.now + delay;
            unit.watch.news.due = Some(due);
            if unit.agent.works() {
                self.wake(name, due);
            }
        }
    }

    /// News for all units of an application.
    pub(crate) fn tell_all(&mut self, application: &str) {
        let Some(deployed) = self.deployed.get(application) else {
            return;
        };
        let names: Vec<_> = deployed
            .units
            .iter()
            .map(|&member| deployed.unit(member))
            .collect();
        for name in names {
            self.tell(&name, |_| ());
        }
    }

    /// A member's bag or its being in scope has changed: news for all others in scope.
    pub(crate) fn tell_of_member(&mut self, name: &UnitName, relation: RelationId, who: Member) {
        for other in self.in_scope(name, relation) {
            if other != who {
                self.tell(&name.sibling(other.number()), |news| {
                    news.members.insert((relation, who));
                });
            }
        }
    }

    /// The application's bag was written by this unit: news for all in scope, the writer included.
    pub(crate) fn tell_of_bag(&mut self, writer: &UnitName, relation: RelationId) {
        let version = self
            .peer(writer, relation)
            .map_or(0, |peer| peer.bag.version());
        for other in self.in_scope(writer, relation) {
            let own = other.number() == writer.number();
            if own && !self.settings.leader_hears_own_write {
                let unit = self.units.get_mut(writer);
                if let Some(view) = unit.and_then(|unit| unit.views.get_mut(&relation)) {
                    (view.app_told, view.app_delivered) = (version, version);
                }
            } else {
                self.tell(&writer.sibling(other.number()), |news| {
                    news.bags.insert(relation);
                });
            }
        }
    }

    fn in_scope(&self, name: &UnitName, relation: RelationId) -> Vec<Member> {
        let peer = self.peer(name, relation);
        peer.map_or_else(Vec::new, |peer| peer.scope.iter().copied().collect())
    }
}
