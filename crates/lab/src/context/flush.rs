//! The end of a successful run: all of its buffered changes become public atomically, or none of them.

use super::Context;
use crate::history::Happening;
use crate::model::bag::Values;
use crate::name::{RelationId, UnitName};
use crate::settings::Detail;
use crate::world::World;

impl World {
    /// Commits the context's buffered changes. Returns false if the controller refused; then nothing has changed.
    pub(crate) fn flush(&mut self, name: &UnitName, context: &Context) -> bool {
        let unit_bags: Vec<_> = context
            .unit_bags
            .iter()
            .filter(|(_, b)| b.is_dirty())
            .collect();
        let app_bags: Vec<_> = context
            .app_bags
            .iter()
            .filter(|(_, b)| b.is_dirty())
            .collect();
        let state = context.state.as_ref().filter(|buffer| buffer.is_dirty());
        // A hook that buffered nothing still makes the call, so a lost connection fails it all the same.
        if let Err(reason) = self.may_commit(name, !app_bags.is_empty()) {
            let (unit, hook) = (name.clone(), context.name.clone());
            self.record(Happening::Refused { unit, hook, reason });
            return false;
        }
        let hashes = self.settings.juju_version.hashes_databags();
        let (mut unit_writes, mut app_writes) = (Values::new(), Values::new());
        for (&relation, buffer) in unit_bags {
            let Some(unit) = self.units.get(name) else {
                continue;
            };
            let member = unit.member;
            let Some(peer) = self.peer_mut(name, relation) else {
                continue;
            };
            let sent = buffer.to_send();
            let keys = peer.bags.entry(member).or_default().apply(&sent, hashes);
            if !keys.is_empty() {
                unit_writes.extend(self.qualified(name, relation, &keys, &sent));
                self.tell_of_member(name, relation, member);
            }
        }
        for (&relation, buffer) in app_bags {
            let Some(peer) = self.peer_mut(name, relation) else {
                continue;
            };
            let sent = buffer.to_send();
            let keys = peer.bag.apply(&sent, hashes);
            if !keys.is_empty() {
                app_writes.extend(self.qualified(name, relation, &keys, &sent));
                self.tell_of_bag(name, relation);
            }
        }
        let mut changed = false;
        if let Some(unit) = self.units.get_mut(name) {
            if let Some(state) = state {
                let all = state.all();
                changed = unit.state != all;
                unit.state = all;
            }
            for (open, port) in &context.ports {
                if *open {
                    unit.ports.insert(port.clone())
                } else {
                    unit.ports.remove(port)
                };
            }
        }
        if changed || !unit_writes.is_empty() || !app_writes.is_empty() {
            let (unit, hook) = (name.clone(), context.name.clone());
            self.record(Happening::Commit {
                unit,
                hook,
                unit_writes,
                app_writes,
                state: changed,
            });
        }
        true
    }

    fn may_commit(&self, name: &UnitName, as_leader: bool) -> Result<(), String> {
        let Some(unit) = self.units.get(name) else {
            return Err("unit is gone".to_owned());
        };
        if !unit.agent.reachable {
            return Err("cannot apply changes: connection is shut down".to_owned());
        }
        // The lease's row counts, not its time: one that has lapsed unnoticed still passes.
        let holder = self
            .deployed
            .get(name.application())
            .and_then(|d| d.lease.holder);
        if as_leader && holder != Some(name.number()) {
            let application = name.application();
            return Err(format!(
                "cannot apply changes: prerequisites failed: \"{name}\" is not leader of \"{application}\""
            ));
        }
        Ok(())
    }

    /// The keys that changed and their new values, as the history tells them.
    fn qualified(
        &self,
        name: &UnitName,
        relation: RelationId,
        keys: &[String],
        sent: &Values,
    ) -> Values {
        if !self.history.records(Detail::Hooks) {
            return Values::new();
        }
        let endpoint = self.endpoint(name, relation);
        keys.iter()
            .map(|key| (format!("{endpoint}:{relation} {key}"), sent[key].clone()))
            .collect()
    }
}
