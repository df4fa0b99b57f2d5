//! Version 1 of the wire format, frozen: units of different revisions of a charm read each other's databags.
//!
//! The files in `wire/` are databag values as some revision has written them. They are never changed; each must be read,
//! and written back byte for byte, for ever. A new field needs a new file. `state/` has the same for a unit's own files,
//! which a later revision must be able to read.

use std::fs;
use std::path::Path;

use ops_coordinator_core::engine::Session;
use ops_coordinator_core::journal::{Journal, LockJournal, Started};
use ops_coordinator_core::wire::{
    Campaign, Entry, Line, LockLine, LockRecord, Outcome, Reading, Retry, UnitRecord, decode_line,
    decode_record, encode_line, encode_record,
};
use ops_coordinator_core::{Call, CheckStanding, LockName, Tally};
use serde_json::Value;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.trim_end().to_owned()
}

fn record(name: &str) -> UnitRecord {
    let text = file(&format!("wire/record-{name}.json"));
    match decode_record(Some(&text)) {
        Reading::Good(record) => {
            assert_eq!(encode_record(&record), text, "record-{name}");
            record
        }
        other => panic!("record-{name}: {other:?}"),
    }
}

fn line(name: &str) -> Line {
    let text = file(&format!("wire/line-{name}.json"));
    match decode_line(Some(&text)) {
        Reading::Good(line) => {
            assert_eq!(encode_line(&line), text, "line-{name}");
            line
        }
        other => panic!("line-{name}: {other:?}"),
    }
}

fn restart() -> LockName {
    "restart".parse().expect("valid")
}

#[test]
fn every_file_is_read_and_written_back_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("it is there") {
        let name = entry.expect("readable").file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
        match name.expect("a JSON file").split_once('-') {
            Some(("record", rest)) => drop(record(rest)),
            Some(("line", rest)) => drop(line(rest)),
            _ => panic!("neither a record nor a line: {name:?}"),
        }
        files += 1;
    }
    assert!(files >= 9, "{files} files");
}

/// A new field does not compile here, so that nobody forgets its file.
#[test]
fn a_record_of_every_field_is_among_the_files() {
    let UnitRecord {
        incarnation,
        zone,
        replaces,
        beyond,
        unavailable,
        flips,
        mut locks,
        unknown,
    } = record("full");
    assert_eq!(incarnation.to_string(), "0000beef");
    assert_eq!((zone.as_deref(), beyond), (Some("zone-1"), Some(3)));
    assert_eq!((replaces.len(), unknown.len()), (2, 0));
    assert_eq!((unavailable, flips), (None, 0), "these are in a later file");
    let LockRecord {
        seq,
        done,
        asked,
        begun,
        operation,
        attempt,
        outcome,
        stopped,
        reason,
        requested_at,
        ended_at,
        held,
        served,
        check,
        retry_at,
        unknown,
    } = locks.remove(&restart()).expect("it is there");
    assert_eq!((seq, done, asked, begun, attempt), (9, 8, 1234, true, 3));
    assert_eq!(operation.as_deref(), Some("upgrade"));
    assert_eq!(reason.as_deref(), Some("nginx: exit code 1"));
    assert_eq!(outcome.expect("it is there").as_str(), "failed");
    assert!(stopped);
    assert_eq!(held.as_deref(), Some("outside its window"));
    assert_eq!(served, None, "see the record of a campaign");
    assert_eq!((check, retry_at), (None, None), "these are in a later file");
    let times = (requested_at, ended_at);
    assert_eq!(
        times.0.zip(times.1).map(|(a, b)| (a.0, b.0)),
        Some((1_790_000_000, 1_790_000_100))
    );
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn why_a_unit_is_unavailable_is_among_the_files() {
    let record = record("unavailable");
    assert_eq!(record.unavailable.as_deref(), Some("the disk is full"));
    assert_eq!(record.flips, 3);
}

#[test]
fn how_a_check_stands_and_when_a_failure_is_tried_again_are_among_the_files() {
    let locks = record("checked").locks;
    let state = |lock: &str| &locks[&lock.parse::<LockName>().expect("valid")];
    let standing = |lock| {
        let CheckStanding { ok, since, until } = state(lock).check.expect("it is there");
        (ok, since.map(|since| since.0), until.map(|until| until.0))
    };
    let soaking = (true, Some(1_790_000_200), Some(1_790_000_260));
    assert_eq!(standing("restart"), soaking);
    assert_eq!(standing("upgrade"), (false, Some(1_790_000_200), None));
    let retry_at = state("backup").retry_at;
    assert_eq!(retry_at.map(|at| at.0), Some(1_790_000_120));
    assert!(locks.values().all(|state| state.unknown.is_empty()));
}

/// A new field does not compile here, so that nobody forgets its file.
#[test]
fn a_line_of_every_field_is_among_the_files() {
    let Line {
        term,
        version,
        leader,
        opening,
        mut locks,
        unknown,
    } = line("full");
    assert_eq!((term, version, opening), (4, 77, Some(3)));
    assert_eq!(leader.to_string(), "app/10");
    assert!(unknown.is_empty(), "{unknown:?}");
    let LockLine {
        mut entries,
        paused,
        moved,
        cancelled,
        skipped,
        forced,
        mut retries,
        campaign,
        unknown,
    } = locks.remove(&restart()).expect("it is there");
    assert_eq!(paused.as_deref(), Some("night"));
    assert_eq!(moved.as_deref(), Some("peers"));
    assert_eq!(cancelled.len(), 2);
    assert_eq!(skipped[0].to_string(), "app/2#1");
    assert_eq!(forced[0].to_string(), "app/3#2");
    assert_eq!(campaign, None, "see the line of a campaign");
    assert!(unknown.is_empty(), "{unknown:?}");
    let Retry {
        ticket,
        attempt,
        unknown,
    } = retries.remove(0);
    assert_eq!((ticket.to_string().as_str(), attempt), ("app/1#7", 3));
    assert!(unknown.is_empty(), "{unknown:?}");
    let Entry {
        ticket,
        limit,
        wave,
        at,
        unknown,
    } = entries.remove(1);
    assert_eq!(ticket.to_string(), "app/2#1");
    assert_eq!((limit, wave), (1, 1));
    assert_eq!(at.map(|at| at.0), Some(1_790_000_001));
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// A new field does not compile here, so that nobody forgets its file.
#[test]
fn a_campaign_of_every_field_is_among_the_files() {
    let mut line = line("campaign-after-cancellation");
    let lock = line.locks.remove(&restart()).expect("it is there");
    let Campaign {
        id,
        version,
        reason,
        operation,
        payload,
        aborted,
        cancelled_before,
        at,
        unknown,
    } = lock.campaign.expect("it is there");
    assert_eq!((id.to_string().as_str(), version), ("12-0000beef", 12));
    assert_eq!(reason, "new certificates");
    assert_eq!(operation.as_deref(), Some("upgrade"));
    assert_eq!(payload, Some(serde_json::json!({"services": ["nginx"]})));
    assert_eq!(cancelled_before[0].to_string(), "app/2#3");
    assert!(aborted && unknown.is_empty());
    assert_eq!(at.map(|at| at.0), Some(1_790_000_000));
    let record = record("campaign");
    let state = &record.locks[&restart()];
    assert_eq!(state.served.as_ref(), Some(&id));
    let rotate: LockName = "rotate".parse().expect("valid");
    let passed = record.locks[&rotate].outcome.as_ref();
    assert_eq!(passed.map(Outcome::as_str), Some("passed"));
}

#[test]
fn a_value_of_another_major_version_is_not_taken_for_one_of_this() {
    let other = file("wire/line-first-entry.json").replacen("\"v\":1", "\"v\":2", 1);
    assert_eq!(decode_line(Some(&other)), Reading::Foreign(2));
    let other = file("wire/record-full.json").replacen("\"v\":1", "\"v\":2", 1);
    assert_eq!(decode_record(Some(&other)), Reading::Foreign(2));
}

#[test]
fn the_journal_of_every_revision_is_read() {
    let first: Journal = serde_json::from_str(&file("state/journal-0.1.json")).expect("readable");
    let lock = &first.locks[&restart()];
    assert_eq!((lock.record.seq, lock.record.done), (3, 1));
    let started = lock.started.expect("it is there");
    assert_eq!((started.seq, started.attempt, started.ended), (2, 2, false));
    assert_eq!(lock.payload[&3], serde_json::json!({"services": ["nginx"]}));
    assert_eq!(lock.tally, Tally::default(), "it counted nothing");

    let text = file("state/journal.json");
    let journal: Journal = serde_json::from_str(&text).expect("readable");
    assert_eq!(serde_json::to_string(&journal).expect("writable"), text);
    let LockJournal {
        record,
        started,
        payload,
        lost,
        tally,
        serves,
        called,
        trial,
        failures,
        expects,
        answer,
    } = journal.locks[&restart()].clone();
    let Started {
        seq,
        attempt,
        ended,
        at,
    } = started.expect("it is there");
    assert_eq!((seq, attempt, ended), (2, 2, false));
    assert!(at.is_some() && record.ended_at.is_some() && lost == Some(2) && payload.len() == 1);
    assert_eq!((tally.done, tally.failures, tally.wait_seconds), (1, 1, 40));
    assert_eq!(tally.passed, 1);
    assert!(serves.is_some() && record.served.is_some() && called);

    let text = file("state/journal-before-campaigns.json");
    let journal: Journal = serde_json::from_str(&text).expect("readable");
    let kept = &journal.locks[&restart()];
    assert_eq!((kept.tally.done, kept.tally.passed), (1, 0));
    assert_eq!((&kept.serves, kept.called), (&None, false));
    assert_eq!((trial, failures), (None, None), "these are in a later file");
    assert_eq!((expects, answer), (None, None), "these are in later files");

    let text = file("state/journal-expecting.json");
    let journal: Journal = serde_json::from_str(&text).expect("readable");
    assert_eq!(serde_json::to_string(&journal).expect("writable"), text);
    let Call {
        reason,
        operation,
        payload,
    } = journal.locks[&restart()]
        .expects
        .clone()
        .expect("it is there");
    assert_eq!(reason, "new keys");
    assert_eq!(operation.as_deref(), Some("rotate"));
    assert_eq!(payload, Some(serde_json::json!({"services": ["nginx"]})));

    let text = file("state/journal-answered.json");
    let journal: Journal = serde_json::from_str(&text).expect("readable");
    assert_eq!(serde_json::to_string(&journal).expect("writable"), text);
    let kept = &journal.locks[&restart()];
    assert!(kept.expects.is_some() && kept.answer.is_some());

    let text = file("state/journal-checked.json");
    let journal: Journal = serde_json::from_str(&text).expect("readable");
    assert_eq!(serde_json::to_string(&journal).expect("writable"), text);
    let lock = &journal.locks[&restart()];
    let (Some(trial), Some(failures)) = (&lock.trial, &lock.failures) else {
        panic!("they are there");
    };
    assert_eq!((trial.seq, trial.through, trial.since.at.0), (2, 3, 80_000));
    assert_eq!(trial.held.as_ref().map(|held| held.at.0), Some(90_000));
    assert_eq!(
        (failures.count, failures.wait, &failures.last.boot),
        (1, 10_000, &None)
    );
}

#[test]
fn the_session_of_every_revision_is_read() {
    let text = file("state/session.json");
    let session: Session = serde_json::from_str(&text).expect("readable");
    assert_eq!(session.context(), "app/1-update-status-7");
    assert_eq!(
        session.relation().map(ToString::to_string).as_deref(),
        Some("coordinator:4")
    );
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let again = serde_json::to_value(&session).expect("writable");
    assert_eq!(again, value, "no field is lost");
    // What later revisions of the first one have added has a default.
    let first: Session = serde_json::from_str(&file("state/session-0.1.json")).expect("readable");
    assert_eq!(first.context(), "app/1-start-1");
}
