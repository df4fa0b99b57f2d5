//! One running hook, action or command: what it has read and what it has buffered.

pub(crate) mod buffer;
pub(crate) mod environment;
mod flush;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::model::bag::Values;
use crate::model::member::Member;
use crate::name::{ContextId, RelationId};
use crate::settings::Millis;
use crate::uniter::hook::RelationKind;
use crate::uniter::run::Run;
use buffer::Buffer;

/// A run's context. It is created for each run; only what others have in their bags is kept longer, by
/// the agent.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: ContextId,
    pub(crate) name: String,
    pub(crate) run: Run,
    pub(crate) began: Millis,
    pub(crate) relation: Option<RelationId>,
    pub(crate) kind: Option<RelationKind>,
    pub(crate) remote: Option<Member>,
    pub(crate) departing: Option<Member>,
    /// `is-leader` has said False, and will say so to the end of the run.
    pub(crate) minion: bool,
    /// The unit's own bags, as first read and as written.
    pub(crate) unit_bags: BTreeMap<RelationId, Buffer>,
    /// The application's own bags, likewise; only ever filled for a leader.
    pub(crate) app_bags: BTreeMap<RelationId, Buffer>,
    /// The application's own bags as a unit that does not lead first read them.
    pub(crate) app_reads: BTreeMap<RelationId, Arc<Values>>,
    /// Bags of units that are not members, as first read.
    pub(crate) stranger_reads: BTreeMap<(RelationId, Member), Arc<Values>>,
    pub(crate) config: Option<BTreeMap<String, Value>>,
    pub(crate) leader_settings: Option<Arc<Values>>,
    pub(crate) state: Option<Buffer>,
    /// Ports to open (true) and to close.
    pub(crate) ports: Vec<(bool, String)>,
    /// What an action has set.
    pub(crate) results: BTreeMap<String, String>,
    /// What an action has failed with.
    pub(crate) failure: Option<String>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Context {
    pub(crate) fn new(id: ContextId, name: String, run: Run, began: Millis) -> Self {
        Self {
            id,
            name,
            run,
            began,
            relation: None,
            kind: None,
            remote: None,
            departing: None,
            minion: false,
            unit_bags: BTreeMap::new(),
            app_bags: BTreeMap::new(),
            app_reads: BTreeMap::new(),
            stranger_reads: BTreeMap::new(),
            config: None,
            leader_settings: None,
            state: None,
            ports: Vec::new(),
            results: BTreeMap::new(),
            failure: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// The remote unit of the hook, or this one if it has none.
    pub(crate) fn remote_or(&self, member: Member) -> Member {
        self.remote.unwrap_or(member)
    }
}
