//! The model checker over the production code: the smaller cases, and every seeded bug. All the cases run
//! with `ops-coordinator-verify model`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use ops_coordinator_verify::Bug;
use ops_coordinator_verify::model::{Case, SMALL, check};

/// How many states a case may have to be tried in a build that is not optimised.
const FEW: usize = 10_000;

#[test]
fn every_course_of_events_of_the_smaller_cases_keeps_every_promise() {
    for case in SMALL.iter().filter(|case| case.states < FEW) {
        let report = check(case, None, 2);
        assert_eq!(report.finding, None, "{}", case.name);
        assert_eq!(report.unreached, None, "{}", case.name);
        assert_eq!(
            report.states, case.states,
            "{}: what has changed?",
            case.name
        );
    }
}

/// Where each seeded bug shows.
const CAUGHT: &[(Bug, &str, &[&str])] = &[
    (
        Bug::ActsOnUnflushedLine,
        "two-requests",
        &["starts-only-in-turn"],
    ),
    (
        Bug::DropsLeaverOnDeparted,
        "departure",
        &["only-what-is-over-leaves"],
    ),
    (
        Bug::AbsentMeansGone,
        "latecomer",
        &["only-what-is-over-leaves"],
    ),
    (Bug::PublishesAfterLease, "new-leaders", &["version-grows"]),
    (Bug::ReasksLeadershipAtEnd, "latecomer", &["version-grows"]),
    (
        Bug::CountsComputedEntry,
        "two-requests",
        &["all-ends-well", "nobody-waits-at-rest"],
    ),
    (
        Bug::NeverWakes,
        "silent-own-line",
        &["nobody-waits-at-rest"],
    ),
    (
        Bug::WakerGivesUp,
        "silent-own-line",
        &["all-ends-well", "nobody-waits-at-rest"],
    ),
    (Bug::LeaverNeverForgotten, "departure", &["all-ends-well"]),
    (
        Bug::HandsOnAfterFailure,
        "failures",
        &["at-most-limit-inside"],
    ),
    (
        Bug::GivesTurnBackUnused,
        "two-requests",
        &["nobody-waits-at-rest"],
    ),
    (
        Bug::ForgetsJournal,
        "failures",
        &["finished-never-runs-again"],
    ),
    (
        Bug::RequestJoinsRunning,
        "asks-while-running",
        &["nobody-waits-at-rest"],
    ),
    // Where one unit may be inside, the line rarely has two.
    (Bug::SortsLineByUnit, "limit-of-two", &["line-keeps-order"]),
    (Bug::NewcomersFirst, "limit-of-two", &["line-keeps-order"]),
    // The leader drops what it is about to append, and writes the line for ever. That shows before an entry is lost.
    (
        Bug::DropsWhatItCannotSee,
        "two-requests",
        &["all-ends-well"],
    ),
    (
        Bug::CancelWithoutHandshake,
        "cancellation",
        &["only-what-is-over-leaves"],
    ),
    (
        Bug::AskedCountsAsFinished,
        "two-requests",
        &["nobody-waits-at-rest"],
    ),
    (Bug::AnyLifeCounts, "rebirth", &["all-ends-well"]),
    (
        Bug::IncarnationConstant,
        "rebirth",
        // All that follows is looked at, before it is explored.
        &["all-ends-well", "starts-only-in-turn"],
    ),
    (Bug::LimitPlusOne, "two-requests", &["starts-only-in-turn"]),
    (
        Bug::LowersForNewcomersOnly,
        "three-units-lowered-limit",
        &["lowered-limit-holds", "all-ends-well"],
    ),
    (
        Bug::OverlooksTheUnavailable,
        "unavailable",
        &["budget-is-kept", "all-ends-well"],
    ),
    (
        Bug::RaisesLimitsInLine,
        "limit-changes",
        &["limits-only-fall", "all-ends-well"],
    ),
    (
        Bug::RetryPublishesNothing,
        "crashes",
        &["only-what-is-over-leaves"],
    ),
    (
        Bug::StartsWhilePaused,
        "pause",
        &["nothing-starts-while-paused"],
    ),
    (
        Bug::RetriesWithoutPermission,
        "stops",
        &["stopped-waits-for-permission"],
    ),
    (
        Bug::PermitsForEver,
        "stops",
        &["stopped-waits-for-permission"],
    ),
    (
        Bug::InfersAPass,
        "three-units-roll-departure",
        &["only-what-is-over-leaves", "all-ends-well"],
    ),
    (
        Bug::TakesAnEarlierLifesInvitation,
        "roll-and-rebirth",
        // All that follows is looked at, before it is explored.
        &["all-ends-well", "starts-only-in-turn"],
    ),
    (
        Bug::ServesWhatItBeganBefore,
        "roll-and-requests",
        &["all-ends-well", "nobody-is-passed-over"],
    ),
    (
        Bug::RosterOutlivesMembership,
        "roster-roll-and-departure",
        &["all-ends-well"],
    ),
    (
        Bug::FinishBeforeCheck,
        "checks",
        &["turn-lasts-until-its-check-has-held"],
    ),
    (Bug::ExpectsForEver, "announced", &["all-ends-well"]),
];

fn case(name: &str) -> &'static Case {
    SMALL.iter().find(|case| case.name == name).unwrap()
}

#[test]
fn every_seeded_bug_is_caught_by_the_property_that_it_breaks() {
    let listed = CAUGHT.iter().map(|(bug, ..)| *bug);
    let listed: Vec<Bug> = listed.chain(Bug::SIMULATED.iter().copied()).collect();
    assert_eq!(listed, Bug::ALL, "every bug has a case, or a simulation");
    for &(bug, name, properties) in CAUGHT {
        let finding = check(case(name), Some(bug), 1).finding;
        let found = finding.as_ref().map(|finding| finding.property);
        assert!(
            found.is_some_and(|property| properties.contains(&property)),
            "{bug} in {name}: {found:?} instead of {properties:?}"
        );
    }
}

#[test]
fn a_finding_is_a_story_that_ends_where_the_property_breaks() {
    let finding = check(case("failures"), Some(Bug::HandsOnAfterFailure), 1)
        .finding
        .unwrap();
    let story = finding.story.join("\n");
    assert!(story.starts_with("app/"), "{story}");
    assert!(
        story.contains("its operation fails, and the hook with it"),
        "{story}"
    );
    assert_eq!(story.matches("ENTERS restart").count(), 2, "{story}");
    let lost = check(case("departure"), Some(Bug::LeaverNeverForgotten), 1)
        .finding
        .unwrap();
    assert!(
        lost.story
            .join("\n")
            .contains("From here on there are no more faults.")
    );
}

#[test]
fn the_same_case_has_the_same_states_on_one_thread_and_on_two() {
    let case = case("crashes");
    assert_eq!(check(case, None, 1).states, check(case, None, 2).states);
}
