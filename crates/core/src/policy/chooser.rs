//! An order that somebody else says: a command of the charm, or a function in its language.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Sequence;
use crate::{LockName, UnitName};

/// Says which units go first.
///
/// It gets the units that could join the line, in the order in which they would, and returns those that go before the
/// others, as [`Sequence::First`]; or in words, why it cannot say.
#[derive(Clone)]
pub struct Chooser(Arc<Choose>);

type Choose = dyn Fn(&LockName, &[UnitName]) -> Result<Vec<UnitName>, String> + Send + Sync;

impl Chooser {
    /// A function that chooses. It is called on the leader, when several units could join the line.
    pub fn new(
        choose: impl Fn(&LockName, &[UnitName]) -> Result<Vec<UnitName>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(choose))
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chooser")
    }
}

/// What choosers have said in this hook. The engine may ask a policy several times for one line.
#[derive(Debug, Clone, Default)]
pub(super) struct Choices {
    choosers: BTreeMap<LockName, Chooser>,
    said: RefCell<BTreeMap<LockName, Choice>>,
    faults: RefCell<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Choice {
    of: Vec<UnitName>,
    first: Option<Vec<UnitName>>,
}

impl Choices {
    pub(super) fn insert(&mut self, lock: LockName, chooser: Chooser) {
        self.choosers.insert(lock, chooser);
    }

    pub(super) fn clear(&mut self) {
        self.choosers.clear();
    }

    /// Whether somebody chooses for this lock.
    pub(super) fn has(&self, lock: &LockName) -> bool {
        self.choosers.contains_key(lock)
    }

    /// The sequence of these units; `None` if nobody chooses, or it is not known.
    pub(super) fn sequence(&self, lock: &LockName, units: Vec<UnitName>) -> Option<Sequence> {
        let Chooser(choose) = self.choosers.get(lock)?;
        let said = self.said.borrow().get(lock).cloned();
        let choice = said.filter(|said| said.of == units).unwrap_or_else(|| {
            let first = choose(lock, &units).map_err(|why| {
                let fault = format!("lock {lock}: units join as they come: {why}");
                self.faults.borrow_mut().push(fault);
            });
            let choice = Choice {
                of: units,
                first: first.ok(),
            };
            self.said.borrow_mut().insert(lock.clone(), choice.clone());
            choice
        });
        choice.first.map(Sequence::First)
    }

    pub(super) fn take_faults(&self) -> Vec<String> {
        self.faults.take()
    }
}
