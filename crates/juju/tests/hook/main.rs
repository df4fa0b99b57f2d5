//! A hook against databags in memory: what it reads, what it writes, and how often it asks.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod check;
mod cost;
mod data;
mod endpoint;
mod etcd;
mod fake;
mod operator;
mod relation;
mod shared;
mod standstill;
mod turn;
mod visit;
mod way;

use std::rc::Rc;

use fake::{Juju, lock};
use ops_coordinator_core::Turn;
use ops_coordinator_core::policy::Rotation;
use ops_coordinator_juju::{Hook, Ran};

fn release(hook: &mut Hook) {
    hook.release(&Rotation::default()).unwrap();
}

/// A roll in which app/0 leads and every unit has asked.
fn everyone_asked(units: u32) -> Rc<Juju> {
    let juju = Juju::new(units);
    for unit in (0..units).rev() {
        juju.hook(unit, |hook| {
            hook.request(&lock()).unwrap();
            release(hook);
        });
    }
    juju
}

fn run(juju: &Rc<Juju>, unit: u32) -> Result<u16, Turn> {
    juju.hook(unit, |hook| {
        let mut number = 0;
        let ran = hook.run(&lock(), |attempt, _| {
            number = attempt.number;
            Ok::<(), String>(())
        });
        release(hook);
        match ran.unwrap() {
            Ran::Waiting(wait) => Err(Turn::Wait(wait)),
            Ran::NotRequested => Err(Turn::NotRequested),
            Ran::Done | Ran::Failed(_) | Ran::CheckFailed { .. } => Ok(number),
        }
    })
}
