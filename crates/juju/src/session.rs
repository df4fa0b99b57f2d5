//! What one hook has read so far. A shell hook calls the command several times; each call continues
//! where the one before it stopped, so nothing is read twice and every call sees the same line.
//!
//! Some of it is carried from hook to hook, only to save tool calls; if lost, it is read again.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::{Incarnation, LockName, LockRecord, Tick, Ticket, UnitName};
use serde::{Deserialize, Serialize};

use crate::Process;

/// The state of one hook, between its first look at Juju and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one hook"
)]
pub(crate) struct Session {
    /// The hook's context id. A session of another context is over.
    pub(crate) context: String,
    /// The context of the previous hook in which the charm itself used the endpoint.
    #[serde(default)]
    pub(crate) previous: Option<String>,
    /// Whether only a hook on another endpoint has looked here, and not the charm itself.
    #[serde(default)]
    pub(crate) met: bool,
    /// The peer relation's id, if it exists: the lowest that Juju listed when last asked.
    pub(crate) relation: Option<String>,
    /// Whether that was found to be wrong, so that the next hook asks at once.
    #[serde(default)]
    pub(crate) doubtful: bool,
    /// Whether Juju was asked in this hook.
    #[serde(default)]
    pub(crate) asked_relations: bool,
    /// Taken before the unit asked whether it leads.
    pub(crate) read_at: Tick,
    /// Whether the unit leads.
    pub(crate) leader: bool,
    /// The line's value as it was read. It is never read again in the same hook: Juju would then
    /// answer with what this hook itself has written.
    pub(crate) line: Option<String>,
    /// The last relation that the unit followed, even while it sees none.
    #[serde(default)]
    pub(crate) followed: Option<String>,
    /// The number of the newest relation that it followed before and no longer sees.
    #[serde(default)]
    pub(crate) lost: Option<u64>,
    /// The value of this unit's own key, if it was read: as it was then, or as this hook wrote it.
    pub(crate) own: Option<OwnValue>,
    /// Peers' records as they were read; `Err` if a databag could not be read.
    pub(crate) peers: BTreeMap<UnitName, Result<Option<String>, String>>,
    /// Units whose departure was announced to this hook or an earlier one, as long as they are in the line. If the
    /// agent died right after that hook, it may still list them for a while.
    #[serde(default)]
    pub(crate) departed: BTreeSet<UnitName>,
    /// Units that the relation lists but the controller does not know, with their incarnation.
    #[serde(default)]
    pub(crate) gone: BTreeMap<UnitName, Option<Incarnation>>,
    /// The units that others wait for and since when, and when this leader last asked the controller.
    #[serde(default)]
    pub(crate) watch: Watch,
    /// Locks whose operation this hook has begun and not ended.
    pub(crate) running: BTreeSet<LockName>,
    /// The processes that work on these operations.
    #[serde(default)]
    pub(crate) processes: BTreeMap<LockName, BTreeSet<Process>>,
    /// Processes of earlier hooks that were alive when this one began.
    #[serde(default)]
    pub(crate) orphans: BTreeMap<LockName, BTreeSet<Process>>,
    /// Tickets of the line that this hook, or one before it, saw finished.
    #[serde(default)]
    pub(crate) finished: BTreeMap<LockName, Vec<Ticket>>,
    /// What an earlier hook read back of this unit's own databag.
    #[serde(default)]
    pub(crate) confirmed: Option<BTreeMap<LockName, LockRecord>>,
    /// Notes of the hook's driver for later hooks.
    #[serde(default)]
    pub(crate) notes: BTreeMap<String, String>,
    /// Whether this hook has finished an operation.
    pub(crate) finished_operation: bool,
    /// Whether this hook has written the line.
    pub(crate) wrote_line: bool,
    /// Whether this hook has scheduled another one.
    pub(crate) woke: bool,
}

/// What a leader remembers about a line that does not move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// For each lock with waiting units: who is first, and since when.
    pub(crate) first: BTreeMap<LockName, (Ticket, Tick)>,
    /// When the controller was last asked.
    pub(crate) asked_at: Option<Tick>,
}

/// The value of the unit's own key, as far as this hook knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnValue {
    /// The value; absent if the key is absent.
    pub(crate) value: Option<String>,
    /// Whether this hook has written it, so that it is not committed yet.
    pub(crate) written: bool,
}

impl Session {
    /// A hook that has not read anything yet.
    pub(crate) fn new(context: &str, read_at: Tick) -> Self {
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
            confirmed: None,
            notes: BTreeMap::new(),
            finished_operation: false,
            wrote_line: false,
            woke: false,
        }
    }
}
