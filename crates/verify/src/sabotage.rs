//! Injects the seeded bugs between the production code and Juju, and between it and the disk. The production
//! code itself has no switch.

mod databags;
mod disk;

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
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
}

impl Saboteur {}

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
