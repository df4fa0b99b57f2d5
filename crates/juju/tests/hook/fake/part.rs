//! One unit's hook tools and its machine.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use ops_coordinator_core::Tick;
use ops_coordinator_juju::{Certified, Errand, Error, Machine, Process, ToolOutput, Transport};
use serde_json::{Value, json};

use super::Juju;

/// One unit's side of it.
pub(super) struct Part {
    pub(super) juju: Rc<Juju>,
    pub(super) unit: u32,
}

impl Part {
    fn is_gone(&self, args: &[String]) -> bool {
        let relation = args.iter().skip_while(|arg| *arg != "-r").nth(1);
        relation.is_some_and(|id| !self.juju.relations.borrow().contains(id))
    }

    /// The bags of the first relation have their owner's name; those of others have the relation's before it.
    fn bag_of(args: &[String], owner: &str) -> String {
        let relation = args.iter().skip_while(|arg| *arg != "-r").nth(1);
        match relation.map(String::as_str) {
            None | Some("coordinator:3") => owner.to_owned(),
            Some(relation) => format!("{relation} {owner}"),
        }
    }

    /// A key of a bag: most tests look at one only.
    fn under(bag: &str, key: &str) -> String {
        match key {
            "ops-coordinator" => bag.to_owned(),
            key => format!("{bag} {key}"),
        }
    }

    fn leads(&self) -> bool {
        self.unit == self.juju.leader.get()
    }

    fn add_secret(&self, args: &[String]) -> Result<Value, String> {
        if !self.leads() {
            return Err("ERROR this unit is not the leader".to_owned());
        }
        let mut content = BTreeMap::new();
        for arg in args {
            if let Some((key, file)) = arg.split_once("#file=/nowhere/.ops-coordinator/") {
                content.insert(key.to_owned(), self.juju.text(self.unit, file).unwrap());
            }
        }
        let number = self.juju.secrets.borrow().len();
        let uri = format!("secret:{}-{number}", self.juju.hooks.get());
        self.juju.grant_secret(&uri, json!(content));
        Ok(json!(uri))
    }

    fn answer(&self, tool: &str, args: &[String], stdin: Option<&str>) -> Result<Value, String> {
        let owner = args.last().cloned().unwrap_or_default();
        let is_etcd = args.iter().any(|arg| arg.starts_with("etcd:"));
        match tool {
            "relation-ids" if owner == "etcd" => {
                let there = self.juju.etcd.borrow().is_some();
                let ids = self.juju.etcd_ids.borrow();
                Ok(json!(if there { ids.clone() } else { Vec::new() }))
            }
            "relation-list" if is_etcd => Ok(json!("charmed-etcd")),
            "relation-get" if is_etcd && args[3..] == ["--app", "-", "app"] => {
                assert!(self.leads(), "nobody else may read it");
                Ok(self.juju.asked_of_etcd(&args[2]))
            }
            "relation-get" if is_etcd => {
                assert_eq!(args[3..], ["--app", "-", "charmed-etcd"]);
                Ok(json!(*self.juju.etcd.borrow()))
            }
            "relation-model-get" => {
                let model = self.juju.etcd_model.borrow();
                Ok(json!({ "uuid": *model }))
            }
            "secret-add" => self.add_secret(args),
            "secret-grant" => {
                assert!(self.juju.secret(&owner).is_some(), "{owner} is there");
                self.juju.set_bag(&format!("{owner} granted to"), &args[1]);
                Ok(Value::Null)
            }
            "secret-get" => {
                let secrets = self.juju.secrets.borrow();
                let content = secrets.get(&owner).cloned();
                content.ok_or_else(|| format!("ERROR secret \"{owner}\" not found"))
            }
            "is-leader" => Ok(json!(self.leads())),
            "relation-ids" if self.juju.relation.get() => {
                let prefix = format!("{owner}:");
                let relations = self.juju.relations.borrow();
                let ids = relations.iter().filter(|id| id.starts_with(&prefix));
                Ok(json!(ids.collect::<Vec<_>>()))
            }
            "relation-ids" => Ok(json!([])),
            "juju-log" => Ok(Value::Null),
            "status-set" => {
                self.juju.set_status(self.unit, &args[0], &args[1]);
                Ok(Value::Null)
            }
            "status-get" => {
                let (status, message) = self.juju.status(self.unit);
                Ok(json!({"status": status, "message": message, "status-data": {}}))
            }
            _ if !self.juju.relation.get() => Err("relation not found".to_owned()),
            _ if !is_etcd && self.is_gone(args) => Err("relation not found".to_owned()),
            "relation-list" => {
                let others = (0..self.juju.units).filter(|&unit| unit != self.unit);
                Ok(json!(
                    others.map(|unit| format!("app/{unit}")).collect::<Vec<_>>()
                ))
            }
            "goal-state" if self.juju.silent.get() => Err("out of reach".to_owned()),
            "goal-state" => {
                let gone = self.juju.gone.borrow();
                let units = (0..self.juju.units).filter(|unit| !gone.contains(unit));
                let units: BTreeMap<String, Value> = units
                    .map(|unit| {
                        let dying = self.juju.dying.get() == Some(unit);
                        let status = if dying { "dying" } else { "active" };
                        (format!("app/{unit}"), json!({ "status": status }))
                    })
                    .collect();
                Ok(json!({ "units": units, "relations": {} }))
            }
            "relation-get" => {
                let bag = Self::bag_of(args, &owner);
                let key = args.iter().rev().nth(1);
                Ok(json!(self.juju.bag(&Self::under(&bag, key.unwrap()))))
            }
            "relation-set" => {
                let body: BTreeMap<String, String> = serde_json::from_str(stdin.unwrap()).unwrap();
                let app = args.iter().any(|arg| arg == "--app");
                if app && self.juju.deposed.get() {
                    return Err("cannot write relation settings".to_owned());
                }
                let owner = if app {
                    "app".to_owned()
                } else {
                    format!("app/{}", self.unit)
                };
                let bag = Self::bag_of(args, &owner);
                for (key, value) in body {
                    self.juju.set_bag(&Self::under(&bag, &key), &value);
                }
                Ok(Value::Null)
            }
            other => Err(format!("unknown tool {other}")),
        }
    }
}

impl Transport for Part {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        self.juju
            .calls
            .borrow_mut()
            .push(format!("{tool} {}", args.join(" ")));
        if tool == "relation-model-get" && self.juju.etcd_model.borrow().is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(match self.answer(tool, args, stdin) {
            Ok(value) => ToolOutput {
                code: Some(0),
                stdout: match value {
                    // It has no other format.
                    Value::String(uri) if tool == "secret-add" => uri + "\n",
                    value => value.to_string(),
                },
                stderr: String::new(),
            },
            Err(why) => ToolOutput {
                code: Some(2),
                stdout: String::new(),
                stderr: why,
            },
        })
    }
}

impl Machine for Part {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self
            .juju
            .files
            .borrow()
            .get(&(self.unit, name.to_owned()))
            .cloned())
    }

    fn store(&self, name: &str, content: &[u8], _durable: bool) -> Result<(), Error> {
        self.juju.set_file(self.unit, name, content);
        Ok(())
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        self.juju
            .files
            .borrow_mut()
            .remove(&(self.unit, name.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let file = (self.unit, name.to_owned());
        self.juju.files.borrow_mut().remove(&file);
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        Ok(Box::new(()))
    }

    fn process(&self) -> Option<Process> {
        Some(Process {
            id: self.juju.hooks.get(),
            began: 0,
        })
    }

    fn is_alive(&self, process: Process) -> bool {
        self.juju.orphans.borrow().contains(&process.id)
    }

    fn now(&self) -> Tick {
        Tick(self.juju.clock.get())
    }

    fn boot(&self) -> Option<String> {
        self.juju.deputies().map(|_| "a".to_owned())
    }

    fn start_deputy(&self, _endpoint: &str) -> io::Result<()> {
        let before = self.juju.deputies();
        let before = before.ok_or(io::ErrorKind::Unsupported)?;
        if self.juju.has_no_command.get() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such file"));
        }
        self.juju.deputies.set(Some(before + 1));
        Ok(())
    }

    fn certify(&self, name: &str) -> io::Result<Certified> {
        if self.juju.has_no_command.get() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no such file"));
        }
        let hook = self.juju.hooks.get();
        Ok(Certified {
            certificate: format!("CERTIFICATE {hook} of {name}"),
            key: format!("KEY {hook}"),
        })
    }

    fn random(&self) -> u32 {
        self.unit
    }

    fn wake(&self, _endpoint: &str, _context: &str, errand: Errand) -> io::Result<()> {
        let woken = match errand {
            Errand::Line => &self.juju.visits,
            _ => &self.juju.woken,
        };
        woken.borrow_mut().insert(self.unit);
        Ok(())
    }
}
