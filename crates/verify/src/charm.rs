//! What a charm does with a hook: ask, take its turn where it has come, and release.
//!
//! It works as a shell charm does: each step is a process of its own that continues the hook where the
//! one before it stopped. So a model or a simulation can let anything happen between two steps.

use std::rc::Rc;

use ops_coordinator_core::policy::Rotation;
use ops_coordinator_core::{LockName, Order, Ticket};
use ops_coordinator_juju::{Environment, Error, Hook, Machine, Transport};

use crate::Bug;
use crate::sabotage::Saboteur;

/// The peer relation's endpoint.
pub(crate) const ENDPOINT: &str = "coordinator";

/// A charm with locks, a policy, and perhaps a seeded bug.
#[derive(Debug, Clone)]
pub struct Charm {
    /// The locks that it uses, in the order in which it tries them.
    pub locks: Vec<LockName>,
    /// How many units may be inside, and how long the line is.
    pub policy: Rotation,
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
    /// Whether the hook asked for a turn, or runs for the first time.
    pub retried: bool,
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
}

impl Charm {
    fn hook(&self, visit: Visit) -> Result<(Hook, Rc<Saboteur>), Error> {
        let saboteur = Rc::new(Saboteur::new(self.bug, &visit));
        let hook = Hook::open(
            visit.environment,
            saboteur.clone(),
            saboteur.clone(),
            ENDPOINT,
        )?;
        Ok((hook, saboteur))
    }

    /// The hook's first step: ask for a turn for every lock, where the hook is about that, and begin the
    /// first operation whose turn has come.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn begin(&self, visit: Visit, ask: bool) -> Result<Option<Started>, Error> {
        let gives_back = self.bug == Some(Bug::GivesTurnBackUnused) && !ask;
        let (mut hook, _) = self.hook(visit)?;
        if ask {
            for lock in &self.locks {
                hook.request(lock, None, None)?;
            }
        }
        if gives_back {
            for lock in &self.locks {
                if hook.start(lock)?.is_ok() {
                    hook.finish(lock, Ok(()))?;
                }
            }
            return Ok(None);
        }
        self.advance(&mut hook, 0)
    }

    /// A request that comes up while the operation runs.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn ask(&self, visit: Visit, lock: usize) -> Result<(), Error> {
        if self.bug == Some(Bug::RequestJoinsRunning) {
            return Ok(());
        }
        let (mut hook, _) = self.hook(visit)?;
        hook.request(&self.locks[lock], None, None).map(drop)
    }

    /// The hook's next step: end the operation that runs, begin the next whose turn has come, and where
    /// there is none, release.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn proceed(
        &self,
        visit: Visit,
        running: Option<usize>,
        orders: &[Order],
    ) -> Result<Option<Started>, Error> {
        let (mut hook, saboteur) = self.hook(visit)?;
        if let Some(lock) = running {
            hook.finish(&self.locks[lock], Ok(()))?;
            if let Some(started) = self.advance(&mut hook, lock + 1)? {
                return Ok(Some(started));
            }
        }
        saboteur.before_release(&hook)?;
        if self.bug == Some(Bug::ReasksLeadershipAtEnd) {
            let environment = saboteur.environment().clone();
            hook = Hook::open(environment, saboteur.clone(), saboteur.clone(), ENDPOINT)?;
        }
        hook.release(&self.policy(), orders)?;
        if self.bug == Some(Bug::ActsOnUnflushedLine) && saboteur.takes_own_line_for_read()? {
            let environment = saboteur.environment().clone();
            let mut hook = Hook::open(environment, saboteur.clone(), saboteur, ENDPOINT)?;
            return self.advance(&mut hook, running.map_or(0, |lock| lock + 1));
        }
        Ok(None)
    }

    /// The operation that runs fails, and the hook with it.
    ///
    /// # Errors
    /// A hook tool's failure.
    pub fn fail(&self, visit: Visit, lock: usize) -> Result<(), Error> {
        let (mut hook, _) = self.hook(visit)?;
        let hands_on = self.bug == Some(Bug::HandsOnAfterFailure);
        let result = if hands_on {
            Ok(())
        } else {
            Err("exit code 1".to_owned())
        };
        hook.finish(&self.locks[lock], result)
    }

    fn advance(&self, hook: &mut Hook, from: usize) -> Result<Option<Started>, Error> {
        for (index, lock) in self.locks.iter().enumerate().skip(from) {
            if let Ok((attempt, _)) = hook.start(lock)? {
                return Ok(Some(Started {
                    lock: index,
                    ticket: attempt.ticket,
                    attempt: attempt.number,
                }));
            }
        }
        Ok(None)
    }

    fn policy(&self) -> Rotation {
        let more = u32::from(self.bug == Some(Bug::LimitPlusOne));
        Rotation {
            limit: self.policy.limit + more,
            ..self.policy
        }
    }
}
