//! A sample of the fault runs; `./dev faults etcd N` plays more of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ops_coordinator_trial::faults::{Arena, Plan};

use crate::COMMAND;

#[test]
fn nothing_is_violated_in_a_sample_of_fault_runs() {
    let mut arena = Arena::open();
    for seed in 0..3 {
        let plan = Plan::draw(seed);
        let report = arena.play(&plan, Path::new(COMMAND));
        assert_eq!(report.violations, [] as [String; 0], "{plan}");
        assert!(report.entered >= plan.turns(), "{report:?}");
    }
}

/// A command that takes no lock at all must not pass.
#[test]
fn the_fault_runs_find_a_lock_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let fraud = directory.path().join("fraud");
    let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nOPS_COORDINATOR_TOKEN=$(date +%s%N) exec \"$@\"\n";
    fs::write(&fraud, script).unwrap();
    fs::set_permissions(&fraud, fs::Permissions::from_mode(0o755)).unwrap();
    let mut plan = Plan::draw(0);
    plan.strikes.clear();
    let found = Arena::open().play(&plan, &fraud).violations.join("\n");
    for wanted in ["Overlap", "the servers never had it"] {
        assert!(found.contains(wanted), "{found}");
    }
}
