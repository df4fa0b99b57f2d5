//! Where the units' requests stand, by the databags as they are committed now.

use ops_coordinator_core::wire::{KEY, Outcome, decode_line, decode_record};
use ops_coordinator_core::{LockStatus, Place, Status, UnitStatus as Request};
use ops_coordinator_lab::world::{UnitStatus, World};

use super::charm::LOCK;

/// All requests for the lock of the demo.
pub(super) fn requests(world: &World, application: &str) -> LockStatus {
    let value = |unit| {
        let bag = world.databag(application, "coordinator", unit)?;
        bag.get(KEY).cloned()
    };
    let record = |unit: &UnitStatus| {
        let value = value(Some(unit.unit.number()));
        let name = unit.unit.to_string().parse().ok()?;
        Some((name, decode_record(value.as_deref())))
    };
    let records = world.units().iter().filter_map(record).collect();
    let mut status = Status::of(&decode_line(value(None).as_deref()), &records);
    let lock = LOCK.parse().ok();
    lock.and_then(|lock| status.locks.remove(&lock))
        .unwrap_or_default()
}

/// Whether its last attempt has failed, so that it keeps its turn.
pub(super) fn has_failed(request: &Request) -> bool {
    request.place == Place::Turn && request.outcome == Some(Outcome::Failed)
}

/// The units without whose turn an operator has let the others go on.
pub(super) fn skipped(requests: &LockStatus) -> Vec<String> {
    let units = requests.units.iter();
    let skipped = units.filter(|unit| unit.outcome == Some(Outcome::Skipped));
    skipped.map(|unit| unit.unit.to_string()).collect()
}
