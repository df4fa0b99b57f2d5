//! What one hook has read so far. A shell hook calls the command several times; each call continues
//! where the one before it stopped, so nothing is read twice and every call sees the same line.
//!
//! Some of it is carried from hook to hook, only to save tool calls; if lost, it is read again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Availability, Process};
use crate::{Incarnation, LockName, LockRecord, RelationId, Tick, Ticket, UnitName};

/// The state of one hook, between its first look at Juju and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one hook"
)]
pub struct Session {
    /// The hook's context id. A session of another context is over.
    pub(super) context: String,
    /// The context of the previous hook in which the charm itself used the endpoint.
    #[serde(default)]
    pub(super) previous: Option<String>,
    /// Whether only a hook on another endpoint has looked here, and not the charm itself.
    #[serde(default)]
    pub(super) met: bool,
    /// The peer relation's id, if it exists: the lowest that Juju listed when last asked.
    pub(super) relation: Option<RelationId>,
    /// Whether that was found to be wrong, so that the next hook asks at once.
    #[serde(default)]
    pub(super) doubtful: bool,
    /// Whether Juju was asked in this hook.
    #[serde(default)]
    pub(super) asked_relations: bool,
    /// Taken before the unit asked whether it leads.
    pub(super) read_at: Tick,
    /// Whether the unit leads.
    pub(super) leader: bool,
    /// The line's value as it was read. It is never read again in the same hook: Juju would then
    /// answer with what this hook itself has written.
    pub(super) line: Option<String>,
    /// The last relation that the unit followed, even while it sees none.
    #[serde(default)]
    pub(super) followed: Option<RelationId>,
    /// The number of the newest relation that it followed before and no longer sees.
    #[serde(default)]
    pub(super) lost: Option<u64>,
    /// The value of this unit's own key, if it was read: as it was then, or as this hook wrote it.
    pub(super) own: Option<OwnValue>,
    /// Peers' records as they were read; `Err` if a databag could not be read.
    pub(super) peers: BTreeMap<UnitName, Result<Option<String>, String>>,
    /// Units whose departure was announced to this hook or an earlier one, as long as they are in the line. If the
    /// agent died right after that hook, it may still list them for a while.
    #[serde(default)]
    pub(super) departed: BTreeSet<UnitName>,
    /// Units that the relation lists but the controller does not know, with their incarnation.
    #[serde(default)]
    pub(super) gone: BTreeMap<UnitName, Option<Incarnation>>,
    /// The units that others wait for and since when, and when this leader last asked the controller.
    #[serde(default)]
    pub(super) watch: Watch,
    /// Locks whose operation this hook has begun and not ended.
    pub(super) running: BTreeSet<LockName>,
    /// The processes that work on these operations.
    #[serde(default)]
    pub(super) processes: BTreeMap<LockName, BTreeSet<Process>>,
    /// Processes of earlier hooks that were alive when this one began.
    #[serde(default)]
    pub(super) orphans: BTreeMap<LockName, BTreeSet<Process>>,
    /// Tickets of the line that this hook, or one before it, saw finished.
    #[serde(default)]
    pub(super) finished: BTreeMap<LockName, Vec<Ticket>>,
    /// Whether this hook has seen an entry of the line finished that the one before it had not.
    #[serde(default)]
    pub(super) saw_finish: bool,
    /// Whether the roster that an earlier hook has stored counts in this one.
    #[serde(default)]
    pub(super) recalls: bool,
    /// Whether this hook has brought the roster up to date.
    #[serde(default)]
    pub(super) remembers: bool,
    /// What an earlier hook read back of this unit's own databag.
    #[serde(default)]
    pub(super) confirmed: Option<BTreeMap<LockName, LockRecord>>,
    /// Notes of the hook's driver for later hooks.
    #[serde(default)]
    pub(super) notes: BTreeMap<String, String>,
    /// Whether this hook has finished an operation.
    pub(super) finished_operation: bool,
    /// Whether this hook has written the line.
    pub(super) wrote_line: bool,
    /// Whether this hook has scheduled another one.
    pub(super) woke: bool,
    /// When the waker goes off that waits for a window to open, a check to hold or another attempt, if one was started.
    #[serde(default)]
    pub(super) alarm: Option<Tick>,
    /// The number of the request that was last found to need nothing but its shared lock, by lock.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) shared: BTreeMap<LockName, u64>,
    /// Since when this unit expects a campaign, by lock.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) expects: BTreeMap<LockName, Tick>,
    /// Whether the unit was available at the end of the last hook.
    #[serde(default, skip_serializing_if = "Availability::is_untold")]
    pub(super) availability: Availability,
    /// Whether that has changed since a hook has read the unit's record back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) availability_is_news: bool,
    /// Since when the unit is unavailable; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unavailable_since: Option<Tick>,
}

/// What a leader remembers about a line that does not move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// For each lock with waiting units: who is first, and since when.
    pub(super) first: BTreeMap<LockName, (Ticket, Tick)>,
    /// When the controller was last asked.
    pub(super) asked_at: Option<Tick>,
}

/// The value of the unit's own key, as far as this hook knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnValue {
    /// The value; absent if the key is absent.
    pub(super) value: Option<String>,
    /// Whether this hook has written it, so that it is not committed yet.
    pub(super) written: bool,
}

impl Session {
    /// The id of the hook's context.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The relation whose line the hook follows.
    pub fn relation(&self) -> Option<&RelationId> {
        self.relation.as_ref()
    }

    /// A hook that has not read anything yet.
    pub(super) fn new(context: &str, read_at: Tick) -> Self {
        Self {
            context: context.to_owned(),
            previous: None,
            met: false,
            relation: None,
            doubtful: false,
            asked_relations: false,
            read_at,
            leader: false,
            line: None,
            followed: None,
            lost: None,
            own: None,
            peers: BTreeMap::new(),
            departed: BTreeSet::new(),
            gone: BTreeMap::new(),
            watch: Watch::default(),
            running: BTreeSet::new(),
            processes: BTreeMap::new(),
            orphans: BTreeMap::new(),
            finished: BTreeMap::new(),
            saw_finish: false,
            recalls: false,
            remembers: false,
            confirmed: None,
            notes: BTreeMap::new(),
            finished_operation: false,
            wrote_line: false,
            woke: false,
            alarm: None,
            shared: BTreeMap::new(),
            expects: BTreeMap::new(),
            availability: Availability::Untold,
            availability_is_news: false,
            unavailable_since: None,
        }
    }
}
