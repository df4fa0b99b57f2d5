//! A unit's agent: one thread that asks the world what to run next, and runs it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::lock::lock;
use super::shared::Shared;
use super::{ProcessError, hook, socket};
use crate::dispatch::{CrashPoint, Dispatch, Exit, Step};
use crate::name::UnitName;
use crate::tool;

/// An agent looks at least this often, whatever wakes it.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// Makes the unit's folder, opens its socket, and starts its agent.
pub(super) fn start(shared: &Arc<Shared>, unit: &UnitName) -> Result<(), ProcessError> {
    let folder = shared.folders.directory.unit(unit);
    {
        let _launch = lock(&shared.folders.launch);
        let names = tool::names(shared.options.settings.juju_version);
        folder.make(&shared.options.executable, &names)?;
    }
    shared
        .folders
        .unpack(unit, shared.folders.newest_revision())?;
    if let Some(offset) = shared.options.clocks.get(unit) {
        shared.folders.set_clock(unit, *offset)?;
    }
    shared.folders.log(unit);
    socket::listen(shared, unit)?;
    let (shared_with_thread, unit) = (Arc::clone(shared), unit.clone());
    shared.keep_thread(thread::spawn(move || run(&shared_with_thread, &unit)));
    Ok(())
}

fn run(shared: &Arc<Shared>, unit: &UnitName) {
    while let Some(dispatch) = next(shared, unit) {
        let exit = match run_one(shared, &dispatch) {
            Exit::Code(0) if shared.jobs.take_failure(unit) => Exit::Code(1),
            exit => exit,
        };
        if shared.is_ending() {
            return;
        }
        shared.with_world(|world, now| world.exited(&dispatch.context, exit, now));
    }
}

/// What to run next, once there is something; `None` when the unit is gone or the lab ends.
fn next(shared: &Shared, unit: &UnitName) -> Option<Dispatch> {
    let mut recorded = shared.lock_world();
    loop {
        if shared.is_ending() {
            return None;
        }
        let now = shared.now();
        let step = recorded.world.step(unit, now);
        shared.publish(&mut recorded);
        match step {
            Step::Run(dispatch) => return Some(*dispatch),
            Step::Gone => return None,
            Step::Wait { until } => {
                let due = until.map(|until| Duration::from_millis(until.saturating_sub(now)));
                let sleep = due.map_or(LONGEST_SLEEP, |due| due.min(LONGEST_SLEEP));
                recorded = shared.wait(recorded, sleep.max(Duration::from_millis(1)));
            }
        }
    }
}

fn run_one(shared: &Arc<Shared>, dispatch: &Dispatch) -> Exit {
    let crash = shared.jobs.take_crash(&dispatch.unit);
    if let Some(point @ CrashPoint::BeforeProcess) = crash {
        return Exit::Crash(point);
    }
    let exit = hook::run(shared, dispatch);
    if exit != Exit::Code(0) {
        // A hook that failed by itself never comes to the points after its end.
        return exit;
    }
    crash
        .or_else(|| shared.jobs.take_crash_at_end(&dispatch.unit))
        .map_or(exit, Exit::Crash)
}
