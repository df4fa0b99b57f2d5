//! Changes that the watchers have reported to an agent, and pending ones.

use std::collections::BTreeSet;

use crate::model::member::Member;
use crate::name::RelationId;
use crate::settings::Millis;

/// The agent's snapshot of the controller, relations apart.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) config_hash: u64,
    pub(crate) revision: u64,
    pub(crate) forced_revision: u64,
    pub(crate) leader: bool,
    pub(crate) dying: bool,
    /// The peer relation that was made last.
    pub(crate) newest_relation: Option<RelationId>,
    /// The version of the leader's settings, plus 1 for the watcher's first word.
    pub(crate) settings_version: u64,
    /// What has changed at the controller since the snapshot.
    pub(crate) news: News,
}

/// Changes that have not reached the agent. Only what changed is noted, not how often.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// When the snapshot is renewed.
    pub(crate) due: Option<Millis>,
    pub(crate) members: BTreeSet<(RelationId, Member)>,
    pub(crate) bags: BTreeSet<RelationId>,
}
