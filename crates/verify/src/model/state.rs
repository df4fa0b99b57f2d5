//! A state of the small application: data at the controller and on the units' disks, and running hooks.

use super::text::Text;

/// The most units of a case.
pub(crate) const UNITS: usize = 3;
/// The most locks of a case.
pub(crate) const LOCKS: usize = 2;

/// A set of units, a bit each.
pub(crate) type Units = u8;

/// A state. Of everything there is one slot a unit; slots beyond the case's units stay empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct State {
    /// The application's databag.
    pub(crate) line: Text,
    /// Who holds the lease.
    pub(crate) leader: Option<u8>,
    /// The units.
    pub(crate) units: [Unit; UNITS],
    /// What else may go wrong.
    pub(crate) left: Left,
    /// Whether the operator has set the limit to one.
    pub(crate) lowered: bool,
    /// A property of steps that was broken on the way here.
    pub(crate) broken: Option<Broken>,
    /// The last token that etcd has given.
    pub(crate) token: u8,
    /// The token of somebody else, whose operation needs the shared lock too.
    pub(crate) rival: Option<u8>,
}

/// A unit, its agent, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Unit {
    pub(crate) life: Life,
    /// How often a unit of this name was created before.
    pub(crate) generation: u8,
    /// Its databag at the controller.
    pub(crate) bag: Text,
    /// The peers' databags as its agent has them.
    pub(crate) cache: [Text; UNITS],
    /// The units whose databags its agent would read again.
    pub(crate) uncached: Units,
    /// The units that it has met and not seen departing.
    pub(crate) members: Units,
    /// Its journal on disk.
    pub(crate) journal: Text,
    /// What its last hook has left on disk, in a case where units remember: its session and its roster.
    pub(crate) memory: Memory,
    /// The running hook.
    pub(crate) hook: Option<Hook>,
    /// The hook that failed and must run again before any other.
    pub(crate) retry: Option<Event>,
    pub(crate) news: News,
    /// How often a waker of it has slept: its clock, in a case where units have patience.
    pub(crate) slept: u8,
    /// How many more requests it will make.
    pub(crate) requests: u8,
    /// Locks whose operation has begun and not ended, one bit each.
    pub(crate) inside: u8,
    /// Locks that were requested since their operation last began.
    pub(crate) owed: u8,
    /// The same, where another attempt at an operation does not count: it may have been requested during the first.
    pub(crate) asked: u8,
    /// The highest request number whose operation succeeded, or failed so that the turn passed on, for each lock.
    pub(crate) finished: [u8; LOCKS],
    /// Locks whose operation has failed and waits for an operator.
    pub(crate) stopped: u8,
    /// Its part in the campaigns of each lock.
    pub(crate) part: [Part; LOCKS],
    /// Whether it is unavailable.
    pub(crate) ails: bool,
    /// What it wants in etcd, on its disk.
    pub(crate) wishes: Text,
    /// Its deputy's place in the line there.
    pub(crate) seat: Option<Seat>,
}

/// A place in the line of the shared lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    /// The request for which it is.
    pub(crate) seq: u8,
    /// Its token: larger than that of whoever joined before.
    pub(crate) token: u8,
    /// Whether the deputy has written down that its turn has come.
    pub(crate) holds: bool,
}

/// A unit's part in a lock's campaigns, each named by the version of the line that announced it; 0 is none. The unit's
/// own marks have no say in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Part {
    /// The campaign in whose knowledge the operation began that runs, or that was begun last.
    pub(crate) serves: u8,
    /// The last campaign that the unit has done with: an operation that began in its knowledge has passed the turn on,
    /// or the unit has passed, or has said that it was let off.
    pub(crate) settled: u8,
    /// The same, as far as a commit has made it public: the rest is lost with the disk.
    pub(crate) told: u8,
    /// The campaign in which the unit need not go: it was born later, or an operator has cancelled or skipped something
    /// of it since then.
    pub(crate) let_off: u8,
    /// Whether the operation has begun and the disk was lost: then the unit does not know it any more, unless it had
    /// asked for it.
    pub(crate) forgot: bool,
}

/// State files that may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Memory {
    pub(crate) session: Text,
    pub(crate) roster: Text,
    /// No hook has the context of the one before it.
    pub(crate) odd: bool,
}

/// How far a unit's life has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Life {
    /// There is no such unit.
    #[default]
    Dead,
    /// In service.
    Alive,
    /// Removed; its last hooks run.
    Dying,
}

/// What a unit's agent will tell the charm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent things to tell")]
pub(crate) struct News {
    pub(crate) changed: Units,
    pub(crate) joined: Units,
    pub(crate) departed: Units,
    pub(crate) line: bool,
    pub(crate) elected: bool,
    /// A waker runs a hook, unless another one runs first.
    pub(crate) wake: bool,
    /// A waker runs a hook, whatever else runs meanwhile.
    pub(crate) later: bool,
    /// The relation was only just created for it.
    pub(crate) created: bool,
    /// An operator wants this unit's request cancelled, and asks the leader.
    pub(crate) cancel: Option<u8>,
}

/// A running hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hook {
    pub(crate) event: Event,
    /// What the hook has read, as its state file says.
    pub(crate) session: Text,
    /// What it has written of its own bag and of the application's, not committed.
    pub(crate) own: Text,
    pub(crate) line: Text,
    /// The line as it was when the hook began, which is when it read it.
    pub(crate) line_read: Text,
    /// The lock whose operation runs, and the number of its request.
    pub(crate) running: Option<(u8, u8)>,
    /// The unit led when the hook asked, and does no longer, or not without a break.
    pub(crate) late: bool,
    pub(crate) led: bool,
    pub(crate) failed_before: bool,
}

/// Why a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// `config-changed`: the charm asks for a turn for every lock.
    Config,
    /// `relation-changed` about a unit.
    Changed(u8),
    /// `relation-joined` about a unit.
    Joined(u8),
    /// `relation-departed` about a unit; it may be the unit's own departure.
    Departed(u8),
    /// `relation-changed` about the application.
    Line,
    /// `leader-elected`.
    Elected,
    /// `update-status`, run by the waker.
    Wake,
    /// The action by which an operator cancels a unit's request.
    Cancel(u8),
    /// The action by which an operator skips a unit's request.
    Skip(u8),
    /// The action by which an operator permits a unit another attempt.
    Retry(u8),
    /// The action by which an operator pauses every lock.
    Pause,
    /// The action by which an operator ends the pause.
    Resume,
    /// The action by which an operator rolls all units, for one of several reasons.
    Roll(u8),
    /// The action by which an operator ends the campaign.
    Abort,
    /// `config-changed`: the charm has nothing to do, and passes.
    Pass,
    /// `relation-created`, a unit's first hook.
    Created,
}

/// How often each kind of fault may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Left {
    pub(crate) fail: u8,
    pub(crate) kill: u8,
    pub(crate) slow: u8,
    pub(crate) leader: u8,
    pub(crate) remove: u8,
    pub(crate) rebirth: u8,
    pub(crate) disk: u8,
    pub(crate) cancel: u8,
    pub(crate) skip: u8,
    pub(crate) pause: u8,
    pub(crate) stop: u8,
    pub(crate) limit: u8,
    pub(crate) roll: u8,
    pub(crate) abort: u8,
    pub(crate) pass: u8,
    pub(crate) check: u8,
    pub(crate) ail: u8,
    pub(crate) rival: u8,
    pub(crate) lease: u8,
}

/// A property of single steps that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// An operation began although too many entries before it are not finished.
    StartsOnlyInTurn,
    /// An operation began although the lock was paused when its hook began.
    NothingStartsWhilePaused,
    /// An operation began that had stopped after a failure, and no operator had permitted it.
    StoppedWaitsForPermission,
    /// A turn was over although the check after its operation did not hold.
    TurnLastsUntilItsCheckHasHeld,
    /// An operation began although its unit did not hold the shared lock for it.
    NothingStartsWithoutTheSharedLock,
    /// A finished operation began again.
    FinishedNeverRunsAgain,
    /// An operation began although its unit had not asked since it last began one, no campaign called it in the line
    /// that its hook had read, and it did not continue what was cut off or had failed.
    NothingRunsUnasked,
    /// A unit says that it has served the campaign that is under way, although it neither ran in its knowledge, nor
    /// passed, nor was let off.
    NobodyIsPassedOver,
    /// A published line is not the old one without what is over and with new entries behind it.
    LineKeepsOrder,
    /// A published line is not newer than the one before.
    VersionGrows,
    /// The limit of an entry in the line was raised.
    LimitsOnlyFall,
    /// A leader that knows of a lower limit has published a line in which an unfinished entry has a higher one.
    LoweredLimitHolds,
    /// An available unit joined the line while as many as the policy allows were in it or unavailable, and the leader had
    /// been told.
    BudgetIsKept,
    /// An entry left the line that is not over.
    OnlyWhatIsOverLeaves,
    /// A published value does not decode, or contradicts itself.
    ValuesAreSound,
    /// A unit's published counters went back.
    CountersOnlyGrow,
    /// The production code reported an error although every hook tool worked.
    NoHookErrors,
    /// The production code's own assertions failed.
    AssertionsHold,
}

impl Broken {
    /// The property's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartsOnlyInTurn => "starts-only-in-turn",
            Self::NothingStartsWhilePaused => "nothing-starts-while-paused",
            Self::StoppedWaitsForPermission => "stopped-waits-for-permission",
            Self::TurnLastsUntilItsCheckHasHeld => "turn-lasts-until-its-check-has-held",
            Self::NothingStartsWithoutTheSharedLock => "nothing-starts-without-the-shared-lock",
            Self::FinishedNeverRunsAgain => "finished-never-runs-again",
            Self::NothingRunsUnasked => "nothing-runs-unasked",
            Self::NobodyIsPassedOver => "nobody-is-passed-over",
            Self::LineKeepsOrder => "line-keeps-order",
            Self::VersionGrows => "version-grows",
            Self::LimitsOnlyFall => "limits-only-fall",
            Self::LoweredLimitHolds => "lowered-limit-holds",
            Self::BudgetIsKept => "budget-is-kept",
            Self::OnlyWhatIsOverLeaves => "only-what-is-over-leaves",
            Self::ValuesAreSound => "values-are-sound",
            Self::CountersOnlyGrow => "counters-only-grow",
            Self::NoHookErrors => "no-hook-errors",
            Self::AssertionsHold => "assertions-hold",
        }
    }
}

/// The units of a set.
pub(crate) fn each(units: Units) -> impl Iterator<Item = u8> {
    (0..8).filter(move |unit| units & bit(*unit) != 0)
}

pub(crate) fn bit(index: u8) -> u8 {
    1 << index
}

pub(crate) fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}
