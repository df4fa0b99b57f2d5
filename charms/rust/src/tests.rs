//! The charm against databags in memory, without a process or a real service.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use ops_coordinator_juju::{Environment, LocalMachine, ToolOutput, Transport, WakerCommand};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// A Juju with one unit, which leads.
struct Juju {
    charm: TempDir,
    hooks: RefCell<u32>,
    databags: RefCell<BTreeMap<String, String>>,
    status: RefCell<String>,
    restarted: RefCell<Vec<String>>,
}

impl Juju {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            charm: tempfile::tempdir().unwrap(),
            hooks: RefCell::default(),
            databags: RefCell::default(),
            status: RefCell::default(),
            restarted: RefCell::default(),
        })
    }

    /// Runs a hook of the charm; `breaks` says whether the service does not come up.
    fn hook(self: &Rc<Self>, name: &str, breaks: bool) -> Result<(), String> {
        *self.hooks.borrow_mut() += 1;
        let environment = Environment::from_variables(|variable| match variable {
            "JUJU_UNIT_NAME" => Some("rust/0".to_owned()),
            "JUJU_CONTEXT_ID" => Some(format!("context-{}", self.hooks.borrow())),
            "JUJU_CHARM_DIR" => Some(self.charm.path().display().to_string()),
            "JUJU_HOOK_NAME" => Some(name.to_owned()),
            _ => None,
        });
        let environment = environment.unwrap();
        let machine = Rc::new(LocalMachine::new(
            environment.state_dir(),
            WakerCommand::none(),
        ));
        let mut hook = Hook::open(environment, self.clone(), machine, "coordinator").unwrap();
        let done = dispatch(&mut hook, |services| {
            let names = services.iter().map(ToString::to_string);
            self.restarted.borrow_mut().extend(names);
            let failed = |service: &ServiceName| ServiceError {
                service: service.clone(),
                found: "it is failed".to_owned(),
                log: Vec::new(),
            };
            match services {
                [first, ..] if breaks => Err(failed(first)),
                _ => Ok(()),
            }
        });
        done.map_err(|error| error.to_string())
    }

    fn status(&self) -> String {
        self.status.borrow().clone()
    }

    fn restarted(&self) -> Vec<String> {
        self.restarted.take()
    }
}

impl Transport for Juju {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        let answer = match tool {
            "is-leader" => json!(true),
            "relation-ids" => json!(["coordinator:0"]),
            "relation-list" => json!([]),
            "relation-get" => json!(self.databags.borrow().get(&args[args.len() - 1])),
            "relation-set" => {
                let sent: Value = serde_json::from_str(stdin.unwrap())?;
                let value = sent["ops-coordinator"].as_str().unwrap().to_owned();
                let app = args.contains(&"--app".to_owned());
                let owner = if app { "rust" } else { "rust/0" };
                self.databags.borrow_mut().insert(owner.to_owned(), value);
                Value::Null
            }
            // What happens to its requests, for the operator.
            "juju-log" => Value::Null,
            "config-get" => json!("good morning"),
            "status-set" => {
                *self.status.borrow_mut() = args.join(": ");
                Value::Null
            }
            other => panic!("{other} is not expected"),
        };
        Ok(ToolOutput {
            code: Some(0),
            stdout: answer.to_string(),
            stderr: String::new(),
        })
    }
}

#[test]
fn a_new_message_restarts_the_service_when_it_is_the_units_turn() {
    let juju = Juju::new();
    juju.hook("config-changed", false).unwrap();
    assert!(juju.restarted().is_empty(), "the line is not committed yet");
    assert!(
        juju.status().starts_with("waiting: to restart: "),
        "{}",
        juju.status()
    );
    juju.hook("update-status", false).unwrap();
    assert_eq!(juju.restarted(), ["rust-charm@0.service"]);
    assert_eq!(juju.status(), "active: serves \"good morning\"");
}

#[test]
fn a_message_that_is_served_already_needs_no_restart() {
    let juju = Juju::new();
    for _ in 0..2 {
        juju.hook("config-changed", false).unwrap();
    }
    assert_eq!(juju.restarted().len(), 1);
    for name in ["config-changed", "update-status"] {
        juju.hook(name, false).unwrap();
    }
    assert!(juju.restarted().is_empty());
}

#[test]
fn a_restart_that_fails_fails_the_hook_and_is_tried_again() {
    let juju = Juju::new();
    juju.hook("config-changed", true).unwrap();
    let failure = juju.hook("update-status", true).unwrap_err();
    assert_eq!(
        failure,
        "the service rust-charm@0.service did not restart: it is failed"
    );
    juju.hook("update-status", false).unwrap();
    assert_eq!(juju.restarted().len(), 2);
    assert_eq!(juju.status(), "active: serves \"good morning\"");
}

#[test]
fn a_unit_that_stops_takes_its_request_back() {
    let juju = Juju::new();
    juju.hook("config-changed", false).unwrap();
    juju.hook("stop", false).unwrap();
    juju.hook("update-status", false).unwrap();
    assert!(juju.restarted().is_empty());
}
