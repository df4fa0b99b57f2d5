//! The wakers of a run: the production state machine, with virtual time, disks and commands around it.

use ops_coordinator_core::{Errand, Waker, WakerStep};
use ops_coordinator_lab::UnitName;
use ops_coordinator_lab::deed::Deed;
use ops_coordinator_lab::simulation::{Simulation, VirtualCharm};
use ops_coordinator_lab::world::AgentStatus;

use super::bridge::Wish;
use super::disk;
use super::unit::VISIT;

/// A waker's process.
#[derive(Debug)]
struct Process {
    unit: UnitName,
    endpoint: String,
    errand: Errand,
    waker: Waker,
    /// When it continues; `None` while it waits for the end of its hook, or of its command.
    at: Option<u64>,
    /// The number of its command, counted over all wakers.
    command: u64,
}

/// The wakers.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    processes: Vec<Process>,
    commands: u64,
}

impl Wakers {
    pub(super) fn ask(&mut self, now: u64, unit: UnitName, wish: &Wish) {
        let now = now + wish.after;
        let waker = Waker::new(wish.errand, &wish.context);
        let mut process = Process {
            unit,
            endpoint: wish.endpoint.clone(),
            errand: wish.errand,
            at: (waker.poll() != WakerStep::AwaitHookEnd).then_some(now),
            waker,
            command: 0,
        };
        process.sleep(now);
        self.processes.push(process);
    }

    pub(super) fn are_none(&self) -> bool {
        self.processes.is_empty()
    }

    /// A hook of the unit has ended.
    pub(super) fn hook_ended(&mut self, unit: &UnitName, now: u64) {
        let waiting = self.processes.iter_mut();
        for process in waiting.filter(|process| process.unit == *unit) {
            if process.waker.poll() == WakerStep::AwaitHookEnd {
                process.waker.handle_wait();
                process.sleep(now);
            }
        }
    }

    /// A command that a waker ran on the unit has ended. Juju runs a unit's commands in the order in which they came.
    pub(super) fn command_ended<F>(
        &mut self,
        simulation: &Simulation<F>,
        unit: &UnitName,
        success: bool,
    ) where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let running = self
            .processes
            .iter_mut()
            .filter(|process| process.unit == *unit && process.waker.poll() == WakerStep::Run);
        if let Some(process) = running.min_by_key(|process| process.command) {
            process.finish(simulation, success);
        }
        self.reap();
    }

    /// The unit's agent has gone down, and with it the commands that were queued.
    pub(super) fn agent_down<F>(&mut self, simulation: &Simulation<F>, unit: &UnitName)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        for process in &mut self.processes {
            if process.unit == *unit && process.waker.poll() == WakerStep::Run {
                process.finish(simulation, false);
            }
        }
        self.reap();
    }

    /// All wakers of a unit die.
    pub(super) fn end(&mut self, unit: &UnitName) {
        self.processes.retain(|process| process.unit != *unit);
    }

    /// Continues those whose time has come. With `early` the next one continues, whenever its time comes: nothing else
    /// happens until then. Returns for how long.
    pub(super) fn go_off<F>(&mut self, simulation: &mut Simulation<F>, early: bool) -> u64
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let now = simulation.now();
        // When nothing else happens, neither the hook nor the command runs whose end a waker waits for.
        let at = |process: &Process| process.at.or(early.then_some(now));
        let next = self.processes.iter().filter_map(at).min();
        let until = if early {
            next.unwrap_or(now).max(now)
        } else {
            now
        };
        for process in &mut self.processes {
            if at(process).is_some_and(|at| at <= until) {
                self.commands += 1;
                process.command = self.commands;
                process.go_on(simulation);
            }
        }
        self.reap();
        until - now
    }

    fn reap(&mut self) {
        self.processes
            .retain(|process| process.waker.poll() != WakerStep::End);
    }
}

impl Process {
    fn go_on<F>(&mut self, simulation: &mut Simulation<F>)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let now = simulation.now();
        match self.waker.poll() {
            WakerStep::AwaitHookEnd => {
                self.waker.handle_wait();
                self.sleep(now);
            }
            WakerStep::Sleep(_) | WakerStep::Look => {
                self.waker.handle_wait();
                let (last, line_waits) = self.look(simulation);
                self.waker.handle_look(last.as_deref(), line_waits);
                if self.waker.poll() == WakerStep::Run {
                    self.run(simulation);
                }
            }
            WakerStep::Run => {
                let agent = simulation.world().unit(&self.unit).map(|unit| unit.agent);
                if !matches!(agent, Some(AgentStatus::Executing(_))) {
                    self.finish(simulation, false);
                }
            }
            WakerStep::End => {}
        }
    }

    fn run<F>(&mut self, simulation: &mut Simulation<F>)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        self.at = None;
        let queued = simulation.strike(&Deed::Exec {
            unit: self.unit.number(),
            command: match self.errand {
                Errand::Line => format!("{VISIT}{}", self.endpoint),
                _ => "dispatch".to_owned(),
            },
        });
        if !queued {
            self.finish(simulation, false);
        }
    }

    fn finish<F>(&mut self, simulation: &Simulation<F>, success: bool)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let (last, _) = self.look(simulation);
        self.waker.handle_run(success, last.as_deref());
        self.sleep(simulation.now());
    }

    fn sleep(&mut self, now: u64) {
        if let WakerStep::Sleep(time) = self.waker.poll() {
            self.at = Some(now + time);
        }
    }

    /// The context of the unit's last hook, and whether a line waits to be written.
    fn look<F>(&self, simulation: &Simulation<F>) -> (Option<String>, bool)
    where
        F: FnMut(&UnitName) -> Box<dyn VirtualCharm>,
    {
        let Some(disk) = simulation.disk(&self.unit) else {
            return (None, false);
        };
        let session = disk::last_session(&disk, &self.endpoint);
        let last = session["context"].as_str().map(str::to_owned);
        (last, disk::has_pending_line(&disk, &self.endpoint))
    }
}
