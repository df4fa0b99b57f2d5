//! The short visit that writes a line left pending by a long hook.

use std::rc::Rc;

use ops_coordinator_core::engine::{Found, Pending, Session, Verdict};
use ops_coordinator_core::wire::KEY;

use crate::state::{PENDING, SESSION, State};
use crate::tool::Bag;
use crate::{Environment, Errand, Error, Machine, Tools, Transport};

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
    let found = find(&pending, environment, &tools, state.machine())?;
    match pending.verdict(&found) {
        Verdict::Drop => {
            state.remove(PENDING)?;
            return Ok(false);
        }
        Verdict::TooLate(took) => {
            return Err(Error::NotCarriedOut(format!(
                "reading the line again took {} s",
                took / 1000
            )));
        }
        Verdict::Write(line) => tools.relation_set(pending.relation(), true, KEY, line)?,
    }
    // Where the agent is silent about own writes, no event brings this unit its own turn.
    if let Some(last) = state.load::<Session>(SESSION, &mut Vec::new())? {
        let machine = state.machine();
        let _ = machine.wake(endpoint, last.context(), Errand::Hook);
    }
    Ok(true)
}

fn find(
    pending: &Pending,
    environment: &Environment,
    tools: &Tools<Rc<dyn Transport>>,
    machine: &Rc<dyn Machine>,
) -> Result<Found, Error> {
    let application = Bag::Application(environment.unit.application());
    let line = |relation| tools.relation_get(relation, KEY, application);
    let others = pending
        .others()
        .map(|other| Ok((other.clone(), line(other)?)));
    let relation = pending.relation();
    Ok(Found {
        read_at: machine.now(),
        leader: tools.is_leader()?,
        line: line(relation)?,
        own: tools.relation_get(relation, KEY, Bag::Unit(&environment.unit))?,
        others: others.collect::<Result<_, Error>>()?,
        now: machine.now(),
    })
}
