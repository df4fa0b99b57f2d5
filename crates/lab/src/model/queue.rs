//! Actions and commands that wait for a unit's agent.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::dispatch::{ActionId, ActionRecord, ExecId, ExecRecord};
use crate::name::UnitName;

/// An action as it was asked for, with its record.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) unit: UnitName,
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) record: ActionRecord,
}

/// All actions and commands that were ever asked for.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) actions: BTreeMap<ActionId, Action>,
    pub(crate) execs: BTreeMap<ExecId, (String, ExecRecord)>,
    last: u64,
}

impl Requests {
    /// The next number; actions and commands share one row.
    pub(crate) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}
