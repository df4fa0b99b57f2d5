//! Simulations: what holds in all of them, and that a seed means one history.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::process::Command;

use ops_coordinator_verify::Bug;
use ops_coordinator_verify::simulation::{Fault, Recipe, shrink, simulate, story};

fn all() -> BTreeSet<Fault> {
    Fault::usual()
}

#[test]
fn the_first_seeds_keep_every_promise() {
    let mut turns = 0;
    for seed in 0..100 {
        let course = simulate(&Recipe::new(seed, &all()), None);
        assert_eq!(course.violation, None, "seed {seed}");
        turns += course.turns;
    }
    assert!(turns > 300, "{turns} turns are no evidence");
}

/// All but a refresh to another endpoint, after which a shared lock may be kept for ever: see "Open" in
/// `docs/track-record.md`.
#[test]
fn the_first_seeds_with_a_shared_lock_keep_every_promise() {
    let mut faults = all();
    faults.remove(&Fault::Endpoint);
    faults.insert(Fault::Shared);
    let mut turns = 0;
    for seed in 0..60 {
        let course = simulate(&Recipe::new(seed, &faults), None);
        assert_eq!(course.violation, None, "seed {seed}");
        turns += course.turns;
    }
    assert!(turns > 200, "{turns} turns are no evidence");
}

#[test]
fn a_seed_is_one_history_in_this_process_and_in_another() {
    for seed in [7, 11] {
        let lines = || -> String {
            let course = simulate(&Recipe::new(seed, &all()), None);
            course
                .history
                .iter()
                .map(|event| event.to_line() + "\n")
                .collect()
        };
        let here = lines();
        assert!(here.lines().count() > 50);
        assert_eq!(here, lines());
        let program = env!("CARGO_BIN_EXE_ops-coordinator-verify");
        let there = Command::new(program)
            .args(["history", &seed.to_string()])
            .output()
            .unwrap();
        assert_eq!(here, String::from_utf8(there.stdout).unwrap());
    }
}

fn caught(bug: Bug) -> (u64, &'static str) {
    let broken = |seed| simulate(&Recipe::new(seed, &all()), Some(bug)).violation;
    let found = (0..200).find_map(|seed| Some((seed, broken(seed)?)));
    let (seed, violation) = found.unwrap();
    (seed, violation.promise)
}

#[test]
fn bugs_that_let_one_in_too_early_are_seen_as_that() {
    for bug in [Bug::ActsOnUnflushedLine, Bug::LimitPlusOne] {
        let promise = caught(bug).1;
        let either = ["at-most-limit-inside", "starts-only-in-turn"];
        assert!(either.contains(&promise), "{bug}: {promise}");
    }
}

/// A bug, the faults that bring it to light, and what it breaks.
type Shown = (Bug, &'static [Fault], &'static [&'static str]);

const SHARED: &[&str] = &["shared-lock-is-held-in-order-and-by-few"];

const UNTIDY: &[Shown] = &[
    (
        Bug::FollowsEventRelation,
        &[Fault::Duplicate, Fault::Leader],
        &[
            "at-most-limit-inside",
            "every-request-is-served",
            "finished-never-runs-again",
        ],
    ),
    (
        Bug::OpensBesideLostRelation,
        &[Fault::Vanish],
        &["at-most-limit-inside"],
    ),
    (
        Bug::SharesStateBetweenEndpoints,
        &[Fault::TwoEndpoints, Fault::Endpoint],
        &["at-most-limit-inside", "every-request-is-served"],
    ),
    (
        Bug::OpensNewEndpointAtOnce,
        &[Fault::Endpoint],
        // What was asked for in the old line may be served in both.
        &[
            "at-most-limit-inside",
            "every-request-is-served",
            "nothing-runs-unasked",
        ],
    ),
    (
        Bug::RunsBesideOrphan,
        &[Fault::Orphan],
        &["one-attempt-at-a-time"],
    ),
    (
        Bug::OrphansFinishCounts,
        &[Fault::Orphan],
        // A record says that something is done which was not, or it runs again, or its check was never run.
        &[
            "every-request-is-served",
            "finished-never-runs-again",
            "turn-lasts-until-its-check-has-held",
        ],
    ),
    (
        Bug::KeepsOrphanTickets,
        &[Fault::Forget],
        &["every-request-is-served"],
    ),
    (
        Bug::ForgetsOnceCalled,
        &[Fault::Announce, Fault::Endpoint],
        &["every-request-is-served"],
    ),
    (
        Bug::BelievesRelationList,
        &[Fault::Untold],
        &["every-request-is-served"],
    ),
    (
        Bug::SoakEndsEarly,
        &[],
        &["turn-lasts-until-its-check-has-held"],
    ),
    (
        Bug::LongHooksNeverPublish,
        &[Fault::Long],
        &["every-request-is-served"],
    ),
    (
        Bug::TellsHeldForEver,
        &[Fault::Shared, Fault::Pause, Fault::Operation, Fault::Kill],
        SHARED,
    ),
    (Bug::AnyTurnWillDo, &[Fault::Shared], SHARED),
    (
        Bug::BelievesGivenBack,
        &[
            Fault::Shared,
            Fault::Operation,
            Fault::Kill,
            Fault::Pause,
            Fault::Cancel,
            Fault::Stop,
        ],
        SHARED,
    ),
    (
        Bug::WatchesFromNow,
        &[Fault::Shared],
        &["every-request-is-served"],
    ),
];

#[test]
fn what_a_tidy_world_never_showed_is_caught_in_an_untidy_one() {
    let shown: Vec<Bug> = UNTIDY.iter().map(|(bug, ..)| *bug).collect();
    assert_eq!(shown, Bug::SIMULATED);
    for &(bug, faults, promises) in UNTIDY {
        let faults = faults.iter().copied().collect();
        let broken = |seed| simulate(&Recipe::new(seed, &faults), Some(bug)).violation;
        let found = (0..1_000).find_map(broken);
        let promise = found.map(|violation| violation.promise);
        assert!(
            promise.is_some_and(|promise| promises.contains(&promise)),
            "{bug}: {promise:?}"
        );
    }
}

#[test]
fn a_turn_that_ends_before_its_check_is_seen_as_that() {
    let promise = caught(Bug::FinishBeforeCheck).1;
    assert_eq!(promise, "turn-lasts-until-its-check-has-held");
}

#[test]
fn bugs_that_leave_work_undone_are_seen_as_somebody_unserved() {
    for bug in [
        Bug::HandsOnAfterFailure,
        Bug::NeverWakes,
        Bug::GivesTurnBackUnused,
        Bug::RequestJoinsRunning,
    ] {
        // In a campaign, the unit whose work is left undone has not asked.
        let promises = ["every-request-is-served", "nobody-is-passed-over"];
        let promise = caught(bug).1;
        assert!(promises.contains(&promise), "{bug}: {promise}");
    }
}

#[test]
fn a_failing_seed_is_made_smaller_and_fails_in_the_same_way() {
    let bug = Some(Bug::HandsOnAfterFailure);
    let (seed, promise) = caught(Bug::HandsOnAfterFailure);
    let recipe = Recipe::new(seed, &all());
    let (smaller, course) = shrink(&recipe, bug);
    assert_eq!(course.violation.unwrap().promise, promise);
    assert!(smaller.units <= recipe.units && smaller.deeds.len() <= recipe.deeds.len());
    let before = simulate(&recipe, bug);
    assert!(course.history.len() < before.history.len());
    let story = story(&course.history).join("\n");
    assert!(story.contains("ENTERS"), "{story}");
}

#[test]
fn sixty_units_in_a_calm_take_a_turn_each() {
    let course = simulate(&Recipe::calm(1, 60), None);
    assert_eq!(course.violation, None);
    assert_eq!(course.turns, 60);
}
