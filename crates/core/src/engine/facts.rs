//! What a visit knows from the start.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Session;
use crate::{RelationId, UnitName};

/// What a visit knows from its first moment: who runs, and what woke it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The unit.
    pub unit: UnitName,
    /// The id of the hook's context; no two hooks share one.
    pub context: String,
    /// The peer endpoint that the charm names.
    pub endpoint: String,
    /// The endpoints of all the charm's peer relations.
    pub peers: BTreeSet<String>,
    /// The relation that the hook is about.
    pub relation: Option<RelationId>,
    /// Whether that relation has only just been created (`relation-created`): no other unit has met this one in it.
    pub relation_created: bool,
    /// The unit that the hook is about.
    pub remote_unit: Option<UnitName>,
    /// The unit that is leaving, in a `relation-departed` hook.
    pub departing_unit: Option<UnitName>,
    /// The unit's availability zone.
    pub zone: Option<String>,
    /// Whether Juju runs this again if it fails: it does so with hooks, but not with actions and commands.
    pub will_be_retried: bool,
    /// The process of this visit; `None` if a later one could not tell whether it is alive.
    pub process: Option<Process>,
    /// A random number, for the unit's incarnation if it needs one.
    pub random: u32,
    /// The id of the machine's boot, if it tells: what was measured before another boot does not count.
    pub boot: Option<String>,
    /// How the payloads of two requests that share a turn, the older one first, become one.
    pub join: fn(Value, Value) -> Value,
}

impl Facts {
    /// A hook that is about nothing in particular, on a unit of a charm with one peer endpoint. Of the payloads of two
    /// requests that share a turn, the newer one remains.
    pub fn new(
        unit: UnitName,
        context: impl Into<String>,
        endpoint: impl Into<String>,
        random: u32,
    ) -> Self {
        let endpoint = endpoint.into();
        Self {
            unit,
            context: context.into(),
            peers: BTreeSet::from([endpoint.clone()]),
            endpoint,
            relation: None,
            relation_created: false,
            remote_unit: None,
            departing_unit: None,
            zone: None,
            will_be_retried: true,
            process: None,
            random,
            boot: None,
            join: |_, newer| newer,
        }
    }

    /// Whether the hook is the first in which this unit takes part in the relation that it follows.
    pub(super) fn is_newborn(&self, session: &Session) -> bool {
        self.relation_created && self.relation == session.relation && self.relation.is_some()
    }
}

/// A process of the unit's machine, distinguished from a later one with the same pid by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its pid.
    pub id: u32,
    /// When it started, in the kernel's clock ticks since boot (proc(5), field 22).
    pub began: u64,
}
