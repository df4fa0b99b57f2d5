//! Seeded bugs: known mistakes, most of them from older libraries or from drafts of this one. The checks must
//! catch every one.

use std::fmt;
use std::str::FromStr;

macro_rules! bugs {
    ($($variant:ident $name:literal $story:literal;)*) => {
        /// A known mistake in the protocol. Its name is the same in code, command line and documents.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $(#[doc = $story] $variant,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The bug's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the bug makes the protocol do wrong.
            pub const fn story(self) -> &'static str {
                match self { $(Self::$variant => $story,)* }
            }
        }
    };
}

bugs! {
    ActsOnUnflushedLine "acts-on-unflushed-line"
        "The leader acts on the line that it has only just computed, before Juju has committed it.";
    DropsLeaverOnDeparted "drops-leaver-on-departed"
        "A unit's entry is dropped as soon as the unit departs, while its last hooks may still run.";
    AbsentMeansGone "absent-means-gone"
        "A unit that the relation does not list counts as gone, although the reader may not have met it yet.";
    PublishesAfterLease "publishes-after-lease"
        "The leader publishes however long ago it read the line, so that a line of another leader is overwritten.";
    ReasksLeadershipAtEnd "reasks-leadership-at-end"
        "A unit that came to lead during its hook publishes from what it read before it led.";
    CountsComputedEntry "counts-computed-entry"
        "A leader that finished in this hook postpones the line because of an entry that it has only computed, as if that would wake it.";
    NeverWakes "never-wakes"
        "No waker is started: pending work waits for whatever event comes next.";
    WakerGivesUp "waker-gives-up"
        "A failed hook of a waker is not retried, and Juju does not retry it either.";
    LeaverNeverForgotten "leaver-never-forgotten"
        "The entry of a unit that is gone for good is never removed.";
    HandsOnAfterFailure "hands-on-after-failure"
        "A failed operation is published as finished, and the next unit starts.";
    GivesTurnBackUnused "gives-turn-back-unused"
        "A turn that comes in a hook other than the one that asked is given back unused when that hook ends.";
    ForgetsJournal "forgets-journal"
        "No journal is kept, so a retried hook repeats what it has finished.";
    RequestJoinsRunning "request-joins-running"
        "A request made while the operation runs counts as served by it.";
    SortsLineByUnit "sorts-line-by-unit"
        "The leader keeps the line sorted by unit number.";
    NewcomersFirst "newcomers-first"
        "The line is sorted by the requesters' clocks: a unit whose clock is slow comes before those that wait, and before the one inside.";
    DropsWhatItCannotSee "drops-what-it-cannot-see"
        "A leader removes entries for which it sees no request, although its view may be stale.";
    CancelWithoutHandshake "cancel-without-handshake"
        "The leader removes a cancelled entry at once, although its operation may be under way.";
    AskedCountsAsFinished "asked-counts-as-finished"
        "A reader takes the number of requests for the number of finished ones.";
    AnyLifeCounts "any-life-counts"
        "A reader does not compare incarnations: what a unit of the same name finished counts.";
    IncarnationConstant "incarnation-constant"
        "A unit recreated under the same name gets the same incarnation.";
    LimitPlusOne "limit-plus-one"
        "One more than the limit may be under way.";
    LowersForNewcomersOnly "lowers-for-newcomers-only"
        "A lowered limit holds for those who join the line later; entries in it keep the higher one.";
    OverlooksTheUnavailable "overlooks-the-unavailable"
        "A leader lets units join the line without counting those that say they are unavailable.";
    RaisesLimitsInLine "raises-limits-in-line"
        "A raised limit is written into entries that others have read with the lower one.";
    RetryPublishesNothing "retry-publishes-nothing"
        "A retried hook does not publish what its first run had finished.";
    StartsWhilePaused "starts-while-paused"
        "A unit does not look whether the lock is paused.";
    RetriesWithoutPermission "retries-without-permission"
        "A unit forgets that its operation has stopped after a failure, and tries it again.";
    PermitsForEver "permits-for-ever"
        "A unit takes the permission to retry for any number of attempts.";
    InfersAPass "infers-a-pass"
        "A leader removes the entry of an invited unit that has not asked by the next time it writes the line.";
    TakesAnEarlierLifesInvitation "takes-an-earlier-lifes-invitation"
        "A reborn unit takes the invitation of its earlier life.";
    ServesWhatItBeganBefore "serves-what-it-began-before"
        "An operation that began before a campaign counts for it if it ends after that was announced.";
    RosterOutlivesMembership "roster-outlives-membership"
        "A leader remembers units that have left, and invites them.";
    FinishBeforeCheck "finish-before-check"
        "A turn is over as soon as its operation has succeeded, before its check has held.";
    ExpectsForEver "expects-for-ever"
        "A unit that no campaign calls begins to wait anew in each hook, and never asks for itself.";
    FollowsEventRelation "follows-event-relation"
        "Of two relations of one endpoint, a hook follows the one that it is about.";
    OpensBesideLostRelation "opens-beside-lost-relation"
        "A leader that loses sight of a relation opens the line on the next while others still follow the first.";
    SharesStateBetweenEndpoints "shares-state-between-endpoints"
        "Two endpoints of a charm share a journal, so that the requests of one are taken for those of the other.";
    OpensNewEndpointAtOnce "opens-new-endpoint-at-once"
        "A charm that switches to another endpoint opens a line there while the old one is still in use.";
    RunsBesideOrphan "runs-beside-orphan"
        "An interrupted operation is run again although a process of the earlier attempt is still running.";
    OrphansFinishCounts "orphans-finish-counts"
        "What a process finishes after its hook has ended counts for the attempt that runs now.";
    KeepsOrphanTickets "keeps-orphan-tickets"
        "A request that nobody wants any more is not withdrawn, and keeps its place.";
    ForgetsOnceCalled "forgets-once-called"
        "A unit expects no campaign any more as soon as one has called it, although that one may end without it.";
    BelievesRelationList "believes-relation-list"
        "Every unit that the relation lists counts as present, whatever the controller says.";
    SoakEndsEarly "soak-ends-early"
        "The time for which a check has held is taken from before the operation, so that the first look that finds it good ends the turn.";
    LongHooksNeverPublish "long-hooks-never-publish"
        "A leader's hook that takes longer than the lease leaves the line to the next hook, which takes as long.";
    TellsHeldForEver "tells-held-for-ever"
        "A deputy goes on saying that the shared lock is held although its lease is not renewed.";
    AnyTurnWillDo "any-turn-will-do"
        "A turn of one shared lock is taken for the turn of another.";
    BelievesGivenBack "believes-given-back"
        "A turn that was given back still counts, for the next request.";
    WatchesFromNow "watches-from-now"
        "Who waits in etcd watches from now on, not from what the last look has seen.";
}

impl Bug {
    /// Bugs that need more than the model's small applications: only simulations expose them.
    pub const SIMULATED: &'static [Self] = &[
        Self::FollowsEventRelation,
        Self::OpensBesideLostRelation,
        Self::SharesStateBetweenEndpoints,
        Self::OpensNewEndpointAtOnce,
        Self::RunsBesideOrphan,
        Self::OrphansFinishCounts,
        Self::KeepsOrphanTickets,
        Self::ForgetsOnceCalled,
        Self::BelievesRelationList,
        Self::SoakEndsEarly,
        Self::LongHooksNeverPublish,
        Self::TellsHeldForEver,
        Self::AnyTurnWillDo,
        Self::BelievesGivenBack,
        Self::WatchesFromNow,
    ];

    /// Bugs that need a lock in etcd: [`crate::simulation::Fault::Shared`] exposes them.
    pub const SHARED: &'static [Self] = &[
        Self::TellsHeldForEver,
        Self::AnyTurnWillDo,
        Self::BelievesGivenBack,
        Self::WatchesFromNow,
    ];
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|bug| bug.name() == text);
        // There are too many to list them all in a message.
        found
            .copied()
            .ok_or_else(|| "no seeded bug has this name".to_owned())
    }
}
