//! The wakers of a run: the production state machine, with virtual time, disks and commands around it.

use std::collections::BTreeMap;

use ops_coordinator_core::{Errand, Waker, WakerStep};
use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::simulation::{Deed, Simulation, VirtualCharm};
use ops_coordinator_lab::world::AgentStatus;

use super::bridge::Wish;
use super::disk;
use super::unit::VISIT;

/// How long a command may be pending before it runs, in milliseconds.
const ON_ITS_WAY: u64 = 5_000;

/// A waker's process.
#[derive(Debug)]
struct Process {
    waker: Waker,
    /// When it continues, unless something else happens first; never while it waits for its hook to end.
    at: Option<u64>,
}

/// Whom a waker wakes, on which endpoint, and whether for a line.
type Place = (UnitName, String, bool);

/// The wakers.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    processes: BTreeMap<Place, Process>,
}

impl Wakers {
    pub(super) fn ask(&mut self, now: u64, unit: UnitName, wish: &Wish) {
        let place = (unit, wish.endpoint.clone(), wish.errand == Errand::Line);
        let waker = Waker::new(wish.errand, &wish.context);
        let at = (waker.poll() != WakerStep::AwaitHookEnd).then_some(now);
        self.processes.insert(place, Process { waker, at });
    }

    pub(super) fn are_none(&self) -> bool {
        self.processes.is_empty()
    }

    /// A hook of the unit has ended.
    pub(super) fn hook_ended(&mut self, unit: &UnitName, now: u64) {
        let waiting = self.processes.iter_mut();
        for (_, process) in waiting.filter(|((woken, ..), _)| woken == unit) {
            if process.waker.poll() == WakerStep::AwaitHookEnd {
                process.waker.handle_wait();
                process.sleep(now);
            }
        }
    }

    /// The command of one of the unit's wakers has ended.
    pub(super) fn command_ended<F>(
        &mut self,
        simulation: &Simulation<F>,
        unit: &UnitName,
        visit: bool,
        success: bool,
    ) where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let mut running = self.processes.iter().filter(|((woken, _, line), process)| {
            woken == unit && *line == visit && process.waker.poll() == WakerStep::Run
        });
        if let Some(place) = running.next().map(|(place, _)| place.clone()) {
            self.finish(simulation, place, success);
        }
    }

    /// All wakers of a unit die.
    pub(super) fn end(&mut self, unit: &UnitName) {
        self.processes.retain(|(woken, ..), _| woken != unit);
    }

    /// Continues wakers whose time has come. With `early` the next one continues, whenever its time comes: nothing else
    /// happens until then.
    pub(super) fn go_off<F>(&mut self, simulation: &mut Simulation<F>, early: bool)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let now = simulation.now();
        // Nobody runs a hook any more, so none can end.
        let at = |process: &Process| process.at.or(early.then_some(now));
        let next = self.processes.values().filter_map(at).min();
        let until = if early {
            next.unwrap_or(now).max(now)
        } else {
            now
        };
        let due = self.processes.iter();
        let due = due.filter(|(_, process)| at(process).is_some_and(|at| at <= until));
        let due: Vec<Place> = due.map(|(place, _)| place.clone()).collect();
        for place in due {
            self.go_on(simulation, place);
        }
    }

    fn go_on<F>(&mut self, simulation: &mut Simulation<F>, place: Place)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let (unit, endpoint, line) = place.clone();
        let (Some(status), Some(process)) = (
            simulation.world().unit(&unit),
            self.processes.get_mut(&place),
        ) else {
            self.processes.remove(&place);
            return;
        };
        match process.waker.poll() {
            WakerStep::AwaitHookEnd => {
                process.waker.handle_wait();
                process.sleep(simulation.now());
            }
            WakerStep::Sleep(_) | WakerStep::Look => {
                process.waker.handle_wait();
                let (last, pending) = seen(simulation, &unit, &endpoint);
                process.waker.handle_look(last.as_deref(), pending);
                if process.waker.poll() != WakerStep::Run {
                    self.processes.remove(&place);
                    return;
                }
                process.at = Some(simulation.now() + ON_ITS_WAY);
                if status.agent == AgentStatus::Lost {
                    self.finish(simulation, place, false);
                    return;
                }
                simulation.strike(&Deed::Exec {
                    unit: unit.number(),
                    command: if line {
                        format!("{VISIT}{endpoint}")
                    } else {
                        "dispatch".to_owned()
                    },
                });
            }
            // A command waits for the hook that runs. Where none runs, it was refused or is lost.
            WakerStep::Run if matches!(status.agent, AgentStatus::Executing(_)) => {
                process.at = Some(simulation.now() + ON_ITS_WAY);
            }
            WakerStep::Run => self.finish(simulation, place, false),
            WakerStep::End => drop(self.processes.remove(&place)),
        }
    }

    fn finish<F>(&mut self, simulation: &Simulation<F>, place: Place, success: bool)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let Some(process) = self.processes.get_mut(&place) else {
            return;
        };
        let (last, _) = seen(simulation, &place.0, &place.1);
        process.waker.handle_run(success, last.as_deref());
        process.sleep(simulation.now());
        if process.waker.poll() == WakerStep::End {
            self.processes.remove(&place);
        }
    }
}

impl Process {
    fn sleep(&mut self, now: u64) {
        if let WakerStep::Sleep(time) = self.waker.poll() {
            self.at = Some(now + time);
        }
    }
}

/// What a waker sees: the context of the unit's last hook, and whether a line is pending.
fn seen<F>(simulation: &Simulation<F>, unit: &UnitName, endpoint: &str) -> (Option<String>, bool)
where
    F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
{
    let Some(disk) = simulation.disk(unit) else {
        return (None, false);
    };
    let session = disk::last_session(&disk, endpoint);
    let last = session["context"].as_str().map(str::to_owned);
    (last, disk::has_pending_line(&disk, endpoint))
}
