//! One unit: the controller's record of it, and its agent.

use std::collections::{BTreeMap, BTreeSet};

use super::agent::Agent;
use super::hook::Hook;
use super::local::{Local, Operation, Phase};
use super::view::View;
use super::watch::Watch;
use crate::context::Context;
use crate::dispatch::ActionId;
use crate::history::Life;
use crate::model::bag::Values;
use crate::model::deployed::Status;
use crate::model::member::Member;
use crate::name::{RelationId, UnitName};
use crate::settings::Millis;

/// A unit.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) name: UnitName,
    pub(crate) member: Member,
    pub(crate) life: Life,
    /// The address that it has in the model's network.
    pub(crate) address: String,
    pub(crate) status: Status,
    pub(crate) workload_version: String,
    /// What `state-set` keeps at the controller.
    pub(crate) state: Values,
    pub(crate) ports: BTreeSet<String>,
    /// Actions that wait for it.
    pub(crate) actions: Vec<ActionId>,
    pub(crate) local: Local,
    pub(crate) views: BTreeMap<RelationId, View>,
    /// Relations that it is never to see again.
    pub(crate) forgotten: BTreeSet<RelationId>,
    /// When it leaves, nobody is told.
    pub(crate) untold: bool,
    /// Its disk is lost once its running hook has ended.
    pub(crate) disk_is_going: bool,
    pub(crate) watch: Watch,
    pub(crate) agent: Agent,
    pub(crate) running: Option<Box<Context>>,
    /// Nothing is due; kept so that idleness needs no search.
    pub(crate) quiet: bool,
    pub(crate) runs: u64,
    pub(crate) failures: u64,
}

impl Unit {
    pub(crate) fn new(name: UnitName, address: String, now: Millis) -> Self {
        Self {
            member: Member::new(name.number()),
            name,
            life: Life::Alive,
            address,
            status: Status {
                level: "waiting".into(),
                message: "installing agent".into(),
                since: now,
            },
            workload_version: String::new(),
            state: Values::new(),
            ports: BTreeSet::new(),
            actions: Vec::new(),
            local: Local::default(),
            views: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            untold: false,
            disk_is_going: false,
            watch: Watch::default(),
            agent: Agent::new(),
            running: None,
            quiet: true,
            runs: 0,
            failures: 0,
        }
    }

    /// The hook that has failed and waits, if the unit is in error.
    pub(crate) fn failed_hook(&self) -> Option<&Hook> {
        match &self.local.operation {
            Operation::Hook(hook, Phase::Pending) if self.running.is_none() => Some(hook),
            _ => None,
        }
    }
}
