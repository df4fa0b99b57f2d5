//! A sample of the fault runs; `./dev faults etcd N` plays more of them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ops_coordinator_trial::faults::{Arena, Kind, Means, Plan, Report, Side, Strike};

use crate::{COMMAND, text};

/// Carries out a plan, in which nothing may be violated; `None` if this machine cannot.
fn hold(arena: &mut Arena, plan: &Plan) -> Option<Report> {
    if let Some(why) = Means::get().lacks(plan.kind) {
        eprintln!("skipped: {why}");
        return None;
    }
    let report = arena.play(plan, Path::new(COMMAND));
    assert_eq!(report.violations, [] as [String; 0], "{plan}");
    assert!(report.entered >= plan.turns(), "{report:?}");
    Some(report)
}

/// The first plan of this kind with such a strike.
fn first(kind: Kind, wanted: impl Fn(&Strike) -> bool) -> Plan {
    let mut plans = (0..).map(|seed| Plan::of(kind, seed));
    plans
        .find(|plan| plan.strikes.iter().any(|(_, strike)| wanted(strike)))
        .unwrap()
}

#[test]
fn nothing_is_violated_in_a_sample_of_fault_runs() {
    let mut arena = Arena::open(Kind::Usual);
    for side in [Side::ToMembers, Side::FromMembers] {
        let cut = |strike: &Strike| matches!(strike, Strike::OneWay(_, at, _) if *at == side);
        hold(&mut arena, &first(Kind::Usual, cut));
    }
    let flood = |strike: &Strike| *strike == Strike::Flood;
    hold(&mut arena, &first(Kind::Usual, flood));
}

#[test]
fn nothing_is_violated_when_disks_are_full() {
    let plan = Plan::of(Kind::Disk, 17);
    if let Some(report) = hold(&mut Arena::open(plan.kind), &plan) {
        assert!(report.died > 0, "a member whose disk is full ends: {plan}");
    }
}

#[test]
fn nothing_is_violated_while_members_are_replaced_by_the_next_version() {
    let plan = Plan::of(Kind::Upgrade, 30);
    if let Some(report) = hold(&mut Arena::open(plan.kind), &plan) {
        let mut next = Command::new(Means::get().next().unwrap());
        let said = text(&next.arg("--version").output().unwrap().stdout);
        let next = said.lines().next().unwrap().rsplit(' ').next().unwrap();
        assert_eq!(report.versions, BTreeSet::from([next.to_owned()]), "{plan}");
    }
}

#[test]
fn nothing_is_violated_if_clocks_run_faster_and_slower() {
    let plan = Plan::of(Kind::Clock, 51);
    hold(&mut Arena::open(plan.kind), &plan);
}

/// A command that takes no lock at all must not pass.
#[test]
fn the_fault_runs_find_a_lock_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let fraud = directory.path().join("fraud");
    let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nOPS_COORDINATOR_TOKEN=$(date +%s%N) exec \"$@\"\n";
    fs::write(&fraud, script).unwrap();
    fs::set_permissions(&fraud, fs::Permissions::from_mode(0o755)).unwrap();
    let mut plan = Plan::of(Kind::Usual, 0);
    plan.strikes.clear();
    let found = Arena::open(Kind::Usual)
        .play(&plan, &fraud)
        .violations
        .join("\n");
    for wanted in ["Overlap", "the servers never had it"] {
        assert!(found.contains(wanted), "{found}");
    }
}
