//! What one hook has read so far. A shell hook calls the command several times; each call continues
//! where the one before it stopped, so nothing is read twice and every call sees the same line.

use std::collections::{BTreeMap, BTreeSet};

use ops_coordinator_core::{LockName, Tick, UnitName};
use serde::{Deserialize, Serialize};

/// The state of one hook, between its first look at Juju and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one hook"
)]
pub(crate) struct Session {
    /// The hook's context id. A session of another context is over.
    pub(crate) context: String,
    /// The peer relation's id, where it exists. It outlives the session as a hint: asking for it costs
    /// a tool call, and a wrong one is noticed when it is used.
    pub(crate) relation: Option<String>,
    /// Taken before the unit asked whether it leads.
    pub(crate) read_at: Tick,
    /// Whether the unit leads.
    pub(crate) leader: bool,
    /// The line's value as it was read. It is never read again in the same hook: Juju would then
    /// answer with what this hook itself has written.
    pub(crate) line: Option<String>,
    /// The value of this unit's own key, where it was read: as it was then, or as this hook wrote it.
    pub(crate) own: Option<OwnValue>,
    /// Peers' records as they were read; `Err` where a databag could not be read.
    pub(crate) peers: BTreeMap<UnitName, Result<Option<String>, String>>,
    /// Units of which this hook, or one before it, was told that they depart, as long as they are in the line.
    /// Where the agent died right after that hook, it may go on listing them for a while.
    #[serde(default)]
    pub(crate) departed: BTreeSet<UnitName>,
    /// Locks whose operation this hook has begun and not ended.
    pub(crate) running: BTreeSet<LockName>,
    /// Whether this hook has finished an operation.
    pub(crate) finished_operation: bool,
    /// Whether this hook has written the line.
    pub(crate) wrote_line: bool,
    /// Whether this hook has arranged for another one.
    pub(crate) woke: bool,
}

/// The value of the unit's own key, as far as this hook knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnValue {
    /// The value; absent where the key is.
    pub(crate) value: Option<String>,
    /// Whether this hook has written it, so that it is not committed yet.
    pub(crate) written: bool,
}

impl Session {
    /// A hook that has not read anything yet.
    pub(crate) fn new(context: &str, read_at: Tick) -> Self {
        Self {
            context: context.to_owned(),
            relation: None,
            read_at,
            leader: false,
            line: None,
            own: None,
            peers: BTreeMap::new(),
            departed: BTreeSet::new(),
            running: BTreeSet::new(),
            finished_operation: false,
            wrote_line: false,
            woke: false,
        }
    }
}
