//! Injects the seeded bugs between the production code and Juju, and between it and the disk. The production
//! code itself has no switch.

use std::any::Any;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ops_coordinator_core::wire::KEY;
use ops_coordinator_core::{Tick, Wall};
use ops_coordinator_juju::{
    Environment, Errand, Error, Hook, Machine, Process, ToolOutput, Transport,
};
use serde_json::{Value, json};

use crate::charm::{ENDPOINT, OTHER};
use crate::{Bug, Visit};

/// What a deputy writes down.
const DEPUTY: &str = "deputy.json";

/// Sits between a hook and the world, and gets one thing wrong.
pub(crate) struct Saboteur {
    bug: Option<Bug>,
    environment: Environment,
    transport: Rc<dyn Transport>,
    machine: Rc<dyn Machine>,
    endpoint: &'static str,
    failed_before: bool,
    orphan: bool,
    silent: Cell<bool>,
}

impl Saboteur {
    pub(crate) fn new(bug: Option<Bug>, visit: &Visit, endpoint: &'static str) -> Self {
        let mut environment = visit.environment.clone();
        if bug == Some(Bug::OpensNewEndpointAtOnce) {
            environment.peers.clear();
        }
        Self {
            bug,
            environment,
            transport: Rc::clone(&visit.transport),
            machine: Rc::clone(&visit.machine),
            endpoint,
            failed_before: visit.failed_before,
            orphan: visit.orphan,
            silent: Cell::new(false),
        }
    }

    /// The hook that works through this.
    pub(crate) fn open(self: &Rc<Self>) -> Result<Hook, Error> {
        let environment = self.environment.clone();
        Hook::open(environment, self.clone(), self.clone(), self.endpoint)
    }

    fn journal_file(&self) -> String {
        format!("{}/journal.json", self.endpoint)
    }

    fn session_file(&self) -> String {
        format!("{}/session.json", self.endpoint)
    }

    /// Where a state file lies.
    fn place(&self, name: &str) -> String {
        if self.is(Bug::SharesStateBetweenEndpoints) {
            return name.replacen(OTHER, ENDPOINT, 1);
        }
        name.to_owned()
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// What the hook has read so far.
    fn session(&self) -> Value {
        let content = self.machine.load(&self.session_file()).ok().flatten();
        content
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    fn line_read(&self) -> Value {
        let session = self.session();
        let text = session["line"].as_str();
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    fn patch_session(&self, patch: impl FnOnce(&mut Value)) -> Result<(), Error> {
        let mut session = self.session();
        patch(&mut session);
        self.machine
            .store(&self.session_file(), session.to_string().as_bytes(), false)
    }

    pub(crate) fn before_release(&self, hook: &Hook) -> Result<(), Error> {
        if self.is(Bug::ReasksLeadershipAtEnd) && !hook.is_leader() {
            let leads = self.leads();
            let now = self.machine.now();
            self.patch_session(|session| {
                session["leader"] = json!(leads);
                session["read_at"] = json!(now);
            })?;
        }
        Ok(())
    }

    /// Takes the line that this hook has written for one that it has read; false where it wrote none.
    pub(crate) fn takes_own_line_for_read(&self) -> Result<bool, Error> {
        let session = self.session();
        if session["wrote_line"] != json!(true) {
            return Ok(false);
        }
        let relation = session["relation"].as_str().unwrap_or_default();
        let application = self.environment.unit.application();
        let args = ["--format=json", "-r", relation, "--app", KEY, application];
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let Ok(output) = self.transport.call("relation-get", &args, None) else {
            return Ok(false);
        };
        let line: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        self.patch_session(|session| session["line"] = line)?;
        Ok(true)
    }

    /// The value that is to be written into the application's databag, got wrong; none where the write
    /// is left out.
    fn spoil_line(&self, text: &str) -> Option<String> {
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
    fn spoil_record(&self, unit: &str, text: &str) -> Option<String> {
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
    fn spoil_line_read(&self, text: &str) -> Option<String> {
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
    fn serve_what_is_announced(&self, locks: &mut Value, state: impl Fn(&mut Value) -> &mut Value) {
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
    fn spoil_stored(&self, name: &str, content: &[u8]) -> Option<Vec<u8>> {
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

    fn leads(&self) -> bool {
        let args = ["--format=json".to_owned()];
        let leads = self.transport.call("is-leader", &args, None);
        leads.is_ok_and(|output| output.stdout.trim() == "true")
    }

    /// The journal as it is read, with the bug.
    fn spoil_journal(&self, text: &[u8]) -> Option<Vec<u8>> {
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
    fn spoil_standings(&self, content: Option<&[u8]>) -> Result<Option<Vec<u8>>, Error> {
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

    fn spoil_goal_state(&self, text: &str) -> Option<String> {
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
}

impl Saboteur {
    /// The relations that Juju lists, got wrong.
    fn spoil_relations(&self, text: &str, endpoint: &str) -> Option<String> {
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

fn nothing() -> ToolOutput {
    ToolOutput {
        code: Some(0),
        ..ToolOutput::default()
    }
}

impl Transport for Saboteur {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        let to_application = args.iter().any(|arg| arg == "--app");
        let last = args.last().map(String::as_str).unwrap_or_default();
        match (tool, to_application) {
            ("relation-set", true) if self.bug.is_some() => {
                let mut body: BTreeMap<String, String> =
                    serde_json::from_str(stdin.unwrap_or_default())?;
                let Some(line) = body.remove(KEY).and_then(|text| self.spoil_line(&text)) else {
                    return Ok(nothing());
                };
                self.transport
                    .call(tool, args, Some(&json!({KEY: line}).to_string()))
            }
            ("relation-set", false)
                if self.is(Bug::RetryPublishesNothing) && self.failed_before =>
            {
                Ok(nothing())
            }
            ("relation-set", false) if self.is(Bug::ServesWhatItBeganBefore) => {
                let mut body: BTreeMap<String, String> =
                    serde_json::from_str(stdin.unwrap_or_default())?;
                if let Some(text) = body.get_mut(KEY) {
                    let mut record: Value = serde_json::from_str(text)?;
                    self.serve_what_is_announced(&mut record["locks"], |lock| lock);
                    *text = record.to_string();
                }
                self.transport
                    .call(tool, args, Some(&json!(body).to_string()))
            }
            ("relation-get", false) => {
                let mut output = self.transport.call(tool, args, stdin)?;
                if last != self.environment.unit.to_string()
                    && let Ok(Some(text)) = serde_json::from_str::<Option<String>>(&output.stdout)
                    && let Some(text) = self.spoil_record(last, &text)
                {
                    output.stdout = json!(text).to_string();
                }
                Ok(output)
            }
            ("relation-get", true) => {
                let mut output = self.transport.call(tool, args, stdin)?;
                if let Ok(Some(text)) = serde_json::from_str::<Option<String>>(&output.stdout)
                    && let Some(text) = self.spoil_line_read(&text)
                {
                    output.stdout = json!(text).to_string();
                }
                Ok(output)
            }
            ("relation-ids", _) => {
                let mut output = self.transport.call(tool, args, stdin)?;
                if let Some(text) = self.spoil_relations(&output.stdout, last) {
                    output.stdout = text;
                }
                Ok(output)
            }
            ("goal-state", _) => {
                let mut output = self.transport.call(tool, args, stdin)?;
                if let Some(text) = self.spoil_goal_state(&output.stdout) {
                    output.stdout = text;
                }
                Ok(output)
            }
            _ => self.transport.call(tool, args, stdin),
        }
    }
}

impl Machine for Saboteur {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let content = self.machine.load(&self.place(name))?;
        if self.is(Bug::OrphansFinishCounts) && self.orphan && name == self.session_file() {
            let session = content.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
            return Ok(session.map(|mut session| {
                session["context"] = json!(self.environment.context);
                session.to_string().into_bytes()
            }));
        }
        let spoils = self.is(Bug::RetriesWithoutPermission) || self.is(Bug::SoakEndsEarly);
        if spoils && name == self.journal_file() {
            let spoilt = content.as_deref().and_then(|text| self.spoil_journal(text));
            return Ok(spoilt.or(content));
        }
        if self.bug.is_some_and(|bug| Bug::SHARED.contains(&bug)) && name.ends_with(DEPUTY) {
            let spoilt = self.spoil_standings(content.as_deref())?;
            return Ok(spoilt.or(content));
        }
        Ok(content)
    }

    fn store(&self, name: &str, content: &[u8], durable: bool) -> Result<(), Error> {
        if name == self.journal_file() && self.is(Bug::ForgetsJournal) {
            return Ok(());
        }
        let spoilt = self.spoil_stored(name, content);
        let content = spoilt.as_deref().unwrap_or(content);
        self.machine.store(&self.place(name), content, durable)
    }

    fn wait(&self, time: Duration) -> Duration {
        self.machine.wait(time)
    }

    fn start_deputy(&self, endpoint: &str) -> io::Result<()> {
        self.machine.start_deputy(endpoint)
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        self.machine.set_aside(&self.place(name))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.machine.remove(&self.place(name))
    }

    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        self.machine.lock()
    }

    fn process(&self) -> Option<Process> {
        self.machine.process()
    }

    fn is_alive(&self, process: Process) -> bool {
        !self.is(Bug::RunsBesideOrphan) && self.machine.is_alive(process)
    }

    fn now(&self) -> Tick {
        if self.is(Bug::PublishesAfterLease) {
            return Tick(self.session()["read_at"].as_u64().unwrap_or_default());
        }
        self.machine.now()
    }

    fn wall(&self) -> Option<Wall> {
        self.machine.wall()
    }

    fn boot(&self) -> Option<String> {
        self.machine.boot()
    }

    fn random(&self) -> u32 {
        if self.is(Bug::IncarnationConstant) {
            return self.environment.unit.number();
        }
        self.machine.random()
    }

    fn wake(&self, endpoint: &str, context: &str, errand: Errand) -> io::Result<()> {
        if self.is(Bug::NeverWakes) || self.silent.get() {
            return Ok(());
        }
        let errand = if self.is(Bug::LongHooksNeverPublish) {
            Errand::Hook
        } else {
            errand
        };
        self.machine.wake(endpoint, context, errand)
    }
}
