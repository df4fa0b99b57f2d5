//! What an agent records when a hook is over, and what follows from it.

use super::hook::Hook;
use super::local::{Operation, Phase};
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

impl World {
    /// Notes a hook as delivered (`CommitHook` in Juju), whether it ran or was skipped.
    pub(super) fn commit_hook(&mut self, name: &UnitName, hook: Hook) {
        let interval = self.update_status_interval();
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        let memory = &mut unit.agent.memory;
        (memory.attempt, memory.retry_at, memory.resolve) = (0, None, None);
        let local = &mut unit.local;
        local.operation = Operation::Continue;
        let queue = |hook| Operation::Hook(hook, Phase::Queued);
        match hook {
            Hook::Install => {
                local.installed = true;
                self.enter_scopes(name);
            }
            Hook::ConfigChanged { hash } => {
                local.config_hash = Some(hash);
                if !local.started {
                    local.operation = queue(Hook::Start);
                }
            }
            Hook::Start => {
                local.started = true;
                memory.update_status_at = interval.map(|interval| self.now + interval);
            }
            Hook::UpdateStatus => {
                memory.update_status_at = interval.map(|interval| self.now + interval);
            }
            Hook::UpgradeCharm => {
                let hash = unit.watch.config_hash;
                local.operation = queue(Hook::ConfigChanged { hash });
            }
            Hook::LeaderSettingsChanged { version } => local.settings_version = version,
            Hook::Stop => local.stopped = true,
            Hook::Remove => local.removed = true,
            Hook::LeaderElected => {}
            Hook::Relation(hook) => {
                if let Some(view) = unit.views.get_mut(&hook.relation) {
                    view.commit(&hook);
                }
            }
        }
    }

    /// Until the next `update-status`: the interval, give or take a fifth; `None` when there is none.
    pub(crate) fn update_status_interval(&mut self) -> Option<Millis> {
        match self.settings.update_status_interval {
            0 => None,
            interval => Some(self.vary(interval)),
        }
    }

    /// A time, give or take a fifth at random.
    pub(crate) fn vary(&mut self, time: Millis) -> Millis {
        let fifth = time / 5;
        time - fifth + self.rng.u64(0..=2 * fifth)
    }
}
