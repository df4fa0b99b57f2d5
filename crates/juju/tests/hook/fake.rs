//! Databags in memory, just enough of Juju for one hook at a time. What Juju really does is the lab's
//! business; here only the calls matter.

mod part;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ops_coordinator_core::LockName;
use ops_coordinator_juju::{Environment, Hook, write_pending_line};
use serde_json::{Value, json};

use part::Part;

pub(crate) fn lock() -> LockName {
    "restart".parse().unwrap()
}

/// The model, and the one of the etcd charm.
pub(crate) const MODEL: &str = "deadbeef-1bad-500d-9000-4b1d0d06f00d";

type Files = BTreeMap<(u32, String), Vec<u8>>;

/// An application whose unit 0 leads.
pub(crate) struct Juju {
    units: u32,
    bags: RefCell<BTreeMap<String, String>>,
    files: RefCell<Files>,
    calls: RefCell<Vec<String>>,
    woken: RefCell<BTreeSet<u32>>,
    visits: RefCell<BTreeSet<u32>>,
    orphans: RefCell<BTreeSet<u32>>,
    relations: RefCell<Vec<String>>,
    peers: RefCell<BTreeSet<String>>,
    about: RefCell<Option<String>>,
    relation: Cell<bool>,
    deposed: Cell<bool>,
    clock: Cell<u64>,
    hooks: Cell<u32>,
    action: Cell<bool>,
    silent: Cell<bool>,
    endpoint: RefCell<String>,
    gone: RefCell<BTreeSet<u32>>,
    departing: Cell<Option<u32>>,
    /// What the etcd charm says in its relation, if there is one.
    etcd: RefCell<Option<Value>>,
    secrets: RefCell<BTreeMap<String, Value>>,
    /// The relations with etcd charms.
    etcd_ids: RefCell<Vec<String>>,
    /// The model of the etcd charm, where Juju tells.
    etcd_model: RefCell<Option<String>>,
    /// The unit that leads.
    leader: Cell<u32>,
    /// The hook, if it is about the relation with etcd.
    etcd_hook: Cell<Option<&'static str>>,
    /// The unit that is being removed.
    dying: Cell<Option<u32>>,
    /// How often a deputy was started, where the command knows etcd.
    deputies: Cell<Option<u32>>,
    /// Whether the command of the deputy is missing.
    pub(crate) has_no_command: Cell<bool>,
    /// The units' workload statuses, as (status, message).
    statuses: RefCell<BTreeMap<u32, (String, String)>>,
}

impl Juju {
    pub(crate) fn new(units: u32) -> Rc<Self> {
        Rc::new(Self {
            units,
            bags: RefCell::default(),
            files: RefCell::default(),
            calls: RefCell::default(),
            woken: RefCell::default(),
            visits: RefCell::default(),
            orphans: RefCell::default(),
            relations: RefCell::new(vec!["coordinator:3".to_owned()]),
            peers: RefCell::default(),
            about: RefCell::new(Some("coordinator:3".to_owned())),
            relation: Cell::new(true),
            statuses: RefCell::default(),
            deposed: Cell::new(false),
            clock: Cell::new(0),
            hooks: Cell::new(0),
            action: Cell::new(false),
            silent: Cell::new(false),
            endpoint: RefCell::new("coordinator".to_owned()),
            gone: RefCell::default(),
            departing: Cell::new(None),
            etcd: RefCell::default(),
            secrets: RefCell::default(),
            etcd_ids: RefCell::new(vec!["etcd:9".to_owned()]),
            etcd_model: RefCell::new(Some(MODEL.to_owned())),
            leader: Cell::new(0),
            etcd_hook: Cell::new(None),
            dying: Cell::new(None),
            deputies: Cell::new(None),
            has_no_command: Cell::new(false),
        })
    }

    /// Runs a hook that succeeds.
    pub(crate) fn hook<R>(self: &Rc<Self>, unit: u32, work: impl FnOnce(&mut Hook) -> R) -> R {
        self.hooks.set(self.hooks.get() + 1);
        self.same_hook(unit, work)
    }

    /// Runs an action, which Juju does not run again whatever becomes of it.
    pub(crate) fn action<R>(self: &Rc<Self>, unit: u32, work: impl FnOnce(&mut Hook) -> R) -> R {
        self.action.set(true);
        let result = self.hook(unit, work);
        self.action.set(false);
        result
    }

    /// Runs another process of the present hook.
    pub(crate) fn same_hook<R>(self: &Rc<Self>, unit: u32, work: impl FnOnce(&mut Hook) -> R) -> R {
        work(&mut self.open(unit))
    }

    fn open(self: &Rc<Self>, unit: u32) -> Hook {
        let environment = Environment::from_variables(|name| match name {
            "JUJU_UNIT_NAME" => Some(format!("app/{unit}")),
            "JUJU_CONTEXT_ID" => Some(format!("context-{}", self.hooks.get())),
            "JUJU_CHARM_DIR" => Some("/nowhere".to_owned()),
            "JUJU_MODEL_UUID" => Some(MODEL.to_owned()),
            "JUJU_RELATION_ID" if self.etcd_hook.get().is_some() => {
                self.etcd_ids.borrow().first().cloned()
            }
            "JUJU_HOOK_NAME" if self.etcd_hook.get().is_some() => {
                self.etcd_hook.get().map(str::to_owned)
            }
            "JUJU_HOOK_NAME" => Some(if self.action.get() { "" } else { "start" }.to_owned()),
            "JUJU_DEPARTING_UNIT" => self.departing.get().map(|unit| format!("app/{unit}")),
            "JUJU_RELATION_ID" => self.about.borrow().clone(),
            _ => None,
        });
        let mut environment = environment.unwrap();
        environment.peers.clone_from(&self.peers.borrow());
        let part = Rc::new(Part {
            juju: Rc::clone(self),
            unit,
        });
        let endpoint = self.endpoint.borrow().clone();
        Hook::open(environment, part.clone(), part, &endpoint).unwrap()
    }

    /// A process of a new hook that goes on for as long as the test wants.
    pub(crate) fn opened(self: &Rc<Self>, unit: u32) -> Hook {
        self.hooks.set(self.hooks.get() + 1);
        self.open(unit)
    }

    /// Another process of the present hook that goes on for as long as the test wants.
    pub(crate) fn same_opened(self: &Rc<Self>, unit: u32) -> Hook {
        self.open(unit)
    }

    /// The controller does not say which units there are.
    pub(crate) fn without_goal_state(&self, work: impl FnOnce()) {
        self.silent.set(true);
        work();
        self.silent.set(false);
    }

    /// The machines are booted anew, and their clocks with them.
    pub(crate) fn reboot(&self) {
        self.clock.set(0);
    }

    /// The state of a unit as versions kept it that knew only one endpoint.
    pub(crate) fn move_files_to_the_root(&self, unit: u32) {
        let mut files = self.files.borrow_mut();
        for (owner, name) in files.keys().cloned().collect::<Vec<_>>() {
            if owner == unit
                && let Some(short) = name.strip_prefix("coordinator/")
                && let Some(content) = files.remove(&(owner, name.clone()))
            {
                files.insert((owner, short.to_owned()), content);
            }
        }
    }

    /// Runs what a waker runs for a line that was left behind, in a context of its own.
    pub(crate) fn visit(self: &Rc<Self>, unit: u32) -> bool {
        self.hooks.set(self.hooks.get() + 1);
        let environment = Environment::from_variables(|name| match name {
            "JUJU_UNIT_NAME" => Some(format!("app/{unit}")),
            "JUJU_CONTEXT_ID" => Some(format!("context-{}", self.hooks.get())),
            "JUJU_CHARM_DIR" => Some("/nowhere".to_owned()),
            _ => None,
        });
        let part = Rc::new(Part {
            juju: Rc::clone(self),
            unit,
        });
        write_pending_line(&environment.unwrap(), part.clone(), part, "coordinator").unwrap()
    }

    /// The charm names this endpoint from now on.
    pub(crate) fn use_endpoint(&self, endpoint: &str) {
        endpoint.clone_into(&mut self.endpoint.borrow_mut());
        *self.about.borrow_mut() = None;
    }

    /// Juju lists these relations from now on, and the charm declares their endpoints.
    pub(crate) fn list_relations(&self, relations: &[&str]) {
        let relations: Vec<String> = relations.iter().map(|&id| id.to_owned()).collect();
        let endpoints = relations.iter().filter_map(|id| id.split(':').next());
        *self.peers.borrow_mut() = endpoints.map(str::to_owned).collect();
        *self.relations.borrow_mut() = relations;
    }

    /// The hooks from now on are about this relation, or about none.
    pub(crate) fn about(&self, relation: Option<&str>) {
        *self.about.borrow_mut() = relation.map(str::to_owned);
    }

    /// The process of the hook that ran last lives on.
    pub(crate) fn orphan(&self) {
        self.orphans.borrow_mut().insert(self.hooks.get());
    }

    pub(crate) fn end_orphans(&self) {
        self.orphans.borrow_mut().clear();
    }

    pub(crate) fn visit_wanted(&self, unit: u32) -> bool {
        self.visits.borrow().contains(&unit)
    }

    pub(crate) fn lose_files(&self, unit: u32) {
        self.files
            .borrow_mut()
            .retain(|(owner, _), _| *owner != unit);
    }

    /// Runs a hook whose writes Juju refuses.
    pub(crate) fn refused_hook(self: &Rc<Self>, unit: u32, work: impl FnOnce(&mut Hook)) {
        let before = self.bags.borrow().clone();
        let secrets = self.secrets.borrow().clone();
        self.hook(unit, work);
        *self.bags.borrow_mut() = before;
        *self.secrets.borrow_mut() = secrets;
    }

    pub(crate) fn without_relation(&self, work: impl FnOnce()) {
        self.relation.set(false);
        work();
        self.relation.set(true);
    }

    /// Runs the hook that tells a unit that another departs; the relation lists that one for a while, as where the
    /// agent dies right after this hook.
    pub(crate) fn departed(self: &Rc<Self>, unit: u32, other: u32, work: impl FnOnce(&mut Hook)) {
        self.departing.set(Some(other));
        self.hook(unit, work);
        self.departing.set(None);
    }

    /// Removes a unit as Juju 4.0 does: the relation goes on listing it.
    pub(crate) fn remove_untold(&self, unit: u32) {
        self.gone.borrow_mut().insert(unit);
    }

    /// Takes leadership from unit 0, in the middle of its hook.
    pub(crate) fn depose(&self) {
        self.deposed.set(true);
    }

    pub(crate) fn pass(&self, millis: u64) {
        self.clock.set(self.clock.get() + millis);
    }

    pub(crate) fn bag(&self, owner: &str) -> Option<String> {
        self.bags.borrow().get(owner).cloned()
    }

    pub(crate) fn set_bag(&self, owner: &str, value: &str) {
        self.bags
            .borrow_mut()
            .insert(owner.to_owned(), value.to_owned());
    }

    /// Juju has not committed what was last written there.
    pub(crate) fn remove_bag(&self, owner: &str) {
        self.bags.borrow_mut().remove(owner);
    }

    pub(crate) fn set_file(&self, unit: u32, name: &str, content: &[u8]) {
        self.files
            .borrow_mut()
            .insert((unit, name.to_owned()), content.to_vec());
    }

    pub(crate) fn file(&self, unit: u32, name: &str) -> Option<Value> {
        let files = self.files.borrow();
        let content = files.get(&(unit, name.to_owned()))?;
        serde_json::from_slice(content).ok()
    }

    /// What the etcd charm says from now on, or that there is no relation with it.
    pub(crate) fn etcd_says(&self, databag: Option<Value>) {
        *self.etcd.borrow_mut() = databag;
    }

    /// Which relations with etcd charms there are, if there are any.
    pub(crate) fn relate_to_etcd(&self, ids: &[&str]) {
        *self.etcd_ids.borrow_mut() = ids.iter().map(|&id| id.to_owned()).collect();
    }

    /// In which model the etcd charm is, if Juju tells.
    pub(crate) fn etcd_is_in(&self, model: Option<&str>) {
        *self.etcd_model.borrow_mut() = model.map(str::to_owned);
    }

    /// This unit leads from now on.
    pub(crate) fn elect(&self, unit: u32) {
        self.leader.set(unit);
    }

    /// What this application says in a relation with etcd.
    pub(crate) fn asked_of_etcd(&self, relation: &str) -> Value {
        let all = self.all_of(&format!("{relation} app"));
        json!(all)
    }

    fn all_of(&self, owner: &str) -> BTreeMap<String, String> {
        let bags = self.bags.borrow();
        let key = |bag: &str| Some(bag.strip_prefix(owner)?.strip_prefix(' ')?.to_owned());
        let all = bags.iter();
        all.filter_map(|(bag, value)| Some((key(bag)?, value.clone())))
            .collect()
    }

    /// The content of a secret.
    pub(crate) fn secret(&self, uri: &str) -> Option<Value> {
        self.secrets.borrow().get(uri).cloned()
    }

    /// All secrets, by their ids.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.borrow().keys().cloned().collect()
    }

    pub(crate) fn remove_secret(&self, uri: &str) {
        self.secrets.borrow_mut().remove(uri);
    }

    /// A secret that was granted to the units.
    pub(crate) fn grant_secret(&self, uri: &str, content: Value) {
        self.secrets.borrow_mut().insert(uri.to_owned(), content);
    }

    /// Runs the hook with which the relation with etcd ends. Juju still lists it.
    pub(crate) fn etcd_breaks<R>(self: &Rc<Self>, work: impl FnOnce(&mut Hook) -> R) -> R {
        self.etcd_hook("etcd-relation-broken", work)
    }

    /// Runs the hook that tells unit 0 what etcd says.
    pub(crate) fn etcd_changes<R>(self: &Rc<Self>, work: impl FnOnce(&mut Hook) -> R) -> R {
        self.etcd_hook("etcd-relation-changed", work)
    }

    fn etcd_hook<R>(self: &Rc<Self>, name: &'static str, work: impl FnOnce(&mut Hook) -> R) -> R {
        self.etcd_hook.set(Some(name));
        let result = self.hook(0, work);
        self.etcd_hook.set(None);
        result
    }

    /// A unit is being removed.
    pub(crate) fn remove(&self, unit: u32) {
        self.dying.set(Some(unit));
    }

    /// What is in a unit's file.
    pub(crate) fn text(&self, unit: u32, name: &str) -> Option<String> {
        let content = self.files.borrow().get(&(unit, name.to_owned()))?.clone();
        String::from_utf8(content).ok()
    }

    /// The command of the charm knows etcd from now on.
    pub(crate) fn knows_etcd(&self) {
        self.deputies.set(Some(0));
    }

    pub(crate) fn deputies(&self) -> Option<u32> {
        self.deputies.get()
    }

    pub(crate) fn status(&self, unit: u32) -> (String, String) {
        let never_set = || ("unknown".to_owned(), String::new());
        let statuses = self.statuses.borrow();
        statuses.get(&unit).cloned().unwrap_or_else(never_set)
    }

    pub(crate) fn set_status(&self, unit: u32, status: &str, message: &str) {
        let status = (status.to_owned(), message.to_owned());
        self.statuses.borrow_mut().insert(unit, status);
    }

    /// What was logged at a level.
    pub(crate) fn logged(&self, level: &str) -> Vec<String> {
        let begin = format!("juju-log --log-level {level} -- ops-coordinator: ");
        let calls = self.calls();
        let said = calls.iter().filter_map(|call| call.strip_prefix(&begin));
        said.map(str::to_owned).collect()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    pub(crate) fn forget_calls(&self) {
        self.calls.borrow_mut().clear();
    }

    pub(crate) fn forget_wakes(&self) {
        self.woken.borrow_mut().clear();
    }

    pub(crate) fn woken(&self, unit: u32) -> bool {
        self.woken.borrow().contains(&unit)
    }
}
