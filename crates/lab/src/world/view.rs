//! What can be seen from outside.

use std::collections::BTreeMap;

use super::World;
use crate::history::Life;
use crate::model::bag::Bag;
use crate::model::member::Member;
use crate::name::{RelationId, UnitName};
use crate::settings::Millis;
use crate::uniter::unit::Unit;

/// What a live view shows of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitStatus {
    /// Which unit.
    pub unit: UnitName,
    /// How far its life has got.
    pub life: Life,
    /// What its agent does.
    pub agent: AgentStatus,
    /// Whether it holds its application's lease.
    pub leader: bool,
    /// Whether its charm is installed and started.
    pub started: bool,
    /// The charm's own status, such as `active`.
    pub workload: String,
    /// The message with it.
    pub message: String,
    /// How many hooks, actions and commands it has begun so far.
    pub runs: u64,
    /// How many of them failed.
    pub failures: u64,
}

/// What a unit's agent does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    /// Nothing runs.
    Idle,
    /// This hook, action or command runs.
    Executing(String),
    /// A hook failed.
    Error {
        /// Which.
        hook: String,
        /// How many times it has failed in a row.
        attempt: u32,
        /// When it runs again by itself.
        retry_at: Option<Millis>,
    },
    /// The agent does not run, is cut off, or its machine is lost.
    Lost,
}

impl World {
    /// Nothing runs and nothing is due but `update-status`: no hook, action or command is queued, and no
    /// failed hook, restarting agent or lapsing lease waits for its time. Units whose agent is down,
    /// cut off or lost do not count.
    pub fn is_idle(&self) -> bool {
        self.busy == 0 && self.timers.is_empty()
    }

    /// Every unit that exists, sorted by name.
    pub fn units(&self) -> Vec<UnitStatus> {
        self.units
            .values()
            .map(|unit| self.status_of(unit))
            .collect()
    }

    /// One unit, if it exists.
    pub fn unit(&self, name: &UnitName) -> Option<UnitStatus> {
        self.units.get(name).map(|unit| self.status_of(unit))
    }

    fn status_of(&self, unit: &Unit) -> UnitStatus {
        let holder = self
            .deployed
            .get(unit.name.application())
            .and_then(|d| d.lease.holder);
        UnitStatus {
            unit: unit.name.clone(),
            life: unit.life,
            agent: self.agent_status(unit),
            leader: holder == Some(unit.name.number()),
            started: unit.local.started && !unit.local.stopped,
            workload: unit.status.level.clone(),
            message: unit.status.message.clone(),
            runs: unit.runs,
            failures: unit.failures,
        }
    }

    fn agent_status(&self, unit: &Unit) -> AgentStatus {
        if let Some(context) = &unit.running {
            return AgentStatus::Executing(context.name.clone());
        }
        if !unit.agent.works() {
            return AgentStatus::Lost;
        }
        match unit.failed_hook() {
            Some(hook) => AgentStatus::Error {
                hook: hook.name(|relation| self.endpoint(&unit.name, relation)),
                attempt: unit.agent.memory.attempt,
                retry_at: unit.agent.memory.retry_at,
            },
            None => AgentStatus::Idle,
        }
    }

    /// The context that a unit runs, if it runs anything.
    pub fn running(&self, name: &UnitName) -> Option<&crate::ContextId> {
        self.units
            .get(name)?
            .running
            .as_ref()
            .map(|context| &context.id)
    }

    /// A committed databag, for views and checks: a unit's own on one of its peer endpoints, or with `unit` None
    /// the application's. Of an endpoint with two relations, that of the one with the lower number.
    pub fn databag(
        &self,
        application: &str,
        endpoint: &str,
        unit: Option<u32>,
    ) -> Option<BTreeMap<String, String>> {
        let deployed = self.deployed.get(application)?;
        let peer = deployed
            .peers
            .values()
            .find(|peer| peer.endpoint == endpoint)?;
        let bag = match unit {
            Some(number) => peer.bags.get(&Member::new(number))?,
            None => &peer.bag,
        };
        Some(BTreeMap::clone(bag.values()))
    }

    /// The version of a committed databag, as watchers compare it.
    pub fn databag_version(
        &self,
        application: &str,
        endpoint: &str,
        unit: Option<u32>,
    ) -> Option<u64> {
        let deployed = self.deployed.get(application)?;
        let peer = deployed
            .peers
            .values()
            .find(|peer| peer.endpoint == endpoint)?;
        match unit {
            Some(number) => peer.bags.get(&Member::new(number)).map(Bag::version),
            None => Some(peer.bag.version()),
        }
    }

    /// The peer relations that a unit sees, by number, with their endpoints; of one endpoint there can be several.
    pub fn relations_seen_by(&self, unit: &UnitName) -> Vec<(String, RelationId)> {
        let views = self.units.get(unit).map(|unit| &unit.views);
        let relations = views.into_iter().flat_map(|views| views.keys());
        relations
            .map(|&relation| (self.endpoint(unit, relation), relation))
            .collect()
    }

    /// A committed databag of just this relation: a unit's own, or with `unit` None the application's.
    pub fn databag_of(
        &self,
        application: &str,
        relation: RelationId,
        unit: Option<u32>,
    ) -> Option<BTreeMap<String, String>> {
        let peer = self.deployed.get(application)?.peers.get(&relation)?;
        let bag = match unit {
            Some(number) => peer.bags.get(&Member::new(number))?,
            None => &peer.bag,
        };
        Some(BTreeMap::clone(bag.values()))
    }
}
