//! `coordination.toml`: where a charm declares its locks, each with its policy and with what may hold it back.
//!
//! ```
//! use ops_coordinator_juju::Coordination;
//!
//! let coordination: Coordination = r#"
//!     [locks.restart]
//!     limit = "25%"
//!     waves = "zone"
//!     window = "Mon-Fri 02:00-05:00 Europe/London"
//!     blocker = ["./may-restart"]
//! "#
//! .parse()?;
//! assert!(coordination.require(&"restart".parse()?).is_ok());
//! assert!(coordination.require(&"restrat".parse()?).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod command;
mod file;
mod shared;
mod span;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ops_coordinator_core::engine::{Availability, Gate};
use ops_coordinator_core::policy::{Chooser, PerLock, Rules};
use ops_coordinator_core::{LockName, Recovery};
use ops_coordinator_window::{Now, Timestamp, Window};

pub use check::DeclaredCheck;
pub(crate) use shared::Table as SharedTable;
pub use span::{Span, SpanError};

use crate::{Error, Hook, SharedLock};

/// What a charm declares about its locks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coordination {
    available: Option<Vec<String>>,
    locks: BTreeMap<LockName, Declared>,
}

/// What a charm declares about one lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declared {
    /// How many at once, and in which order.
    pub rules: Rules,
    /// The command that says which units go first.
    pub order_command: Option<Vec<String>>,
    /// When operations may begin; at any time if there is none.
    pub windows: Vec<Window>,
    /// The command that must succeed before an operation begins.
    pub blocker: Option<Vec<String>>,
    /// The lock in etcd that an operation needs beside its turn.
    pub shared: Option<SharedLock>,
    /// What must hold after an operation before its turn is over.
    pub check: Option<DeclaredCheck>,
    /// What becomes of the turn when an operation fails, and when it is tried again.
    pub recovery: Recovery,
}

impl Coordination {
    /// The name of the file in the charm's directory.
    pub const FILE: &str = "coordination.toml";

    /// What the charm in this directory declares; `None` if it has no such file.
    ///
    /// # Errors
    /// [`Error::Coordination`] if the file is not valid, and [`Error::State`] if it cannot be read.
    pub fn of(charm_dir: &Path) -> Result<Option<Self>, Error> {
        let path = charm_dir.join(Self::FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self::read(&text, &path)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Coordination {
                path,
                line: None,
                why: format!("it cannot be read: {error}"),
            }),
        }
    }

    fn read(text: &str, path: &Path) -> Result<Self, Error> {
        file::parse(text).map_err(|(line, why)| Error::Coordination {
            path: path.to_owned(),
            line,
            why,
        })
    }

    /// The locks, by name.
    pub fn locks(&self) -> &BTreeMap<LockName, Declared> {
        &self.locks
    }

    /// The command that succeeds while the unit is available, for locks with
    /// [`max_unavailable`](Rules::max_unavailable). It runs in the charm's directory, at the end of each hook.
    pub fn available(&self) -> Option<&[String]> {
        self.available.as_deref()
    }

    /// Checks that a lock is declared.
    ///
    /// # Errors
    /// [`Error::UnknownLock`] if it is not.
    pub fn require(&self, lock: &LockName) -> Result<(), Error> {
        if self.locks.contains_key(lock) {
            return Ok(());
        }
        Err(Error::UnknownLock {
            lock: lock.clone(),
            declared: self.locks.keys().cloned().collect(),
        })
    }

    /// The policy of all locks, for [`Hook::release`]. Commands run in the charm's directory.
    pub fn policy(&self, charm_dir: &Path) -> PerLock {
        let locks = self.locks.iter();
        locks.fold(PerLock::new(), |policy, (lock, declared)| {
            let policy = policy.with_rules(lock.clone(), declared.rules.clone());
            match declared.chooser(charm_dir) {
                Some(chooser) => policy.with_chooser(lock.clone(), chooser),
                None => policy,
            }
        })
    }

    /// What becomes of the turn when an operation for this lock fails, and when it is tried again.
    pub fn recovery(&self, lock: &LockName) -> Recovery {
        let declared = self.locks.get(lock);
        declared.map_or_else(Recovery::default, |declared| declared.recovery)
    }

    /// Whether an operation may begin at this time, by its window and its blocker. The blocker runs in the charm's
    /// directory.
    pub fn gate(&self, lock: &LockName, charm_dir: &Path, now: Timestamp) -> Gate {
        let Some(declared) = self.locks.get(lock) else {
            return Gate::Open;
        };
        if let Some(gate) = outside(&declared.windows, now) {
            return gate;
        }
        let blocker = declared.blocker.as_deref();
        let ask = |words: &[String]| command::ask("blocker", words, Some(lock), charm_dir).err();
        let blocked = blocker.and_then(ask);
        blocked.map_or(Gate::Open, Gate::Blocked)
    }
}

impl Declared {
    /// What says which units go first, if a command does. It runs in the charm's directory.
    pub fn chooser(&self, charm_dir: &Path) -> Option<Chooser> {
        let (words, charm_dir) = (self.order_command.clone()?, charm_dir.to_owned());
        Some(Chooser::new(move |lock, units| {
            command::choose(&words, lock, units, &charm_dir)
        }))
    }
}

/// What the command `available` says of the unit. It runs in the charm's directory.
pub fn availability(command: &[String], charm_dir: &Path) -> Availability {
    let asked = command::ask("availability command", command, None, charm_dir);
    asked.map_or_else(Availability::Unavailable, |()| Availability::Available)
}

/// The gate of windows of which none is open.
pub fn outside(windows: &[Window], now: Timestamp) -> Option<Gate> {
    let mut next = None;
    for window in windows {
        match window.at(now) {
            Now::Open => return None,
            Now::Closed(opening) => {
                let earlier = next
                    .take()
                    .filter(|next: &ops_coordinator_window::Opening| next.at <= opening.at);
                next = earlier.or(Some(opening));
            }
        }
    }
    next.map(|opening| Gate::Outside {
        opens: opening.to_string(),
        // A waker that is a little late is better than one that is too early.
        opens_in: u64::try_from(opening.at.as_millisecond() - now.as_millisecond()).unwrap_or(0)
            + 1,
    })
}

impl FromStr for Coordination {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::read(text, Path::new(Self::FILE))
    }
}

impl Hook {
    /// Lets the command `available` of `coordination.toml` say whether the unit is available, in [`Hook::release`].
    pub fn tell_availability(&mut self, coordination: &Coordination) {
        let Some(command) = coordination.available.clone() else {
            return;
        };
        let charm_dir = self.environment().charm_dir.clone();
        self.set_availability(move || availability(&command, &charm_dir));
    }

    /// Lets the windows, blockers and shared locks of `coordination.toml` decide whether an operation may begin, its checks
    /// when the turn is over after it, and whether the unit is available ([`Hook::tell_availability`]).
    pub fn obey(&mut self, coordination: Coordination) {
        let charm_dir: PathBuf = self.environment().charm_dir.clone();
        for (lock, declared) in &coordination.locks {
            if let Some(check) = &declared.check {
                check.apply(self, lock, declared.recovery);
            }
            if let Some(shared) = &declared.shared {
                self.set_shared(lock, shared.clone());
            }
        }
        self.tell_availability(&coordination);
        self.set_gatekeeper(move |lock| coordination.gate(lock, &charm_dir, Timestamp::now()));
    }
}

#[cfg(test)]
mod tests;
