//! The order of slow tool calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::lock::lock;
use crate::name::UnitName;

/// One lock for each unit: its slow calls queue, as in Juju, where one tool runs at a time (`jujuc/server.go`).
#[derive(Default)]
pub(super) struct Queues(Mutex<BTreeMap<UnitName, Arc<Mutex<()>>>>);

impl Queues {
    pub(super) fn of(&self, unit: &UnitName) -> Arc<Mutex<()>> {
        Arc::clone(lock(&self.0).entry(unit.clone()).or_default())
    }
}
