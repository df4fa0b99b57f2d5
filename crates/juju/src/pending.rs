//! A line that a hook could not write in time, and the short visit that writes it.
//!
//! The leader may write the line only within 25 s of reading it, and Juju returns the first result for every read in
//! the same hook. So a hook that takes longer saves the line to disk, and a waker runs a visit in a separate context,
//! without any of the charm's code. The visit reads the line again and writes the new one if nothing has changed: the
//! new line is then as valid as before.

use std::collections::BTreeMap;
use std::rc::Rc;

use ops_coordinator_core::leader::WRITE_WITHIN;
use ops_coordinator_core::{KEY, Line, encode_line};
use serde::{Deserialize, Serialize};

use crate::hook::Hook;
use crate::session::Session;
use crate::state::{PENDING, SESSION, State};
use crate::tool::Bag;
use crate::{Environment, Errand, Error, Machine, RelationId, Tools, Transport};

/// A line waiting to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    relation: String,
    /// The value from which it was computed.
    base: Option<String>,
    /// The hook's value of the unit's own databag. If Juju did not commit that, the line relies on a record that
    /// nobody can see.
    #[serde(default)]
    own: Option<String>,
    /// The lines of other endpoints on which this one depends, by relation.
    #[serde(default)]
    others: BTreeMap<String, Option<String>>,
    line: String,
}

impl Hook {
    /// Leaves a line to a visit that a waker runs at once.
    pub(crate) fn leave_behind(&mut self, relation: &RelationId, line: &Line) -> Result<(), Error> {
        let others = self.siblings.values().filter_map(|sibling| {
            let relation = sibling.session.relation.clone()?;
            Some((relation, sibling.session.line.clone()))
        });
        let pending = Pending {
            others: others.collect(),
            relation: relation.to_string(),
            base: self.session.line.clone(),
            own: self.session.own.as_ref().and_then(|own| own.value.clone()),
            line: encode_line(line),
        };
        self.state.save(PENDING, &pending, false)?;
        self.warnings.push(format!(
            "this hook ran for more than {} s, so a separate visit will write the line",
            WRITE_WITHIN / 1000
        ));
        self.wake(Errand::Line);
        Ok(())
    }

    pub(crate) fn drop_pending(&self) -> Result<(), Error> {
        self.state.remove(PENDING)
    }
}

/// Writes the line that an earlier hook left pending, if this unit still leads, the current line is still the one
/// from which it was computed, and that hook's writes are public. Returns whether it wrote the line.
///
/// This is the whole visit: it needs a separate context (`juju-exec`) and none of the charm's code.
///
/// # Errors
/// A hook tool's failure, or a state file that cannot be read or written.
pub fn write_pending_line(
    environment: &Environment,
    transport: Rc<dyn Transport>,
    machine: Rc<dyn Machine>,
    endpoint: &str,
) -> Result<bool, Error> {
    let state = State::new(machine, endpoint);
    let _guard = state.lock()?;
    let Some(pending) = state.load::<Pending>(PENDING, &mut Vec::new())? else {
        return Ok(false);
    };
    let tools = Tools::new(transport);
    let read_at = state.machine().now();
    if !tools.is_leader()? {
        state.remove(PENDING)?;
        return Ok(false);
    }
    let relation = RelationId::new(pending.relation);
    let application = Bag::Application(environment.unit.application());
    let mut as_left = tools.relation_get(&relation, KEY, application)? == pending.base
        && tools.relation_get(&relation, KEY, Bag::Unit(&environment.unit))? == pending.own;
    for (other, line) in pending.others {
        as_left &= tools.relation_get(&RelationId::new(other), KEY, application)? == line;
    }
    if !as_left {
        state.remove(PENDING)?;
        return Ok(false);
    }
    let took = state.machine().now().0.saturating_sub(read_at.0);
    if took >= WRITE_WITHIN {
        // The waker tries again.
        return Err(Error::NotCarriedOut(format!(
            "reading the line again took {} s",
            took / 1000
        )));
    }
    // It stays on the disk: should Juju not commit it, the waker comes again, and should it, the next visit finds
    // that nothing is left to do.
    tools.relation_set(&relation, true, KEY, &pending.line)?;
    // Where the agent is silent about own writes, no event brings this unit its own turn.
    if let Some(last) = state.load::<Session>(SESSION, &mut Vec::new())? {
        let machine = state.machine();
        let _ = machine.wake(endpoint, &last.context, Errand::Hook);
    }
    Ok(true)
}
