//! What is in the databags: small, and harmless whatever it is.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::fixture;
use crate::record::REASON_MAX;
use crate::unit::Own;
use crate::{CheckStanding, Incarnation, LockName, LockRecord, Outcome, Payload, Unit, View, Wall};

fn any_lock() -> impl Strategy<Value = LockName> {
    "[a-z][a-z0-9_-]{0,31}".prop_map(|name| name.parse().expect("valid by construction"))
}

fn any_outcome() -> impl Strategy<Value = Option<Outcome>> {
    prop_oneof![
        Just(None),
        Just(Some(Outcome::Done)),
        Just(Some(Outcome::Failed)),
        Just(Some(Outcome::Withdrawn)),
        Just(Some(Outcome::Cancelled)),
    ]
}

fn unit(record: Reading<UnitRecord>, line: Reading<Line>, zone: Option<&str>) -> Unit {
    let own = Own {
        zone,
        ..fixture::own(record, line)
    };
    Unit::open("app/1".parse().expect("valid"), own)
}

proptest! {
    #[test]
    fn a_record_of_one_lock_is_at_most_450_bytes_whatever_the_texts(
        lock in any_lock(),
        (seq, left) in (0u64..(1 << 53), 0u64..3),
        attempt: u16,
        (at, on_trial) in (0u64..100_000_000_000, any::<bool>()),
        outcome in any_outcome(),
        (operation, reason, zone) in (any::<String>(), any::<String>(), any::<String>()),
    ) {
        let mut record = UnitRecord::new(Incarnation::from_random(u32::MAX));
        let state = LockRecord { seq, done: seq.saturating_sub(left), attempt, outcome, ..LockRecord::default() };
        record.locks.insert(lock.clone(), state);
        let mut unit = unit(Reading::Good(record), Reading::Absent, Some(&zone));
        if seq < (1 << 53) - 1 {
            unit.request(&lock, Some(&operation), &Payload::default());
        }
        // A failure puts the longest text into a record; it needs a turn, so it is put in here.
        let mut record = unit.record().clone();
        let state = record.locks.get_mut(&lock).expect("just asked for");
        state.reason = Some(reason.chars().filter(|c| (' '..='~').contains(c) && *c != '"' && *c != '\\').take(REASON_MAX).collect());
        (state.requested_at, state.ended_at) = (Some(Wall(at)), Some(Wall(at)));
        // Either its check has yet to hold, or it has failed and waits.
        if on_trial {
            (state.check, state.outcome, state.ended_at) = (Some(CheckStanding { ok: true, since: Some(Wall(at)), until: Some(Wall(at)) }), None, None);
        } else {
            state.retry_at = Some(Wall(at));
        }
        let text = encode_record(&record);
        prop_assert!(text.len() <= 450, "{} bytes: {text}", text.len());
        prop_assert_eq!(decode_record(Some(&text)), Reading::Good(record));
    }

    #[test]
    fn no_value_ever_panics_or_is_taken_for_another(text in ".{0,200}") {
        if let Reading::Good(record) = decode_record(Some(&text)) {
            prop_assert_eq!(decode_record(Some(&encode_record(&record))), Reading::Good(record));
        }
        if let Reading::Good(line) = decode_line(Some(&text)) {
            prop_assert_eq!(decode_line(Some(&encode_line(&line))), Reading::Good(line));
        }
    }

    #[test]
    fn damaged_values_never_panic(cut in 0usize..200, byte: u8, at in 0usize..200) {
        let good = br#"{"v":1,"term":1,"version":2,"by":"app/0","locks":{"restart":{"line":[{"unit":"app/1","id":"00000001","seq":1,"limit":1}]}}}"#;
        let mut damaged = good.to_vec();
        let length = damaged.len();
        damaged[at % length] = byte;
        damaged.truncate(cut.max(1));
        let text = String::from_utf8_lossy(&damaged).into_owned();
        let line = decode_line(Some(&text));
        let mut unit = unit(decode_record(Some(&text)), line, None);
        let lock: LockName = "restart".parse().expect("valid");
        fixture::request(&mut unit, &lock);
        let _ = unit.turn(&lock, &View::default());
    }
}

#[test]
fn a_replacing_record_is_small_too() {
    let mut record = UnitRecord::new(Incarnation::from_random(1));
    record.replaces = vec![Incarnation::from_random(2)];
    record.zone = Some("z".repeat(32));
    let state = LockRecord {
        seq: 1,
        operation: Some("o".repeat(32)),
        outcome: Some(Outcome::Withdrawn),
        reason: Some("r".repeat(REASON_MAX)),
        ..LockRecord::default()
    };
    record.locks = BTreeMap::from([("l".repeat(32).parse().expect("valid"), state)]);
    assert!(encode_record(&record).len() <= 450);
}
