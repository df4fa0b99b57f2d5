//! What a bug makes of the files on a unit's disk.

use ops_coordinator_juju::Error;
use serde_json::{Value, json};

use super::{DEPUTY, Saboteur};
use crate::Bug;

impl Saboteur {
    /// A roster that forgets nobody.
    fn remember_all(&self, name: &str, content: &[u8]) -> Option<Vec<u8>> {
        let before = self.machine.load(name).ok().flatten()?;
        let before: Value = serde_json::from_slice(&before).ok()?;
        let mut roster: Value = serde_json::from_slice(content).ok()?;
        let units = roster["units"].as_object_mut()?;
        for (unit, record) in before["units"].as_object()? {
            units.entry(unit.clone()).or_insert_with(|| record.clone());
        }
        Some(roster.to_string().into_bytes())
    }

    /// A state file as it is stored, with the bug; none where it makes no difference.
    pub(super) fn spoil_stored(&self, name: &str, content: &[u8]) -> Option<Vec<u8>> {
        if self.is(Bug::RosterOutlivesMembership) && name.ends_with("/roster.json") {
            return self.remember_all(name, content);
        }
        if self.is(Bug::ServesWhatItBeganBefore) && name == self.journal_file() {
            let mut journal: Value = serde_json::from_slice(content).ok()?;
            self.serve_what_is_announced(&mut journal["locks"], |lock| &mut lock["record"]);
            return Some(journal.to_string().into_bytes());
        }
        if self.is(Bug::ForgetsOnceCalled) && name == self.journal_file() {
            let mut journal: Value = serde_json::from_slice(content).ok()?;
            for lock in journal["locks"].as_object_mut()?.values_mut() {
                let lock = lock.as_object_mut()?;
                if lock.remove("answer").is_some() {
                    lock.remove("expects");
                }
            }
            return Some(journal.to_string().into_bytes());
        }
        if self.is(Bug::ExpectsForEver) && name == self.session_file() {
            let mut session: Value = serde_json::from_slice(content).ok()?;
            session.as_object_mut()?.remove("expects");
            return Some(session.to_string().into_bytes());
        }
        None
    }

    /// The journal as it is read, with the bug.
    pub(super) fn spoil_journal(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut journal: Value = serde_json::from_slice(text).ok()?;
        for lock in journal["locks"].as_object_mut()?.values_mut() {
            if self.is(Bug::RetriesWithoutPermission) {
                lock["record"].as_object_mut()?.remove("stopped");
            } else if let Some(held) = lock.pointer_mut("/trial/held") {
                held["at"] = json!(0);
            }
        }
        Some(journal.to_string().into_bytes())
    }

    /// What the deputy has written down, got wrong.
    pub(super) fn spoil_standings(&self, content: Option<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
        let json = |text: &[u8]| serde_json::from_slice::<Value>(text).ok();
        let wishes = self
            .machine
            .load(&format!("{}/shared.json", self.endpoint))?;
        let wishes = wishes.as_deref().and_then(json).unwrap_or_default();
        let mut standings = content.and_then(json).unwrap_or(json!({"locks": {}}));
        let kept = format!("{}/{DEPUTY}.kept", self.endpoint);
        let before = self.machine.load(&kept)?;
        let before = before.as_deref().and_then(json).unwrap_or_default();
        let others = standings["locks"].clone();
        let wanted = wishes["locks"].as_object().into_iter().flatten();
        for (lock, wish) in wanted {
            let own = &mut standings["locks"][lock];
            let others = others.as_object().into_iter().flatten();
            let mut others = others.filter(|(other, _)| *other != lock);
            let takes = match self.bug {
                Some(Bug::AnyTurnWillDo) => others.find(|(_, other)| other["until"].is_u64()),
                _ => None,
            };
            let takes = takes.map(|(_, other)| other.clone()).or_else(|| {
                let old = before["locks"][lock].clone();
                (self.is(Bug::BelievesGivenBack) && old["until"].is_u64()).then_some(old)
            });
            if let Some(turn) = takes.filter(|_| !own["until"].is_u64()) {
                *own = turn;
                own["seq"] = wish["seq"].clone();
                own["lock"] = wish["lock"].clone();
                if before["boot"].is_string() {
                    standings["boot"] = before["boot"].clone();
                }
            }
        }
        if self.is(Bug::BelievesGivenBack) && others != json!({}) {
            self.machine
                .store(&kept, standings.to_string().as_bytes(), false)?;
        }
        Ok(Some(standings.to_string().into_bytes()))
    }
}
