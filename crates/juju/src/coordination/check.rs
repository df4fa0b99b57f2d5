//! The check after an operation, as a charm declares it.

use ops_coordinator_core::{Check, LockName, Recovery};

use super::{command, file};
use crate::Hook;

/// What must hold after an operation of a lock before its turn is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredCheck {
    /// The command that succeeds while all is well; without one, the turn only lasts a while longer.
    pub command: Option<Vec<String>>,
    /// For how long it must hold, and how long it may fail before that.
    pub demands: Check,
}

impl DeclaredCheck {
    /// How long a check may fail if the charm does not say so, in milliseconds.
    pub const WITHIN: u64 = 300_000;

    /// The words of a command that is given as one text: there are no quotes.
    pub fn words(text: &str) -> Vec<String> {
        file::words(text)
    }

    /// Makes the hook ask for this check after the lock's operation. The command runs in the charm's directory, with the
    /// lock in `OPS_COORDINATOR_LOCK`, and has failed if it has not ended after 60 s.
    pub fn apply(&self, hook: &mut Hook, lock: &LockName, recovery: Recovery) {
        let charm_dir = hook.environment().charm_dir.clone();
        let (words, name) = (self.command.clone(), lock.clone());
        hook.set_check(lock, self.demands, recovery, move || match &words {
            Some(words) => command::ask("check", words, Some(&name), &charm_dir),
            None => Ok(()),
        });
    }
}
