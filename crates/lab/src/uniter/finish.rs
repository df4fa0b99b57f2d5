//! The end of a run: flush, failure, or another try.

use super::agent::Process;
use super::hook::Hook;
use super::local::{Operation, Phase};
use super::run::Run;
use crate::context::Context;
use crate::dispatch::{ActionId, CrashPoint, ExecId, Exit, Progress};
use crate::history::{Happening, Outcome};
use crate::name::{ContextId, UnitName};
use crate::settings::{Detail, Millis};
use crate::world::World;

impl World {
    /// Keeps what an action or a command wrote to stdout and stderr; call it before `exited`.
    pub fn set_output(&mut self, context: &ContextId, stdout: Vec<u8>, stderr: Vec<u8>) {
        let unit = context.unit().and_then(|name| self.units.get_mut(&name));
        let running = unit.and_then(|unit| unit.running.as_mut());
        if let Some(running) = running.filter(|running| running.id == *context) {
            (running.stdout, running.stderr) = (stdout, stderr);
        }
    }

    /// A run has ended: flushes what it buffered, or fails it, or queues it again. Of a context that
    /// no longer exists (its agent has died meanwhile) nothing is heard.
    pub fn exited(&mut self, context: &ContextId, exit: Exit, now: Millis) {
        self.advance(now);
        let Some(name) = context.unit() else { return };
        let Some(unit) = self.units.get_mut(&name) else {
            return;
        };
        let Some(context) = unit.running.take_if(|running| running.id == *context) else {
            return;
        };
        let outcome = match context.run.clone() {
            Run::Hook(hook) => self.hook_exited(&name, &context, hook, exit),
            Run::Action(id) => self.action_exited(&name, &context, id, exit),
            Run::Exec(id) => self.exec_exited(&name, &context, id, exit),
        };
        if outcome == Outcome::Failed
            && let Some(unit) = self.units.get_mut(&name)
        {
            unit.failures += 1;
        }
        self.record_end(&name, &context, exit, outcome);
        if matches!(exit, Exit::Crash(_)) {
            self.agent_dies(&name, Process::Restarting);
        }
        self.disk_goes(&name);
        self.wake(&name, self.now);
    }

    fn record_end(&mut self, name: &UnitName, context: &Context, exit: Exit, outcome: Outcome) {
        if !self.history.records(Detail::Hooks) {
            return self.history.count();
        }
        let code = match exit {
            Exit::Code(code) => Some(code),
            Exit::ReplyLost => Some(0),
            Exit::Crash(point) if point >= CrashPoint::AfterProcess => Some(0),
            Exit::Killed | Exit::Crash(_) => None,
        };
        let (unit, hook) = (name.clone(), context.name.clone());
        let took = self.now - context.began;
        self.record(Happening::HookEnd {
            unit,
            hook,
            outcome,
            code,
            took,
        });
    }

    fn hook_exited(
        &mut self,
        name: &UnitName,
        context: &Context,
        hook: Hook,
        exit: Exit,
    ) -> Outcome {
        match exit {
            Exit::Code(0) => {
                if self.flush(name, context) {
                    self.commit_hook(name, hook);
                    return Outcome::Done;
                }
                self.hook_failed(name)
            }
            Exit::Code(_) => self.hook_failed(name),
            Exit::ReplyLost => {
                self.flush(name, context);
                self.hook_failed(name)
            }
            Exit::Killed => {
                self.note(name, Operation::Hook(hook, Phase::Queued));
                Outcome::Killed
            }
            Exit::Crash(point) => {
                let flushed = point >= CrashPoint::AfterFlush && self.flush(name, context);
                if flushed && point == CrashPoint::AfterDone {
                    self.note(name, Operation::Hook(hook, Phase::Done));
                }
                Outcome::Crashed
            }
        }
    }

    fn note(&mut self, name: &UnitName, operation: Operation) {
        if let Some(unit) = self.units.get_mut(name) {
            unit.local.operation = operation;
        }
    }

    fn hook_failed(&mut self, name: &UnitName) -> Outcome {
        let Some(unit) = self.units.get_mut(name) else {
            return Outcome::Failed;
        };
        unit.agent.memory.attempt += 1;
        let attempt = unit.agent.memory.attempt;
        let retry_at = self.retry_at(attempt);
        if let Some(unit) = self.units.get_mut(name) {
            unit.agent.memory.retry_at = retry_at;
        }
        Outcome::Failed
    }

    /// When a hook that has failed this many times in a row runs again.
    pub(crate) fn retry_at(&mut self, attempt: u32) -> Option<Millis> {
        let retry = self.settings.retry;
        if !retry.automatic {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(32);
        let wait = retry.first.saturating_mul(1 << doublings).min(retry.cap);
        Some(self.now + if retry.jitter { self.vary(wait) } else { wait })
    }

    fn action_exited(
        &mut self,
        name: &UnitName,
        context: &Context,
        id: ActionId,
        exit: Exit,
    ) -> Outcome {
        let error = match exit {
            Exit::Code(0) if self.flush(name, context) => None,
            Exit::ReplyLost if self.flush(name, context) => {
                Some("cannot apply changes: connection is shut down".to_owned())
            }
            Exit::Code(0) | Exit::ReplyLost => Some("cannot apply changes".to_owned()),
            Exit::Code(code) => Some(format!("exit status {code}")),
            Exit::Killed | Exit::Crash(_) => Some("action terminated".to_owned()),
        };
        let Some(action) = self.requests.actions.get_mut(&id) else {
            return Outcome::Failed;
        };
        let record = &mut action.record;
        record.results.clone_from(&context.results);
        record.code = if let Exit::Code(code) = exit {
            Some(code)
        } else {
            None
        };
        for (key, text) in [("stdout", &context.stdout), ("stderr", &context.stderr)] {
            if !text.is_empty() {
                let text = String::from_utf8_lossy(text).into_owned();
                record.results.insert(key.to_owned(), text);
            }
        }
        let failed = context.failure.clone().or(error);
        record.progress = if failed.is_some() {
            Progress::Failed
        } else {
            Progress::Completed
        };
        record.message = failed.unwrap_or_default();
        match (exit, record.progress) {
            (Exit::Killed, _) => Outcome::Killed,
            (Exit::Crash(_), _) => Outcome::Crashed,
            (_, Progress::Failed) => Outcome::Failed,
            _ => Outcome::Done,
        }
    }

    /// A command's writes are public whatever its exit code is.
    fn exec_exited(
        &mut self,
        name: &UnitName,
        context: &Context,
        id: ExecId,
        exit: Exit,
    ) -> Outcome {
        let (mut code, mut outcome) = match exit {
            Exit::Code(code) => (
                code,
                if code == 0 {
                    Outcome::Done
                } else {
                    Outcome::Failed
                },
            ),
            Exit::ReplyLost => (1, Outcome::Failed),
            Exit::Killed => (137, Outcome::Killed),
            Exit::Crash(_) => (1, Outcome::Crashed),
        };
        let mut stderr = context.stderr.clone();
        let ended = matches!(exit, Exit::Code(_) | Exit::ReplyLost);
        if ended && !self.flush(name, context) {
            (code, outcome) = (1, Outcome::Failed);
            stderr.extend_from_slice(b"ERROR cannot apply changes\n");
        }
        if let Some((_, record)) = self.requests.execs.get_mut(&id) {
            let done = matches!(exit, Exit::Code(_)) && code == 0;
            record.progress = if done {
                Progress::Completed
            } else {
                Progress::Failed
            };
            record.code = code;
            record.stdout.clone_from(&context.stdout);
            record.stderr = stderr;
        }
        outcome
    }
}
