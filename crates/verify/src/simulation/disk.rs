//! What a unit's own disk says, and what its charm keeps there.

use ops_coordinator_core::journal::Journal;
use ops_coordinator_core::wire::Outcome;
use ops_coordinator_core::{LockName, Ticket};
use ops_coordinator_lab::simulation::{Disk, HookContext};
use serde_json::Value;

use crate::charm::{ENDPOINT, OTHER, THIRD};

/// Whose state files there can be.
pub(super) const ENDPOINTS: [&str; 3] = [ENDPOINT, OTHER, THIRD];
/// What the charm remembers of having asked for.
const CLAIMS: &str = "charm/claims";

/// How an operation has come to an end, as its unit sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// It was cancelled or withdrawn.
    Otherwise,
}

/// The unit's journals, as they are.
pub(super) fn journals(context: &HookContext) -> Vec<Option<Vec<u8>>> {
    let disk = context.disk();
    let journal = |endpoint: &&str| disk.get(&format!("{endpoint}/journal.json")).cloned();
    ENDPOINTS.iter().map(journal).collect()
}

/// Whether the unit's journal says that the request is over.
pub(super) fn ended(context: &HookContext, lock: &str, ticket: &Ticket) -> Option<Ended> {
    let disk = context.disk();
    let lock: LockName = lock.parse().ok()?;
    ENDPOINTS.iter().find_map(|endpoint| {
        let text = disk.get(&format!("{endpoint}/journal.json"))?;
        let journal: Journal = serde_json::from_slice(text).ok()?;
        let kept = journal.locks.get(&lock)?;
        let over = journal.incarnation.as_ref() == Some(&ticket.incarnation)
            && kept.record.done >= ticket.seq;
        let well = kept.record.outcome == Some(Outcome::Done);
        over.then_some(if well { Ended::Well } else { Ended::Otherwise })
    })
}

/// Whether the unit's journal says that it waits for a turn.
pub(super) fn waits(context: &HookContext) -> bool {
    let disk = context.disk();
    let mut journals = ENDPOINTS.iter().filter_map(|endpoint| {
        let text = disk.get(&format!("{endpoint}/journal.json"))?;
        serde_json::from_slice::<Journal>(text).ok()
    });
    journals.any(|journal| {
        let mut kept = journal.locks.values();
        kept.any(|kept| kept.record.seq > kept.record.done)
    })
}

/// Whether the unit leads, as its hook has asked.
pub(super) fn leads(context: &HookContext) -> bool {
    let disk = context.disk();
    ENDPOINTS
        .iter()
        .any(|endpoint| last_session(&disk, endpoint)["leader"] == Value::Bool(true))
}

/// What the last hook on an endpoint left behind of itself.
pub(super) fn last_session(disk: &Disk, endpoint: &str) -> Value {
    let session = disk.get(&format!("{endpoint}/session.json"));
    session
        .and_then(|text| serde_json::from_slice(text).ok())
        .unwrap_or_default()
}

/// Whether a line waits on the disk to be written.
pub(super) fn has_pending_line(disk: &Disk, endpoint: &str) -> bool {
    disk.contains_key(&format!("{endpoint}/pending-line.json"))
}

pub(super) fn claims(context: &HookContext) -> u8 {
    let kept = context
        .disk()
        .get(CLAIMS)
        .and_then(|kept| kept.first().copied());
    kept.unwrap_or_default()
}

pub(super) fn remember_claims(context: &HookContext, claims: u8) {
    context.disk().insert(CLAIMS.to_owned(), vec![claims]);
}
