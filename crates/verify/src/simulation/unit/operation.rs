//! How an operation begins, goes on and ends, and the hook with it.

use ops_coordinator_core::OnFailure;
use ops_coordinator_juju::Error;
use ops_coordinator_lab::Dispatch;
use ops_coordinator_lab::simulation::{HookContext, Phase};

use super::{LOOKS, Note, VirtualUnit, Watched};
use crate::Started;
use crate::simulation::disk;

impl VirtualUnit {
    pub(super) fn went(
        &mut self,
        hook: &Dispatch,
        started: Option<Started>,
        context: &HookContext,
    ) -> Phase {
        let slow = self.behaviour.slow;
        if let Some(started) = started {
            context.mark_enter(self.lock(started.lock));
            let beside =
                self.shared
                    .borrow_mut()
                    .enters(&hook.unit.to_string(), &started, self.process);
            if beside && self.behaviour.tells_processes {
                self.note(Note::Beside(started.ticket.clone()));
            }
            self.note(Note::Began(started.ticket.clone(), started.lock));
            let longest = if slow { 90_000 } else { 9_000 };
            let takes = self.rng.u64(10..longest);
            if !started.shares {
                self.running = Some(started);
                return Phase::After(takes);
            }
            // Long enough for a lease to end meanwhile.
            return self.begin_watched(hook, started, context.now() + 4 * takes, context);
        }
        if self.behaviour.long && disk::leads(context) {
            return Phase::After(self.rng.u64(26_000..45_000));
        }
        let longest = if slow && self.rng.u32(0..8) == 0 {
            60_000
        } else {
            800
        };
        Phase::After(self.rng.u64(1..longest))
    }

    /// The operation begins if its shared lock is still there, and is stopped when that is lost.
    fn begin_watched(
        &mut self,
        hook: &Dispatch,
        started: Started,
        ends: u64,
        context: &HookContext,
    ) -> Phase {
        let name = &self.behaviour.charm.locks[started.lock];
        if let (Some(turn), Some(outer)) = (started.turn, &mut self.shared.borrow_mut().outer) {
            outer.enter(self.process, &hook.unit.to_string(), name, turn);
        }
        self.watched = Some(Watched {
            turn: started.turn,
            ends,
            stopped: started.turn.is_none(),
        });
        self.running = Some(started);
        self.look_at_turn(hook, context).unwrap_or(Phase::After(1))
    }

    /// What `run` does while its command runs; `None` if the command has ended, by itself or stopped.
    pub(super) fn look_at_turn(&mut self, hook: &Dispatch, context: &HookContext) -> Option<Phase> {
        let lock = self.running.as_ref()?.lock;
        let watched = self.watched.filter(|watched| !watched.stopped)?;
        if context.now() >= watched.ends {
            return None;
        }
        // What cannot be read is as good as lost.
        let now = self.step(hook, context, |charm, visit, _| {
            charm.shared_turn(visit, lock)
        });
        let turn = watched.turn?;
        let (turn, phase) = match turn.goes_on(now.ok().flatten()) {
            Ok(turn) => {
                let look = turn.ttl / LOOKS;
                let look = u64::try_from(look.as_millis()).unwrap_or(u64::MAX);
                (turn, Phase::After(look.min(watched.ends - context.now())))
            }
            Err(left) => {
                self.watched.as_mut()?.stopped = true;
                let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                (turn, Phase::After(self.rng.u64(0..=left)))
            }
        };
        self.watched.as_mut()?.turn = Some(turn);
        Some(phase)
    }

    /// Whether the operation was stopped, which is a failure.
    fn was_stopped(&mut self) -> bool {
        self.watched.take().is_some_and(|watched| watched.stopped)
    }

    /// The operation ends, or there is none; then comes the next, or the release.
    pub(super) fn go_on(&mut self, hook: &Dispatch, context: &HookContext) -> Result<Phase, Error> {
        let stopped = self.was_stopped();
        let running = self.running.take();
        let lock = running.as_ref().map(|started| started.lock);
        let unit = hook.unit.to_string();
        if let Some(lock) = lock.filter(|_| stopped) {
            self.shared.borrow_mut().stops_work(self.process);
            self.step(hook, context, |charm, visit, _| charm.fail(visit, lock))?;
            return Ok(Phase::Exit(1));
        }
        let wild = context.now() < self.behaviour.faults_until;
        if let Some(lock) = lock {
            if wild && std::mem::take(&mut self.may_ask) && self.rng.u32(0..10) == 0 {
                self.running = running;
                let asked = self.step(hook, context, |charm, visit, _| charm.ask(visit, lock));
                // The journal may say so even if the hook then fails.
                self.note(Note::Asked(unit, vec![lock]));
                asked?;
                self.asked_again |= 1 << lock;
                return Ok(Phase::After(self.rng.u64(1..500)));
            }
            if wild && self.behaviour.operations_fail && self.rng.u32(0..8) == 0 {
                self.step(hook, context, |charm, visit, _| charm.fail(visit, lock))?;
                self.shared.borrow_mut().stops_work(self.process);
                return Ok(Phase::Exit(1));
            }
            if wild && self.behaviour.operations_stop && self.rng.u32(0..4) == 0 {
                return self.fail_and_go_on(hook, context, running);
            }
            // Whoever asked while it ran has not been served by it; and what has to pass a check is wanted until then.
            if self.behaviour.check.is_none() {
                self.claims &= self.asked_again | !(1 << lock);
            }
        }
        if let Some(started) = running.as_ref().filter(|_| self.behaviour.check.is_some()) {
            // Whether it is over, its unit says.
            let mut shared = self.shared.borrow_mut();
            shared.ends_well(started);
            shared.stops_work(self.process);
            shared
                .notes
                .push(Note::Succeeded(started.ticket.clone(), started.lock));
        } else if let Some(started) = running {
            context.mark_leave(self.lock(started.lock));
            self.shared.borrow_mut().leaves(&unit, started.lock);
            self.shared.borrow_mut().stops_work(self.process);
            self.note(Note::Finished(started.ticket, started.lock));
        }
        self.mind_the_claims(&unit);
        let next = self.step(hook, context, |charm, visit, will| {
            charm.proceed(visit, lock, will)
        })?;
        Ok(self.goes_on(hook, context, next))
    }

    /// The next operation, or the end of the hook.
    pub(super) fn goes_on(
        &mut self,
        hook: &Dispatch,
        context: &HookContext,
        next: Option<Started>,
    ) -> Phase {
        if next.is_some() {
            return self.went(hook, next, context);
        }
        self.released = true;
        disk::remember_claims(context, self.claims);
        // Juju is asked to commit only when the process has ended.
        Phase::After(self.thought + self.rng.u64(0..3_000))
    }

    /// The operation fails, and its hook does not.
    fn fail_and_go_on(
        &mut self,
        hook: &Dispatch,
        context: &HookContext,
        running: Option<Started>,
    ) -> Result<Phase, Error> {
        let Some(started) = running else {
            return Ok(Phase::Exit(1));
        };
        let (unit, lock) = (hook.unit.to_string(), started.lock);
        let then = if self.rng.u32(0..3) == 0 {
            OnFailure::Continue
        } else {
            OnFailure::Stop
        };
        self.shared.borrow_mut().stops_work(self.process);
        if then == OnFailure::Continue {
            self.claims &= self.asked_again | !(1 << lock);
            context.mark_leave(self.lock(lock));
            self.shared.borrow_mut().leaves(&unit, lock);
            self.note(Note::PassedOn(started.ticket, lock));
        }
        self.mind_the_claims(&unit);
        let next = self.step(hook, context, |charm, visit, will| {
            charm.proceed_after_failure(visit, lock, then, will)
        })?;
        Ok(self.goes_on(hook, context, next))
    }

    /// What the process of an operation does that has outlived its hook: it comes to its end and says so.
    pub(super) fn end_as_orphan(&mut self, hook: &Dispatch, context: &HookContext) -> Phase {
        let stopped = self.was_stopped();
        if let Some(started) = self.running.take().filter(|_| !stopped) {
            self.shared.borrow_mut().ends_well(&started);
            let (before, journals) = (self.shared.borrow().notes.len(), disk::journals(context));
            // Nothing is public that it says: whether it counts, the unit's next hook shows.
            drop(self.step(hook, context, |charm, visit, will| {
                charm.proceed(visit, Some(started.lock), will)
            }));
            // If another attempt has begun meanwhile, nothing is written down, and the check is for that one.
            if disk::journals(context) != journals {
                let succeeded = Note::Succeeded(started.ticket, started.lock);
                self.shared.borrow_mut().notes.insert(before, succeeded);
            }
        }
        Phase::Exit(0)
    }
}
