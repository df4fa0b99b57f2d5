//! What a charm declares in `coordination.toml`, as far as it says how units take turns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ops_coordinator_juju::{
    Availability, Coordination, Declared, Error, Gate, LockName, NameError, Recovery, Timestamp,
    availability,
};
use pyo3::prelude::*;

use crate::error::raised;
use crate::rules::Rules;
use crate::shared::as_json;

/// Why some keys are refused.
const IN_CODE: &str =
    "a Python charm gives on-failure, max-retry, back-off, check, soak and check-within";

/// What is declared of one lock: its rules, its blocker, what tells whether the unit is available if the lock limits how
/// many may not be, and its shared lock as JSON.
type DeclaredLock = (Rules, Option<Blocker>, Option<Available>, Option<String>);

/// A command that has to succeed before an operation begins.
#[pyclass(frozen, module = "ops_coordinator._native")]
pub(crate) struct Blocker {
    coordination: Arc<Coordination>,
    lock: LockName,
    charm_dir: PathBuf,
}

#[pymethods]
impl Blocker {
    /// Why the operation may not begin, or nothing.
    fn __call__(&self, py: Python<'_>) -> Option<String> {
        let ask = || {
            let now = Timestamp::now();
            self.coordination.gate(&self.lock, &self.charm_dir, now)
        };
        match py.detach(ask) {
            Gate::Open => None,
            Gate::Blocked(why) => Some(why),
            // It was open a moment ago, when the rules were asked.
            Gate::Outside { opens, .. } => Some(format!("outside its window, opens {opens}")),
        }
    }
}

/// A command that succeeds while the unit is available. Those of one file are equal, so that it runs once in a hook.
#[pyclass(frozen, eq, hash, module = "ops_coordinator._native")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Available {
    command: Vec<String>,
    charm_dir: PathBuf,
}

#[pymethods]
impl Available {
    /// Why the unit is unavailable, or nothing.
    fn __call__(&self, py: Python<'_>) -> Option<String> {
        match py.detach(|| availability(&self.command, &self.charm_dir)) {
            Availability::Unavailable(why) => Some(why),
            Availability::Untold | Availability::Available => None,
        }
    }
}

/// The locks that the file in this directory declares, or only this one, by name, each with what it declares.
#[pyfunction]
pub(crate) fn declared(
    charm_dir: PathBuf,
    lock: Option<&str>,
) -> PyResult<BTreeMap<String, DeclaredLock>> {
    let path = charm_dir.join(Coordination::FILE);
    let wrong = |why: String| {
        let (path, line) = (path.clone(), None);
        raised(Error::Coordination { path, line, why })
    };
    let coordination = Coordination::of(&charm_dir).map_err(raised)?;
    let missing = || wrong("there is no such file".to_owned());
    let coordination = Arc::new(coordination.ok_or_else(missing)?);
    let wanted: Option<LockName> = lock.map(str::parse).transpose().map_err(|error| {
        let error: NameError = error;
        raised(error)
    })?;
    if let Some(lock) = &wanted {
        coordination.require(lock).map_err(raised)?;
    }
    let available = coordination.available().map(|command| Available {
        command: command.to_vec(),
        charm_dir: charm_dir.clone(),
    });
    let mut locks = BTreeMap::new();
    for (lock, said) in coordination.locks() {
        if wanted.as_ref().is_some_and(|wanted| wanted != lock) {
            continue;
        }
        if said.check.is_some() || said.recovery != Recovery::default() {
            return Err(wrong(format!("lock {lock}: {IN_CODE} to Turns instead")));
        }
        let available = said.rules.max_unavailable.and(available.as_ref());
        let blocker = blocker(&coordination, lock, said, &charm_dir);
        let rules = Rules::declared(said, &charm_dir);
        let shared = said.shared.as_ref().map(as_json).transpose()?;
        let one = (rules, blocker, available.cloned(), shared);
        locks.insert(lock.to_string(), one);
    }
    Ok(locks)
}

fn blocker(
    coordination: &Arc<Coordination>,
    lock: &LockName,
    said: &Declared,
    charm_dir: &Path,
) -> Option<Blocker> {
    said.blocker.as_ref().map(|_| Blocker {
        coordination: Arc::clone(coordination),
        lock: lock.clone(),
        charm_dir: charm_dir.to_owned(),
    })
}
