//! The beginning of a run: its context and its environment.

use super::hook::{Hook, RelationKind};
use super::run::Run;
use crate::context::Context;
use crate::context::environment::environment;
use crate::dispatch::{Dispatch, Progress, Step, What};
use crate::history::Happening;
use crate::name::{ContextId, RelationId, UnitName};
use crate::settings::Detail;
use crate::world::World;

impl World {
    /// Begins a run that the agent has decided on.
    pub(super) fn begin(&mut self, name: &UnitName, run: Run) -> Step {
        let random = self.rng.u128(..);
        let (title, what) = self.describe(name, &run);
        let Some(unit) = self.units.get_mut(name) else {
            return Step::Gone;
        };
        let Some(deployed) = self.deployed.get(name.application()) else {
            return Step::Gone;
        };
        let label = if matches!(run, Run::Exec(_)) {
            "run-commands"
        } else {
            title.as_str()
        };
        let id = ContextId(format!("{name}-{label}-{random:032x}"));
        let mut context = Context::new(id.clone(), title.clone(), run, self.now);
        if let Run::Hook(hook) = &context.run {
            unit.agent.memory.retry_at = None;
            if let Hook::Relation(hook) = hook {
                context.relation = Some(hook.relation);
                context.remote = hook.member;
                context.kind = Some(hook.kind);
                // What is cached of a unit is dropped when a hook brings news of just that unit.
                if let Some(member) = hook.member {
                    unit.agent.memory.cache.remove(&(hook.relation, member));
                }
                if hook.kind == RelationKind::Departed {
                    let own = unit.watch.dying;
                    context.departing = Some(if own {
                        unit.member
                    } else {
                        context.remote_or(unit.member)
                    });
                }
            }
            if matches!(hook, Hook::UpdateStatus) {
                unit.agent.memory.update_status_at = None;
            }
        }
        let revision = unit.local.revision;
        unit.runs += 1;
        if unit.quiet {
            unit.quiet = false;
            self.busy += 1;
        }
        let env = environment(
            &self.settings,
            &self.model_uuid,
            unit,
            deployed,
            &context,
            &what,
        );
        unit.running = Some(Box::new(context));
        if self.history.records(Detail::Hooks) {
            let (unit, hook) = (name.clone(), title.clone());
            self.record(Happening::HookBegin {
                unit,
                context: id.clone(),
                hook,
            });
        } else {
            self.history.count();
        }
        Step::Run(Box::new(Dispatch {
            context: id,
            unit: name.clone(),
            name: title,
            what,
            revision,
            env,
        }))
    }

    fn describe(&mut self, name: &UnitName, run: &Run) -> (String, What) {
        match run {
            Run::Hook(hook) => (hook.name(|id| self.endpoint(name, id)), What::Hook),
            &Run::Action(id) => {
                let Some(action) = self.requests.actions.get_mut(&id) else {
                    return (String::new(), What::Hook);
                };
                action.record.progress = Progress::Running;
                let params = action.params.clone();
                (action.record.name.clone(), What::Action { id, params })
            }
            &Run::Exec(id) => {
                let mut command = String::new();
                if let Some((text, record)) = self.requests.execs.get_mut(&id) {
                    command.clone_from(text);
                    record.progress = Progress::Running;
                }
                ("juju-exec".to_owned(), What::Exec { id, command })
            }
        }
    }

    pub(crate) fn endpoint(&self, unit: &UnitName, relation: RelationId) -> String {
        self.deployed
            .get(unit.application())
            .and_then(|deployed| deployed.peers.get(&relation))
            .map_or_else(String::new, |peer| peer.endpoint.clone())
    }
}
