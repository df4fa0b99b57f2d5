//! A shared lock that a hook itself holds, for what cannot wait for a later hook: a teardown above all.

use ops_coordinator_core::LockName;

use super::SharedLock;
use super::reach::PREFIX;
use crate::{Error, Hook};

/// How a hook comes to hold a shared lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// This unit has it already, or stands in line for it, because an operation of this lock needs it. Its deputy's turn
    /// ([`Hook::shared_turn`]) is then the hook's as well. With a place of its own, the hook would stand behind itself.
    ByTurn(LockName),
    /// It stands in line itself. This is the lock with all that is needed to reach it.
    InLine(Box<SharedLock>),
    /// It goes without, because the lock is [optional](SharedLock::optional).
    Without(String),
    /// It cannot hold it, for this reason.
    Closed(String),
}

impl Hook {
    /// How this hook comes to hold a shared lock, the same that operations need in their turns.
    ///
    /// A unit that is being removed finds it where its relation has led before, because that has ended by then.
    ///
    /// # Errors
    /// A state file that cannot be used.
    pub fn way_to(&mut self, shared: &SharedLock) -> Result<Way, Error> {
        let _guard = self.machine.lock()?;
        let reached = match self.reach(shared.clone())? {
            Ok(reached) => Ok(reached),
            Err(unreached) => {
                let before = self.reach_as_before(shared.clone())?;
                before.ok_or(unreached)
            }
        };
        if let Some(lock) = self.lock_that_wants(shared)? {
            // What a relation has led to may still be held when that is gone.
            let is_gone = reached.as_ref().is_err_and(|unreached| unreached.is_gone);
            if !is_gone || self.shared_turn(&lock)?.is_some() {
                return Ok(Way::ByTurn(lock));
            }
        }
        Ok(match reached {
            Ok(reached) => Way::InLine(Box::new(reached)),
            Err(unreached) => match unreached.waived() {
                Some(why) => Way::Without(why),
                None => Way::Closed(format!("{} in etcd: {}", unreached.name, unreached.why)),
            },
        })
    }

    /// The unit's own lock whose operation wants the same lock in etcd.
    fn lock_that_wants(&mut self, shared: &SharedLock) -> Result<Option<LockName>, Error> {
        let place = |one: &SharedLock| {
            let prefix = one.prefix.as_deref().unwrap_or(PREFIX);
            (prefix.to_owned(), one.name.clone())
        };
        let wanted = place(shared);
        let mut wishes = self.all_wishes()?.into_iter();
        Ok(wishes.find_map(|(_, wishes)| {
            let mut locks = wishes.locks.into_iter();
            let same = locks.find(|(_, wish)| place(&wish.lock) == wanted);
            same.map(|(lock, _)| lock)
        }))
    }
}
