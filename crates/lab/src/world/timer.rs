//! Timers, apart from the units' own waits.

use super::World;
use crate::model::timer::Timer;
use crate::settings::Millis;
use crate::uniter::agent::Process;

impl World {
    /// Advances time, and handles due timers.
    pub(crate) fn advance(&mut self, now: Millis) {
        while let Some((at, _)) = self.timers.first()
            && *at <= now
            && let Some((at, timer)) = self.timers.pop_first()
        {
            self.now = self.now.max(at);
            match timer {
                Timer::Lapse(application) => self.lapse(&application),
                Timer::Restart(unit) => self.agent_returns(&unit, Process::Restarting),
                Timer::Gone(unit) => self.bury(&unit),
            }
        }
        self.now = self.now.max(now);
    }

    /// Sets a timer, and has the application's units come back at that time, so that somebody notices.
    pub(super) fn set_timer(&mut self, at: Millis, timer: Timer) {
        let application = match &timer {
            Timer::Restart(unit) | Timer::Gone(unit) => unit.application(),
            Timer::Lapse(application) => application,
        };
        let deployed = self.deployed.get(application);
        let units = deployed
            .into_iter()
            .flat_map(|d| d.units.iter().map(|&m| d.unit(m)));
        for name in units.collect::<Vec<_>>() {
            self.come_back(&name, at);
        }
        self.timers.insert((at, timer));
    }

    /// When something becomes due that belongs to no unit's step, such as the end of a lease.
    pub fn next_timer(&self) -> Option<Millis> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Does what has become due, units' steps apart. For drivers that have no unit left to step.
    pub fn tick(&mut self, now: Millis) {
        self.advance(now);
    }
}
