//! Values that are corrupt, lost or from an earlier version.

use ops_coordinator_core::Turn;

use crate::fake::lock;
use crate::{everyone_asked, run};

#[test]
fn garbage_in_any_units_databag_crashes_nobody_and_holds_up_only_itself() {
    for garbage in [
        "",
        "{",
        "null",
        "[1]",
        r#"{"v":1}"#,
        r#"{"v":1,"id":"zz","locks":5}"#,
    ] {
        let juju = everyone_asked(3);
        juju.set_bag("app/1", garbage);
        assert_eq!(run(&juju, 0), Ok(1), "{garbage}");
        assert!(matches!(run(&juju, 2), Err(Turn::Wait(_))), "{garbage}");
        // The unit's own next hook mends its record from the journal, and the line moves on.
        assert_eq!(run(&juju, 1), Ok(1), "{garbage}");
        assert_eq!(run(&juju, 2), Ok(1), "{garbage}");
    }
}

#[test]
fn a_corrupt_journal_is_set_aside_with_a_warning() {
    let juju = everyone_asked(2);
    juju.set_file(0, "coordinator/journal.json", b"\0garbage");
    juju.hook(0, |hook| {
        assert!(hook.start(&lock()).unwrap().begun().is_some());
        hook.finish(&lock(), Ok(())).unwrap();
        let warnings = hook.take_warnings();
        assert!(
            warnings
                .iter()
                .any(|text| text.contains("journal.json.unreadable")),
            "{warnings:?}"
        );
    });
}

#[test]
fn what_was_lost_with_the_journal_is_told_to_whoever_runs_it() {
    let juju = everyone_asked(2);
    juju.lose_files(0);
    juju.hook(0, |hook| {
        let (_, operation) = hook.start(&lock()).unwrap().begun().unwrap();
        assert!(operation.lost);
        hook.finish(&lock(), Err("lost".to_owned())).unwrap();
        assert!(
            hook.withdraw_because(&lock(), "its services were lost")
                .unwrap()
        );
    });
    let record = juju.bag("app/0").unwrap();
    assert!(
        record.contains(r#""outcome":"withdrawn","why":"its services were lost""#),
        "{record}"
    );
    assert_eq!(run(&juju, 1), Ok(1), "nobody is held up");
}

#[test]
fn the_state_of_an_earlier_version_is_taken_over() {
    let juju = everyone_asked(2);
    juju.refused_hook(0, |hook| {
        hook.start(&lock()).unwrap().begun().unwrap();
        hook.finish(&lock(), Ok(())).unwrap();
    });
    juju.move_files_to_the_root(0);
    assert_eq!(
        run(&juju, 0),
        Err(Turn::NotRequested),
        "it is not run again"
    );
}
