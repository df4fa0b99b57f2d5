//! What another terminal has ordered and waits for: steps, and the end of all that goes on.

use std::time::Duration;

use super::Lab;
use super::lock::lock;
use super::play::{Advance, Player};
use crate::report::describe;
use crate::scenario::Step;
use crate::settings::Millis;
use crate::world::World;

/// How often is looked when nothing happens: times come by themselves.
const TICK: Duration = Duration::from_millis(20);

/// Takes steps as a scenario does; returns what each of them did. Marks and hooks before the first one count from the
/// last step that was ordered before.
pub(super) fn take(lab: &Lab, steps: Vec<Step>, timeout: Millis) -> Result<Vec<String>, String> {
    let several = steps.len() > 1;
    let seen = *lock(&lab.shared.last_ordered);
    let mut player = Player::new(steps)
        .with_judge(lab.shared.options.insight.unmet)
        .going_on(lab, seen);
    let deadline = lab.now().saturating_add(timeout);
    let mut said = Vec::new();
    while !player.is_done() {
        match player.advance(lab) {
            Advance::Did { text, .. } => {
                *lock(&lab.shared.last_ordered) = player.seen();
                said.push(text);
                continue;
            }
            Advance::Failed(problem) if several => return Err(problem),
            Advance::Failed(problem) => {
                let plain = problem.strip_prefix("step 1: ");
                return Err(plain.unwrap_or(&problem).to_owned());
            }
            Advance::Finished | Advance::Waiting => {}
        }
        if lab.now() >= deadline && !player.is_done() {
            let late = player.waits_for();
            return Err(format!("{late} within {} s", timeout.div_ceil(1_000)));
        }
        go_on(lab)?;
    }
    Ok(said)
}

/// Waits until nothing is left to do and no request is unserved, or nothing has moved for `patience`; returns the
/// requests that are unserved, as sentences.
pub(super) fn rest(lab: &Lab, patience: Millis, timeout: Millis) -> Result<Vec<String>, String> {
    let unserved = lab.shared.options.insight.unserved;
    let deadline = lab.now().saturating_add(timeout);
    let mut still_since = None;
    loop {
        let (now, found) = lab.with_world(|world, now| {
            let found = world.is_idle().then(|| unserved(world));
            (now, found)
        });
        if let Some(found) = found {
            let since: Millis = *still_since.get_or_insert(now);
            let is_over = now.saturating_sub(since) >= patience || now >= deadline;
            if found.is_empty() || is_over {
                return Ok(found);
            }
        } else {
            still_since = None;
        }
        if now >= deadline {
            let busy = lab.with_world(|world, _| agents(world));
            let seconds = timeout.div_ceil(1_000);
            return Err(format!("not at rest after {seconds} s: {busy}"));
        }
        go_on(lab)?;
    }
}

fn go_on(lab: &Lab) -> Result<(), String> {
    if lab.shared.is_ending() {
        return Err("the lab is shutting down".to_owned());
    }
    lab.wait_for_news(TICK);
    Ok(())
}

/// What each agent does, in words.
fn agents(world: &World) -> String {
    let units = world.units();
    let each = units
        .iter()
        .map(|unit| format!("{}: {}", unit.unit, describe(&unit.agent)));
    each.collect::<Vec<_>>().join(", ")
}
