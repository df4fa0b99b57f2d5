//! What a bug makes of databags, and of what the controller says.

use std::collections::BTreeSet;

use ops_coordinator_core::wire::KEY;
use serde_json::{Value, json};

use super::Saboteur;
use crate::Bug;

impl Saboteur {
    /// The value that is to be written into the application's databag, got wrong; none where the write
    /// is left out.
    pub(super) fn spoil_line(&self, text: &str) -> Option<String> {
        let mut line: Value = serde_json::from_str(text).ok()?;
        let read = self.line_read();
        let session = self.session();
        let me = self.environment.unit.to_string();
        if self.is(Bug::OpensBesideLostRelation) {
            line.as_object_mut()?.remove("opening");
        }
        for (lock, state) in line["locks"].as_object_mut()? {
            let cancelled: Vec<Value> = state["cancelled"].as_array().cloned().unwrap_or_default();
            let Some(entries) = state.get_mut("line").and_then(Value::as_array_mut) else {
                continue;
            };
            match self.bug? {
                Bug::SortsLineByUnit => entries.sort_by_key(|entry| entry["unit"].to_string()),
                Bug::NewcomersFirst => {
                    let before = &read["locks"][lock]["line"];
                    let old =
                        |entry: &Value| before.as_array().is_some_and(|old| old.contains(entry));
                    entries.sort_by_key(|entry| old(entry));
                }
                Bug::DropsWhatItCannotSee => entries.retain(|entry| {
                    let unit = entry["unit"].as_str().unwrap_or_default();
                    let seen = session["peers"][unit]["Ok"].as_str();
                    let seen: Value = seen
                        .and_then(|seen| serde_json::from_str(seen).ok())
                        .unwrap_or_default();
                    unit == me || seen["locks"][lock]["seq"].as_u64() >= entry["seq"].as_u64()
                }),
                Bug::InfersAPass => {
                    let before = read["locks"][lock]["line"].as_array();
                    let was_there = |entry: &Value| before.is_some_and(|old| old.contains(entry));
                    entries.retain(|entry| {
                        let unit = entry["unit"].as_str().unwrap_or_default();
                        unit == me || !was_there(entry) || {
                            let asked = self.record_of(unit)["locks"][lock]["seq"].as_u64();
                            asked >= entry["seq"].as_u64()
                        }
                    });
                }
                Bug::CancelWithoutHandshake => entries.retain(|entry| {
                    let same = |ticket: &Value| {
                        ["unit", "id", "seq"]
                            .iter()
                            .all(|field| ticket[field] == entry[field])
                    };
                    !cancelled.iter().any(same)
                }),
                Bug::LowersForNewcomersOnly => {
                    let before = read["locks"][lock]["line"].as_array();
                    for entry in entries {
                        let same =
                            |old: &&Value| ["unit", "seq"].iter().all(|f| old[*f] == entry[*f]);
                        let old = before.and_then(|before| before.iter().find(same));
                        if let Some(old) = old {
                            entry["limit"] = old["limit"].clone();
                        }
                    }
                }
                Bug::RaisesLimitsInLine => {
                    let highest = entries.iter().filter_map(|entry| entry["limit"].as_u64());
                    let highest = highest.max();
                    for entry in entries {
                        entry["limit"] = json!(highest);
                    }
                }
                Bug::CountsComputedEntry => {
                    let other = entries.iter().any(|entry| entry["unit"] != json!(me));
                    if other && session["finished_operation"] == json!(true) {
                        self.silent.set(true);
                        return None;
                    }
                }
                _ => {}
            }
        }
        Some(line.to_string())
    }

    /// A peer's record as it is read, with the bug.
    pub(super) fn spoil_record(&self, unit: &str, text: &str) -> Option<String> {
        let mut record: Value = serde_json::from_str(text).ok()?;
        match self.bug? {
            Bug::AskedCountsAsFinished => {
                for state in record["locks"].as_object_mut()?.values_mut() {
                    state["done"] = state["seq"].clone();
                }
            }
            Bug::OverlooksTheUnavailable => {
                record.as_object_mut()?.remove("unavailable");
            }
            Bug::AnyLifeCounts => {
                let line = self.line_read();
                let entries = line["locks"].as_object()?.values();
                let mut entries = entries.filter_map(|lock| lock["line"].as_array()).flatten();
                let entry = entries.find(|entry| entry["unit"] == json!(unit))?;
                record["id"] = entry["id"].clone();
            }
            _ => {}
        }
        Some(record.to_string())
    }

    /// The line as it is read, with the bug; none where it makes no difference. A leader sees it as it is, or it would
    /// write what it has not seen.
    pub(super) fn spoil_line_read(&self, text: &str) -> Option<String> {
        let bug = self.bug?;
        let spoils = matches!(
            bug,
            Bug::StartsWhilePaused | Bug::PermitsForEver | Bug::TakesAnEarlierLifesInvitation
        );
        if !spoils || self.leads() {
            return None;
        }
        let mut line: Value = serde_json::from_str(text).ok()?;
        let before = line.clone();
        for lock in line["locks"].as_object_mut()?.values_mut() {
            if bug == Bug::StartsWhilePaused {
                lock.as_object_mut()?.remove("paused");
            } else if bug == Bug::TakesAnEarlierLifesInvitation {
                self.take_for_own(lock);
            } else if let Some(retries) = lock.get_mut("retries").and_then(Value::as_array_mut) {
                for retry in retries {
                    retry["try"] = json!(u16::MAX);
                }
            }
        }
        (line != before).then(|| line.to_string())
    }

    /// What a unit publishes.
    fn record_of(&self, unit: &str) -> Value {
        let session = self.session();
        let relation = session["relation"].as_str().unwrap_or_default();
        let args = ["--format=json", "-r", relation, KEY, unit].map(str::to_owned);
        let record = self.transport.call("relation-get", &args, None).ok();
        let record = record.and_then(|output| serde_json::from_str(&output.stdout).ok());
        let record: Option<String> = record.flatten();
        serde_json::from_str(&record.unwrap_or_default()).unwrap_or_default()
    }

    /// What has this unit's name is of its present life.
    fn take_for_own(&self, lock: &mut Value) {
        let journal = self.machine.load(&self.journal_file()).ok().flatten();
        let journal = journal.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let life = journal.map_or(Value::Null, |journal| journal["id"].clone());
        let me = self.environment.unit.to_string();
        let entries = lock.get_mut("line").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            if entry["unit"] == json!(me) && life.is_string() {
                entry["id"] = life.clone();
            }
        }
    }

    /// The locks of a record or a journal, what they have done counted for the campaign that is announced now.
    pub(super) fn serve_what_is_announced(
        &self,
        locks: &mut Value,
        state: impl Fn(&mut Value) -> &mut Value,
    ) {
        let session = self.session();
        let relation = session["relation"].as_str().unwrap_or_default();
        let application = self.environment.unit.application();
        let args = ["--format=json", "-r", relation, "--app", KEY, application].map(str::to_owned);
        let line = self.transport.call("relation-get", &args, None).ok();
        let line =
            line.and_then(|output| serde_json::from_str::<Option<String>>(&output.stdout).ok());
        let line = line.flatten().unwrap_or_default();
        let line: Value = serde_json::from_str(&line).unwrap_or_default();
        for (name, lock) in locks.as_object_mut().into_iter().flatten() {
            let campaign = line["locks"][name]["campaign"]["id"].clone();
            let state = state(lock);
            if campaign.is_string() && state["outcome"] == json!("done") {
                state["camp"] = campaign;
            }
        }
    }

    pub(super) fn leads(&self) -> bool {
        let args = ["--format=json".to_owned()];
        let leads = self.transport.call("is-leader", &args, None);
        leads.is_ok_and(|output| output.stdout.trim() == "true")
    }

    pub(super) fn spoil_goal_state(&self, text: &str) -> Option<String> {
        let mut goal: Value = serde_json::from_str(text).ok()?;
        let units = goal["units"].as_object_mut()?;
        match self.bug? {
            Bug::DropsLeaverOnDeparted => {
                let leaver = self.environment.departing_unit.as_ref()?.to_string();
                units.remove(&leaver);
            }
            Bug::AbsentMeansGone => {
                let session = self.session();
                let relation = session["relation"].as_str().unwrap_or_default();
                let args = ["--format=json", "-r", relation].map(str::to_owned);
                let list = self.transport.call("relation-list", &args, None).ok()?;
                let here: BTreeSet<String> = serde_json::from_str(&list.stdout).ok()?;
                units.retain(|unit, _| here.contains(unit));
            }
            Bug::BelievesRelationList => {
                let session = self.session();
                let relation = session["relation"].as_str().unwrap_or_default();
                let args = ["--format=json", "-r", relation].map(str::to_owned);
                let list = self.transport.call("relation-list", &args, None).ok()?;
                let here: BTreeSet<String> = serde_json::from_str(&list.stdout).ok()?;
                let active = |unit| (unit, json!({"status": "active"}));
                units.extend(here.into_iter().map(active));
            }
            Bug::LeaverNeverForgotten => {
                let line = self.line_read();
                for lock in line["locks"].as_object()?.values() {
                    for entry in lock["line"].as_array().into_iter().flatten() {
                        units.insert(
                            entry["unit"].as_str()?.to_owned(),
                            json!({"status": "active"}),
                        );
                    }
                }
            }
            _ => {}
        }
        Some(goal.to_string())
    }

    /// The relations that Juju lists, got wrong.
    pub(super) fn spoil_relations(&self, text: &str, endpoint: &str) -> Option<String> {
        let listed: Vec<String> = serde_json::from_str(text).ok()?;
        if !self.is(Bug::FollowsEventRelation) {
            return None;
        }
        let about = self.environment.relation.as_ref();
        let followed = about.filter(|id| id.endpoint() == endpoint)?.to_string();
        listed
            .contains(&followed)
            .then(|| json!([followed]).to_string())
    }
}
