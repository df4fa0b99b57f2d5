//! The shared lock: a lock in etcd that an operation needs beside its turn, and that other applications want too.
//!
//! No hook talks to etcd. A hook writes down which locks the unit wants ([`Wishes`]), and a small detached process, the
//! *deputy*, stands in line for them, keeps the leases, and writes down how they stand ([`Standings`]). It has the charm run
//! when a turn has come. A hook believes the file only as far as its own clock does: up to a third of the lease before no
//! server would have ended it.

mod access;
mod attend;
mod demand;
mod desk;
mod memory;
mod offer;
mod reach;
mod service;
mod standing;
mod way;
mod wish;

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ops_coordinator_core::LockName;
use ops_coordinator_core::engine::Shared;

pub(crate) use attend::Found;
pub use desk::Desk;
pub use service::{Note, Vigil};
pub use standing::{SharedTurn, Standing, Standings};
pub use way::Way;
pub use wish::{SharedLock, Wish, Wishes};

use crate::{Error, Hook};

/// What this unit wants.
pub(crate) const WISHES: &str = "shared.json";
/// How that stands.
pub(crate) const STANDINGS: &str = "deputy.json";
/// How long the hook that asks waits for an answer: where nobody else wants the lock, no other hook is needed.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks meanwhile.
const GLANCE: Duration = Duration::from_millis(10);
/// What of a lease is left for an operation to end in: a third.
const GRACE: u32 = 3;

impl Hook {
    /// Makes operations for a lock need a shared lock beside their turn.
    pub fn set_shared(&mut self, lock: &LockName, shared: SharedLock) {
        self.shared.insert(lock.clone(), shared);
    }

    /// Answers for a lock instead of etcd, without a deputy: for the tests of a charm.
    pub fn answer_shared(&mut self, lock: &LockName, answer: Shared) {
        self.shared_answers.insert(lock.clone(), answer);
    }

    /// Whether operations for a lock need a shared lock, other than one that [goes without it](Hook::goes_without_shared).
    pub fn needs_shared(&self, lock: &LockName) -> bool {
        self.shared.contains_key(lock) && !self.goes_without_shared(lock)
    }

    /// Whether the operation that this process has begun goes without its [optional](SharedLock::optional) shared lock.
    pub fn goes_without_shared(&self, lock: &LockName) -> bool {
        self.waived.contains(lock)
    }

    /// The turn of the shared lock that the operation of this lock has, by this machine's clock now; `None` if it has none, or
    /// none any more. An operation that goes on for long looks at it: it should end while there is still time.
    ///
    /// # Errors
    /// A state file that cannot be read.
    pub fn shared_turn(&mut self, lock: &LockName) -> Result<Option<SharedTurn>, Error> {
        let (now, boot) = (self.machine.now(), self.machine.boot());
        for (endpoint, wishes) in self.all_wishes()? {
            let standings = self.standings(&endpoint)?;
            self.attend(&endpoint, &standings)?;
            let wish = wishes.locks.get(lock);
            let turn = wish.and_then(|wish| standings.turn(lock, wish, boot.as_deref(), now));
            if turn.is_some() {
                return Ok(turn);
            }
        }
        Ok(None)
    }

    /// In words, how this unit stands with the shared locks that it wants.
    ///
    /// # Errors
    /// A state file that cannot be read.
    pub fn shared_in_words(&mut self) -> Result<BTreeMap<LockName, String>, Error> {
        let (now, boot) = (self.machine.now(), self.machine.boot());
        let mut said = BTreeMap::new();
        for (endpoint, wishes) in self.all_wishes()? {
            let standings = self.standings(&endpoint)?;
            let words = |(lock, wish): (&LockName, &Wish)| {
                let said = match standings.turn(lock, wish, boot.as_deref(), now) {
                    Some(turn) => format!("holds {} in etcd, token {}", wish.lock.name, turn.token),
                    None => standings.in_words(lock, wish, now).0,
                };
                (lock.clone(), said)
            };
            said.extend(wishes.locks.iter().map(words));
        }
        for (lock, shared) in self.shared.clone() {
            if !said.contains_key(&lock)
                && let Some(words) = self.waived_now(&shared)
            {
                said.insert(lock, words);
            }
        }
        Ok(said)
    }

    /// The answer to the engine's question. Asks for the lock, if that has not been done yet: at the endpoint on which the
    /// turn is, where a hook before a refresh may have asked already.
    pub(crate) fn share(
        &mut self,
        endpoint: &str,
        lock: &LockName,
        seq: u64,
        guard: &mut Option<Box<dyn Any>>,
    ) -> Result<Shared, Error> {
        if let Some(answer) = self.shared_answers.get(lock) {
            return Ok(answer.clone());
        }
        let Some(declared) = self.shared.get(lock).cloned() else {
            if self.wishes(endpoint)?.is_some() {
                self.change_wishes(endpoint, |wishes| drop(wishes.locks.remove(lock)))?;
            }
            return Ok(Shared::NotNeeded);
        };
        self.waived.remove(lock);
        let reached = match self.reach(declared)? {
            Ok(reached) => reached,
            Err(unreached) => return self.without_etcd(endpoint, lock, unreached),
        };
        let mut wishes = self.wishes(endpoint)?.unwrap_or_default();
        let asks = wishes.ask(lock, seq, reached);
        // First the deputy: a build that has none is to leave no wish behind. It looks once this process lets it.
        let standings = self.standings(endpoint)?;
        let starts = self.attend(endpoint, &standings)?;
        if asks {
            self.store_wishes(endpoint, &wishes)?;
        }
        let wish = &wishes.locks[lock];
        let mut answer = self.answer(endpoint, lock, wish)?;
        if asks || starts {
            let mut left = PATIENCE;
            while self.deputy_fault(endpoint).is_none()
                && matches!(answer, Shared::Awaited { .. })
                && !left.is_zero()
            {
                let machine = Rc::clone(&self.machine);
                let waited = self.unlocked(guard, || machine.wait(GLANCE.min(left)))?;
                left = left.saturating_sub(waited);
                answer = self.answer(endpoint, lock, wish)?;
            }
        }
        // The deputy has the charm run for a turn that is not taken. So this comes before the last look.
        if answer != Shared::Held && wish.taken.is_some() {
            self.note_taken(endpoint, lock, None)?;
            answer = self.answer(endpoint, lock, wish)?;
        }
        if answer == Shared::Held {
            let standings = self.standings(endpoint)?;
            let token = standings.locks.get(lock).and_then(|own| own.token);
            self.note_taken(endpoint, lock, token)?;
        }
        Ok(answer)
    }

    fn note_taken(
        &mut self,
        endpoint: &str,
        lock: &LockName,
        token: Option<i64>,
    ) -> Result<(), Error> {
        self.change_wishes(endpoint, |wishes| {
            if let Some(wish) = wishes.locks.get_mut(lock) {
                wish.taken = token;
            }
        })
    }

    fn answer(&mut self, endpoint: &str, lock: &LockName, wish: &Wish) -> Result<Shared, Error> {
        let (now, boot) = (self.machine.now(), self.machine.boot());
        let standings = self.standings(endpoint)?;
        let turn = standings.turn(lock, wish, boot.as_deref(), now);
        if turn.is_some_and(|turn| !turn.nearly_over()) {
            return Ok(Shared::Held);
        }
        if let Some(fault) = self.deputy_fault(endpoint) {
            let name = &wish.lock.name;
            return Ok(Shared::Awaited {
                why: format!("waits for {name} in etcd: {fault}"),
                in_short: format!("waits for {name}, no deputy"),
            });
        }
        let (why, in_short) = standings.in_words(lock, wish, now);
        Ok(Shared::Awaited { why, in_short })
    }

    /// Gives back what this unit needs no longer.
    pub(crate) fn settle_shared(&mut self) -> Result<(), Error> {
        for (endpoint, wishes) in self.all_wishes()? {
            let _guard = self.machine.lock()?;
            let mut over = Vec::new();
            for (lock, wish) in wishes.locks {
                let needed = self.ask(|engine| engine.shared_is_for(&endpoint, &lock))?;
                if needed != Some(wish.seq) {
                    over.push((lock, wish.seq));
                }
            }
            if over.is_empty() {
                let standings = self.standings(&endpoint)?;
                self.attend(&endpoint, &standings)?;
                continue;
            }
            self.change_wishes(&endpoint, |wishes| {
                let is_over =
                    |lock: &LockName, wish: &Wish| over.contains(&(lock.clone(), wish.seq));
                wishes.locks.retain(|lock, wish| !is_over(lock, wish));
            })?;
        }
        Ok(())
    }
}
