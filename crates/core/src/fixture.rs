//! Fixtures for the tests of several modules.

use std::collections::BTreeSet;

use crate::unit::Own;
use crate::{
    Incarnation, Journal, Line, LockName, LockRecord, Payload, Reading, Requested, Unit, UnitRecord,
};

/// The lock of most tests.
pub(crate) fn lock() -> LockName {
    "restart".parse().unwrap()
}

/// The record of a unit whose incarnation is drawn from `unit`, with these counters of [`lock`].
pub(crate) fn record(unit: u32, seq: u64, done: u64) -> UnitRecord {
    let mut record = UnitRecord::new(Incarnation::from_random(unit));
    let state = LockRecord {
        seq,
        done,
        ..LockRecord::default()
    };
    record.locks.insert(lock(), state);
    record
}

/// A unit that has nothing on its disk, in a hook that has just begun.
pub(crate) fn own(record: Reading<UnitRecord>, line: Reading<Line>) -> Own<'static> {
    Own {
        record,
        written: false,
        line,
        journal: Journal::default(),
        running: BTreeSet::new(),
        wall: None,
        zone: None,
        lost: None,
        join: |_, newer| newer,
        at_home: true,
        newborn: false,
        fresh: Incarnation::from_random(0xfeed),
    }
}

/// Requests a turn for a lock, with nothing to say about it.
pub(crate) fn request(unit: &mut Unit, lock: &LockName) -> Requested {
    unit.request(lock, None, &Payload::default())
}
