//! One step of an agent's loop.

use super::agent::Process;
use super::local::{Operation, Phase};
use super::resolve::Next;
use super::run::Run;
use super::watch::News;
use crate::dispatch::Step;
use crate::history::Life;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

impl World {
    /// What the unit's agent does next. A `Run` has begun when this returns; while it lasts, the answer is `Wait`.
    pub fn step(&mut self, name: &UnitName, now: Millis) -> Step {
        self.advance(now);
        loop {
            let Some(unit) = self.units.get(name) else {
                return Step::Gone;
            };
            if unit.agent.process == Process::Lost {
                return Step::Gone;
            }
            if unit.running.is_some() {
                return Step::Wait { until: None };
            }
            if !unit.agent.works() {
                return self.rest(name, None, true);
            }
            if unit.watch.news.due.is_some_and(|due| due <= self.now) {
                self.refresh(name);
            }
            self.synchronise_scopes(name);
            let leads = self.leads(name);
            let lease = self.deployed.get(name.application()).map(|d| &d.lease);
            let holds = lease.is_some_and(|lease| lease.holder == Some(name.number()));
            let settings = self.settings.juju_version.has_leader_settings_changed();
            let Some(unit) = self.units.get_mut(name) else {
                return Step::Gone;
            };
            // The agent's own tracker tells it: what `is-leader` has said, no watcher tells later.
            unit.watch.leader = holds;
            match unit.next(self.now, leads, settings, &mut self.rng) {
                Next::Again => {}
                Next::Commit(hook) => self.commit_hook(name, hook),
                Next::LeaveScopes => {
                    unit.views.clear();
                    self.leave_scopes(name);
                }
                Next::Die => {
                    self.bury(name);
                    return Step::Gone;
                }
                Next::Wait(until) => {
                    let retrying =
                        matches!(unit.local.operation, Operation::Hook(_, Phase::Pending))
                            && until.is_some();
                    return self.rest(name, until, !retrying);
                }
                Next::Hook(hook) => {
                    unit.local.operation = Operation::Hook(hook.clone(), Phase::Pending);
                    return self.begin(name, Run::Hook(hook));
                }
                Next::Action(id) => return self.begin(name, Run::Action(id)),
                Next::Exec(id) => return self.begin(name, Run::Exec(id)),
            }
        }
    }

    /// Waits until then, or until news or a timer of the model is due.
    fn rest(&mut self, name: &UnitName, until: Option<Millis>, quiet: bool) -> Step {
        let timer = self.timers.first().map(|(at, _)| *at);
        let Some(unit) = self.units.get_mut(name) else {
            return Step::Gone;
        };
        let news = unit.watch.news.due.filter(|_| unit.agent.works());
        if quiet && news.is_none() && !unit.quiet {
            unit.quiet = true;
            self.busy -= 1;
        }
        Step::Wait {
            until: [until, news, timer].into_iter().flatten().min(),
        }
    }

    /// The watchers bring the agent's snapshot up to date. Each watches on its own, so that with delays one
    /// may still be behind when another has told.
    fn refresh(&mut self, name: &UnitName) {
        let Some(unit) = self.units.get_mut(name) else {
            return;
        };
        let Some(deployed) = self.deployed.get(name.application()) else {
            return;
        };
        let (rng, longest) = (&mut self.rng, self.settings.watcher_delay);
        let mut behind = || longest > 0 && rng.u8(0..4) == 0;
        let watch = &mut unit.watch;
        let News { members, bags, .. } = std::mem::take(&mut watch.news);
        for (relation, member) in members {
            if behind() {
                watch.news.members.insert((relation, member));
            } else if let Some(view) = unit.views.get_mut(&relation) {
                let peer = deployed.peers.get(&relation);
                view.told(member, peer.and_then(|peer| peer.version_of(member)));
            }
        }
        for relation in bags {
            if behind() {
                watch.news.bags.insert(relation);
            } else if let Some(view) = unit.views.get_mut(&relation) {
                view.app_told = deployed.peers.get(&relation).map_or(0, |p| p.bag.version());
            }
        }
        let late = behind();
        if !late {
            watch.config_hash = deployed.config_hash;
            watch.revision = deployed.revision;
            watch.forced_revision = deployed.forced_revision;
            watch.dying = unit.life != Life::Alive;
            watch.newest_relation = deployed.peers.keys().max().copied();
            watch.settings_version = deployed.leader_settings.version() + 1;
        }
        if late || !watch.news.members.is_empty() || !watch.news.bags.is_empty() {
            watch.news.due = Some(self.now + 1 + self.rng.u64(0..=longest));
        }
    }
}
