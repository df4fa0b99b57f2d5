//! What a charm does in a hook: request, take its turn if it has come, and release.
//!
//! It works like a shell charm: each step is a separate process that continues the hook where the previous one
//! stopped. So a model or a simulation can make anything happen between two steps.

use std::rc::Rc;

use ops_coordinator_core::policy::{Limit, Policy, Rules};
use ops_coordinator_core::{
    Check, Instruction, LockName, OnFailure, Order, Recovery, Ticket, UnitName,
};
use ops_coordinator_juju::{
    Availability, Environment, Error, Gate, Hook, Machine, Operation, SharedLock, SharedTurn,
    Start, Transport,
};

use crate::Bug;
use crate::deliberate::Deliberate;
use crate::sabotage::Saboteur;

/// The peer relation's endpoint.
pub(crate) const ENDPOINT: &str = "coordinator";
/// Another one, which a charm may use beside it or instead.
pub(crate) const OTHER: &str = "peers";
/// A third one. A lock may move only to an endpoint that the charm does not use at that time.
pub(crate) const THIRD: &str = "cluster";

/// A charm with locks, a policy, and perhaps a seeded bug.
#[derive(Debug, Clone)]
pub struct Charm {
    /// The locks that it uses, in the order in which it tries them.
    pub locks: Vec<LockName>,
    /// The endpoint that it names for each of them.
    pub homes: Vec<&'static str>,
    /// The lock in etcd that each of them needs as well; none if this is empty.
    pub shared: Vec<SharedLock>,
    /// How many units may be inside, in which order they join, and how long the line is.
    pub policy: Rules,
    /// What is wrong with it.
    pub bug: Option<Bug>,
}

/// One step of one hook: where it runs, and what it can call.
pub struct Visit {
    /// The hook's environment.
    pub environment: Environment,
    /// The hook tools.
    pub transport: Rc<dyn Transport>,
    /// The unit's machine.
    pub machine: Rc<dyn Machine>,
    /// Whether this hook has failed before, and Juju runs it again.
    pub failed_before: bool,
    /// Whether the process has outlived its hook.
    pub orphan: bool,
    /// Whether the unit lets an operation begin.
    pub gate: Gate,
    /// What must hold after an operation, if anything.
    pub aftercare: Option<Aftercare>,
    /// Whether the unit is available.
    pub availability: Availability,
    /// What the charm's policy does before it puts units in order, which may take its time.
    pub deliberation: Option<Rc<dyn Fn()>>,
}

/// What must hold after an operation before its turn is over.
#[derive(Clone)]
pub struct Aftercare {
    /// For how long, and how long it may fail before that.
    pub check: Check,
    /// What follows if it has failed, and how often and how soon a failed operation is tried again.
    pub recovery: Recovery,
    /// Whether it holds now, for the lock of this number.
    pub holds: Rc<dyn Fn(usize) -> bool>,
}

/// What the charm makes of a hook. Sets of locks have a bit for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Whether it asks for a turn for every lock.
    pub asks: bool,
    /// For what it expects a campaign for every lock, instead of asking: all units know this reason.
    pub expects: Option<&'static str>,
    /// Of which locks it takes the turn, should it have come.
    pub takes: u8,
    /// Of which locks it takes its requests back at the end, because nobody wants them any more.
    pub withdraws: u8,
    /// Whose requests an operator wants cancelled.
    pub cancels: Option<UnitName>,
    /// What else an operator wants of every lock.
    pub instruction: Option<Instruction>,
    /// Why an operator rolls all units, for every lock.
    pub rolls: Option<&'static str>,
    /// Whether that fills the line at once, by the charm's policy, or leaves it to the leader's next hook.
    pub fills: bool,
    /// The limit that an operator has set meanwhile.
    pub limit: Option<Limit>,
}

impl Will {
    /// It only takes its turns.
    pub const WILLING: Self = Self {
        asks: false,
        expects: None,
        takes: u8::MAX,
        withdraws: 0,
        cancels: None,
        instruction: None,
        rolls: None,
        fills: true,
        limit: None,
    };
}

/// An operation that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Which of the charm's locks.
    pub lock: usize,
    /// Whose turn it is.
    pub ticket: Ticket,
    /// How often it was begun.
    pub attempt: u16,
    /// Whether it needs a lock in etcd.
    pub shares: bool,
    /// The turn of that lock with which it began.
    pub turn: Option<SharedTurn>,
}

/// The hook on one of the charm's endpoints.
struct Open {
    endpoint: &'static str,
    hook: Hook,
    saboteur: Rc<Saboteur>,
}

impl Charm {
    fn open(&self, visit: &Visit, endpoint: &'static str) -> Result<Open, Error> {
        let saboteur = Rc::new(Saboteur::new(self.bug, visit, endpoint));
        let mut hook = saboteur.open()?;
        let gate = visit.gate.clone();
        hook.set_gatekeeper(move |_| gate.clone());
        if visit.availability != Availability::Untold {
            let availability = visit.availability.clone();
            hook.set_availability(move || availability.clone());
        }
        for (lock, shared) in self.locks.iter().zip(&self.shared) {
            hook.set_shared(lock, shared.clone());
        }
        let aftercare = visit.aftercare.iter();
        for Aftercare {
            check,
            recovery,
            holds,
        } in aftercare.filter(|_| !self.is(Bug::FinishBeforeCheck))
        {
            for (index, lock) in self.locks.iter().enumerate() {
                let holds = Rc::clone(holds);
                hook.set_check(lock, *check, *recovery, move || {
                    holds(index)
                        .then_some(())
                        .ok_or_else(|| "no answer".to_owned())
                });
            }
        }
        Ok(Open {
            endpoint,
            hook,
            saboteur,
        })
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// The hook on each endpoint, as a charm begins that uses several.
    fn open_all(&self, visit: &Visit) -> Result<Vec<Open>, Error> {
        let mut endpoints = self.homes.clone();
        endpoints.sort_unstable();
        endpoints.dedup();
        let open = |endpoint| self.open(visit, endpoint);
        endpoints.into_iter().map(open).collect()
    }

    fn hook_for<'a>(&self, opened: &'a mut [Open], lock: usize) -> &'a mut Hook {
        let home = self.homes[lock];
        let place = opened.iter().position(|open| open.endpoint == home);
        &mut opened[place.unwrap_or_default()].hook
    }

    /// The hook's first step: ask for a turn for every lock, or expect a campaign, where the hook is about that, and begin
    /// the first operation whose turn has come.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn begin(&self, visit: &Visit, will: &Will) -> Result<Option<Started>, Error> {
        let gives_back = self.bug == Some(Bug::GivesTurnBackUnused) && !will.asks;
        let mut opened = self.open_all(visit)?;
        for (index, lock) in self.locks.iter().enumerate() {
            let hook = self.hook_for(&mut opened, index);
            if will.asks {
                hook.request(lock)?;
            }
            if let Some(reason) = will.expects {
                hook.expect(lock, reason, &Operation::default())?;
            }
        }
        if gives_back {
            for (index, lock) in self.locks.iter().enumerate() {
                let hook = self.hook_for(&mut opened, index);
                if hook.start(lock)?.begun().is_some() {
                    hook.finish(lock, Ok(()))?;
                }
            }
            return Ok(None);
        }
        self.advance(&mut opened, will, 0)
    }

    /// An operator's action: the leader rolls all units.
    ///
    /// # Errors
    /// This unit does not lead; a hook tool's failure.
    pub fn roll(&self, visit: &Visit, reason: &str) -> Result<(), Error> {
        let mut opened = self.open_all(visit)?;
        for (index, lock) in self.locks.iter().enumerate() {
            let hook = self.hook_for(&mut opened, index);
            hook.roll(lock, reason, &Operation::default(), Some(&self.policy))?;
        }
        Ok(())
    }

    /// A request that comes up while the operation runs.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn ask(&self, visit: &Visit, lock: usize) -> Result<(), Error> {
        if self.bug == Some(Bug::RequestJoinsRunning) {
            return Ok(());
        }
        let mut open = self.open(visit, self.homes[lock])?;
        open.hook.request(&self.locks[lock]).map(drop)
    }

    /// The hook's first step, where it finds that it needs no turn: pass for every lock. Returns for which of them it
    /// has passed, a bit each.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn pass(&self, visit: &Visit) -> Result<u8, Error> {
        let mut opened = self.open_all(visit)?;
        let mut passed = 0;
        for (index, lock) in self.locks.iter().enumerate() {
            let hook = self.hook_for(&mut opened, index);
            passed |= u8::from(hook.pass(lock, Some("nothing to do"))?) << index;
        }
        Ok(passed)
    }

    /// The hook's next step: end the operation that runs, begin the next whose turn has come, and where
    /// there is none, release.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn proceed(
        &self,
        visit: &Visit,
        running: Option<usize>,
        will: &Will,
    ) -> Result<Option<Started>, Error> {
        self.go_on(visit, running.map(|lock| (lock, None)), will)
    }

    /// As [`Charm::proceed`], after an operation that has failed and does not fail its hook.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn proceed_after_failure(
        &self,
        visit: &Visit,
        lock: usize,
        on_failure: OnFailure,
        will: &Will,
    ) -> Result<Option<Started>, Error> {
        self.go_on(visit, Some((lock, Some(on_failure))), will)
    }

    fn go_on(
        &self,
        visit: &Visit,
        ended: Option<(usize, Option<OnFailure>)>,
        will: &Will,
    ) -> Result<Option<Started>, Error> {
        let running = ended.map(|(lock, _)| lock);
        let mut opened = self.open_all(visit)?;
        if let Some((lock, failure)) = ended {
            let hook = self.hook_for(&mut opened, lock);
            match failure {
                None => drop(hook.finish(&self.locks[lock], Ok(()))?),
                Some(then) => drop(hook.fail(&self.locks[lock], "exit code 1", then)?),
            }
            if let Some(started) = self.advance(&mut opened, will, lock + 1)? {
                return Ok(Some(started));
            }
        }
        self.withdraw(&mut opened, will)?;
        self.obey(visit, &mut opened, will)?;
        for Open { hook, saboteur, .. } in &mut opened {
            let orders = self.orders(hook, will)?;
            saboteur.before_release(hook)?;
            if self.bug == Some(Bug::ReasksLeadershipAtEnd) {
                *hook = saboteur.open()?;
            }
            hook.release_with(&self.policy(visit, will), &orders)?;
        }
        if self.bug == Some(Bug::ActsOnUnflushedLine) {
            for open in &opened {
                if open.saboteur.takes_own_line_for_read()? {
                    let mut again = self.open_all(visit)?;
                    return self.advance(&mut again, will, running.map_or(0, |lock| lock + 1));
                }
            }
        }
        Ok(None)
    }

    /// What nobody wants any more would keep its place for ever.
    fn withdraw(&self, opened: &mut [Open], will: &Will) -> Result<(), Error> {
        for (index, lock) in self.locks.iter().enumerate() {
            let unclaimed = will.withdraws & (1 << index) != 0;
            if unclaimed && self.bug != Some(Bug::KeepsOrphanTickets) {
                let hook = self.hook_for(opened, index);
                hook.withdraw_because(lock, "nobody wants it any more")?;
            }
        }
        Ok(())
    }

    /// What an operator wants, carried out at once; a leader that cannot do it says so, and the operator looks again.
    fn obey(&self, visit: &Visit, opened: &mut [Open], will: &Will) -> Result<(), Error> {
        self.roll_all(visit, opened, will)?;
        let Some(instruction) = &will.instruction else {
            return Ok(());
        };
        for (index, lock) in self.locks.iter().enumerate() {
            match self.hook_for(opened, index).instruct(lock, instruction) {
                Ok(_) | Err(Error::NotLeader | Error::NotStopped(_) | Error::NotCarriedOut(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Rolls all units, if an operator wants it: at once, like any other instruction.
    fn roll_all(&self, visit: &Visit, opened: &mut [Open], will: &Will) -> Result<(), Error> {
        let Some(reason) = will.rolls else {
            return Ok(());
        };
        let policy = self.policy(visit, will);
        let policy: Option<&dyn Policy> = will.fills.then_some(&policy);
        for (index, lock) in self.locks.iter().enumerate() {
            let hook = self.hook_for(opened, index);
            match hook.roll(lock, reason, &Operation::default(), policy) {
                Ok(_) | Err(Error::NotLeader | Error::NotCarriedOut(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What an operator wants cancelled, with the tickets that a leader finds for the unit: written at the end of the
    /// hook, as a charm does that orders it.
    fn orders(&self, hook: &mut Hook, will: &Will) -> Result<Vec<Order>, Error> {
        let mut orders = Vec::new();
        if let Some(unit) = will.cancels.as_ref().filter(|_| hook.is_leader()) {
            for lock in &self.locks {
                if let Some(ticket) = hook.ticket_of(lock, unit)? {
                    orders.push(Order::Cancel(lock.clone(), ticket));
                }
            }
        }
        Ok(orders)
    }

    /// The turn of the lock in etcd that the operation of this lock has now.
    ///
    /// # Errors
    /// A state file that cannot be read.
    pub fn shared_turn(&self, visit: &Visit, lock: usize) -> Result<Option<SharedTurn>, Error> {
        let mut open = self.open(visit, self.homes[lock])?;
        open.hook.shared_turn(&self.locks[lock])
    }

    /// The operation that runs fails, and the hook with it.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn fail(&self, visit: &Visit, lock: usize) -> Result<(), Error> {
        let mut open = self.open(visit, self.homes[lock])?;
        if self.is(Bug::HandsOnAfterFailure) {
            return open.hook.finish(&self.locks[lock], Ok(())).map(drop);
        }
        let aftercare = visit.aftercare.as_ref();
        let mut recovery = aftercare.map_or_else(Recovery::default, |care| care.recovery);
        recovery.on_failure = OnFailure::Retry;
        let failed = open.hook.fail(&self.locks[lock], "exit code 1", recovery);
        failed.map(drop)
    }

    fn advance(
        &self,
        opened: &mut [Open],
        will: &Will,
        from: usize,
    ) -> Result<Option<Started>, Error> {
        for (index, lock) in self.locks.iter().enumerate().skip(from) {
            if will.takes & (1 << index) == 0 {
                continue;
            }
            let hook = self.hook_for(opened, index);
            if let Start::Begun(attempt, _) = hook.start(lock)? {
                return Ok(Some(Started {
                    lock: index,
                    ticket: attempt.ticket,
                    attempt: attempt.number,
                    shares: hook.needs_shared(lock),
                    turn: hook.shared_turn(lock)?,
                }));
            }
        }
        Ok(None)
    }

    fn policy(&self, visit: &Visit, will: &Will) -> Deliberate {
        let limit = will.limit.unwrap_or(self.policy.limit);
        let more = u32::from(self.bug == Some(Bug::LimitPlusOne));
        Deliberate {
            rules: Rules {
                limit: Limit::new(limit.of(0) + more).unwrap_or(limit),
                ..self.policy.clone()
            },
            first: visit.deliberation.clone(),
        }
    }
}
