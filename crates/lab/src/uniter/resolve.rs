//! What an agent does next: the order of Juju's resolvers (`internal/worker/uniter/resolver.go`).

use fastrand::Rng;

use super::hook::{Hook, RelationHook, RelationKind};
use super::local::{Operation, Phase};
use super::unit::Unit;
use crate::dispatch::{ActionId, ExecId};
use crate::settings::Millis;

/// The next thing to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Run a hook now.
    Hook(Hook),
    /// Note a hook as delivered without running it.
    Commit(Hook),
    Action(ActionId),
    Exec(ExecId),
    /// The agent's notes have changed: look again.
    Again,
    /// A leaver has delivered its relation hooks.
    LeaveScopes,
    /// A leaver has done everything.
    Die,
    /// Nothing now; something may be due by itself later.
    Wait(Option<Millis>),
}

impl Unit {
    /// Decides. `leads` is what `is-leader` would say, `leader_settings` whether this Juju has such a hook.
    pub(crate) fn next(
        &mut self,
        now: Millis,
        leads: bool,
        leader_settings: bool,
        rng: &mut Rng,
    ) -> Next {
        self.started_again()
            .or_else(|| self.relation_created(rng))
            .or_else(|| self.leadership(leader_settings))
            .or_else(|| self.request())
            .unwrap_or_else(|| match self.local.operation.clone() {
                // Of a relation that has vanished meanwhile, no hook runs.
                Operation::Hook(Hook::Relation(hook), Phase::Pending | Phase::Queued)
                    if !self.views.contains_key(&hook.relation) =>
                {
                    Next::Commit(Hook::Relation(hook))
                }
                Operation::Hook(hook, Phase::Pending) => self.failed(hook, now),
                Operation::Hook(hook, Phase::Queued) => self.queued(hook, leads),
                Operation::Hook(hook, Phase::Done) => Next::Commit(hook),
                Operation::Continue if self.watch.dying => self.leave(rng),
                Operation::Continue => self.live(now, rng),
            })
    }

    /// As `internal/worker/uniter/reboot/resolver.go`: before everything else, but not while another hook waits.
    fn started_again(&mut self) -> Option<Next> {
        let idle = self.local.operation == Operation::Continue;
        let due = idle && std::mem::take(&mut self.local.rebooted);
        due.then_some(Next::Hook(Hook::Start))
    }

    fn relation_created(&mut self, rng: &mut Rng) -> Option<Next> {
        let idle = self.local.operation == Operation::Continue;
        if !idle || !self.local.installed || self.watch.dying {
            return None;
        }
        let missing: Vec<_> = self
            .views
            .iter()
            .filter(|(_, view)| !view.created)
            .map(|(&id, _)| id)
            .collect();
        let relation = match missing[..] {
            [] => return None,
            [only] => only,
            _ => missing[rng.usize(..missing.len())],
        };
        let kind = RelationKind::Created;
        Some(Next::Hook(Hook::Relation(RelationHook {
            kind,
            relation,
            member: None,
            version: 0,
        })))
    }

    fn leadership(&mut self, leader_settings: bool) -> Option<Next> {
        let (local, watch) = (&mut self.local, &self.watch);
        if !local.installed {
            return None;
        }
        if local.leader && (!watch.leader || watch.dying) {
            local.leader = false;
            return Some(Next::Again);
        }
        if local.operation != Operation::Continue || watch.dying {
            return None;
        }
        if watch.leader && !local.leader {
            local.leader = true;
            local.operation = Operation::Hook(Hook::LeaderElected, Phase::Queued);
            return Some(Next::Again);
        }
        let version = watch.settings_version;
        (leader_settings && !local.leader && local.settings_version != version)
            .then_some(Next::Hook(Hook::LeaderSettingsChanged { version }))
    }

    /// Actions and commands go before hooks, and run while a failed hook waits.
    fn request(&mut self) -> Option<Next> {
        let queued = matches!(
            self.local.operation,
            Operation::Hook(_, Phase::Queued | Phase::Done)
        );
        if self.local.installed && !queued && !self.actions.is_empty() {
            return Some(Next::Action(self.actions.remove(0)));
        }
        self.agent.memory.execs.pop_front().map(Next::Exec)
    }

    fn failed(&mut self, hook: Hook, now: Millis) -> Next {
        // Forced upon a unit in error, a new charm replaces the files and nothing else.
        self.local.revision = self.local.revision.max(self.watch.forced_revision);
        let memory = &mut self.agent.memory;
        match memory.resolve.take() {
            Some(true) => Next::Hook(hook),
            Some(false) => Next::Commit(hook),
            None if memory.retry_at.is_some_and(|at| at <= now) => Next::Hook(hook),
            None => Next::Wait(memory.retry_at),
        }
    }

    fn queued(&mut self, hook: Hook, leads: bool) -> Next {
        match hook {
            Hook::Install if self.watch.dying => {
                self.local.operation = Operation::Continue;
                Next::Again
            }
            // Its preparation asks once more, and passes over a hook that has become untrue.
            Hook::LeaderElected if !leads => Next::Commit(hook),
            _ => Next::Hook(hook),
        }
    }

    fn leave(&mut self, rng: &mut Rng) -> Next {
        let local = &self.local;
        if let Some(hook) = self.next_of_relations(rng) {
            return Next::Hook(Hook::Relation(hook));
        }
        if !self.views.is_empty() {
            return Next::LeaveScopes;
        }
        if local.started && !local.stopped {
            return Next::Hook(Hook::Stop);
        }
        if local.installed && !local.removed {
            return Next::Hook(Hook::Remove);
        }
        Next::Die
    }

    fn live(&mut self, now: Millis, rng: &mut Rng) -> Next {
        let (local, watch) = (&mut self.local, &self.watch);
        if !local.installed {
            local.revision = watch.revision;
            return Next::Hook(Hook::Install);
        }
        if local.revision != watch.revision {
            local.revision = watch.revision;
            local.operation = Operation::Hook(Hook::UpgradeCharm, Phase::Queued);
            return Next::Again;
        }
        if local.config_hash != Some(watch.config_hash) {
            return Next::Hook(Hook::ConfigChanged {
                hash: watch.config_hash,
            });
        }
        if let Some(hook) = self.next_of_relations(rng) {
            return Next::Hook(Hook::Relation(hook));
        }
        match self.agent.memory.update_status_at {
            Some(at) if at <= now => Next::Hook(Hook::UpdateStatus),
            at => Next::Wait(at),
        }
    }

    /// Relations are visited in random order, and the first that has something to tell wins.
    fn next_of_relations(&self, rng: &mut Rng) -> Option<RelationHook> {
        let dying = self.watch.dying;
        if self.views.len() <= 1 {
            return self
                .views
                .iter()
                .find_map(|(&id, view)| view.next(id, dying));
        }
        let mut hooks: Vec<_> = self
            .views
            .iter()
            .filter_map(|(&id, view)| view.next(id, dying))
            .collect();
        if hooks.is_empty() {
            return None;
        }
        Some(hooks.swap_remove(rng.usize(..hooks.len())))
    }
}
