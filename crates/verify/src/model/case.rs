//! The applications to check, and what may happen to them.

use ops_coordinator_core::LockName;
use ops_coordinator_core::journal::Journal;
use ops_coordinator_core::policy::{Limit, Rules};
use ops_coordinator_core::wire::{UnitRecord, encode_record};

use ops_coordinator_juju::SharedLock;

use super::state::{LOCKS, Left, Life, State, UNITS, Unit, bit};
use super::step::incarnation;
use super::text::Text;
use crate::charm::ENDPOINT;
use crate::{Bug, Charm};

/// An application and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one application"
)]
pub struct Case {
    /// What it is about.
    pub name: &'static str,
    /// The number of units, two or three.
    pub units: u8,
    /// How many locks the charm has, one or two.
    pub locks: u8,
    /// How many units may be inside.
    pub limit: u32,
    /// How many may be unavailable, for whatever reason, when one joins the line; `None` if the charm does not tell.
    pub max_unavailable: Option<u32>,
    /// How many entries the line has behind them.
    pub lookahead: u32,
    /// How often each unit asks.
    pub requests: [u8; UNITS],
    /// Whether a unit may make a request while its operation runs.
    pub asks_while_running: bool,
    /// How often, at most, a recreated unit makes a request.
    pub reborn_requests: u8,
    /// Whether Juju sends the leader an event for its own line.
    pub hears_own_line: bool,
    /// In how many ways a unit that waits for several others chooses which one to read.
    pub rotations: u8,
    /// Whether units keep from hook to hook what they could do without: a leader's roster, and what a session carries over.
    /// Without it, each hook begins as after the loss of these files.
    pub remembers: bool,
    /// Whether the last unit has not yet met the others at the start.
    pub latecomer: bool,
    /// Whether each unit's first hook is the one in which the relation is created, where it publishes its life. Those of
    /// the start have had it. Without it, others know a unit only once it has asked for something.
    pub introduced: bool,
    /// For how many reasons an operator rolls all units.
    pub reasons: u8,
    /// Whether the action that rolls all units fills the line, or leaves it to the leader's next hook.
    pub fills: bool,
    /// Whether an operation has a check, which must hold before its turn is over.
    pub checks: bool,
    /// Whether a unit expects a campaign instead of asking. Then a unit's clock moves on when a waker runs its hook, each
    /// time by as long as a unit has patience.
    pub announces: bool,
    /// Whether an operation needs a shared lock as well.
    pub shares: bool,
    /// What may go wrong.
    pub faults: Faults,
    /// `all-ends-well` is checked from one in this many states.
    pub healed_one_in: u64,
    /// The pinned number of states, if any: a different number means that something in the protocol has
    /// changed.
    pub states: usize,
}

/// How often each fault may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// A hook or an operation fails.
    pub fail: u8,
    /// The agent dies, with or without the hook's commit.
    pub kill: u8,
    /// A leader's hook takes a long time.
    pub slow: u8,
    /// Leadership changes.
    pub leader: u8,
    /// A unit is removed.
    pub remove: u8,
    /// A unit is created under the name of one that is gone.
    pub rebirth: u8,
    /// A unit's disk is lost.
    pub disk: u8,
    /// An operator cancels a request.
    pub cancel: u8,
    /// An operator skips a request.
    pub skip: u8,
    /// An operator pauses every lock; the pause always ends.
    pub pause: u8,
    /// An operation fails and stops, or the turn passes on; whoever has stopped is always permitted to retry.
    pub stop: u8,
    /// An operator lowers the limit to one, or raises it again.
    pub limit: u8,
    /// An operator rolls all units.
    pub roll: u8,
    /// An operator ends a campaign.
    pub abort: u8,
    /// A unit that a campaign calls has nothing to do, and passes.
    pub pass: u8,
    /// A unit looks at its check and finds that it does not hold.
    pub check: u8,
    /// A unit becomes unavailable. If it waits for a turn, nothing but that makes it available again.
    pub ail: u8,
    /// Somebody else joins the line of the shared lock.
    pub rival: u8,
    /// The lease of a unit's place in the line of the shared lock ends.
    pub lease: u8,
}

impl Case {
    pub(crate) fn charm(&self, bug: Option<Bug>) -> Charm {
        let locks = ["restart", "backup"]
            .iter()
            .take(LOCKS.min(self.locks.into()));
        Charm {
            locks: locks
                .filter_map(|name| name.parse::<LockName>().ok())
                .collect(),
            homes: vec![ENDPOINT; LOCKS],
            shared: self.shares.then(shared_lock).into_iter().collect(),
            policy: Rules {
                limit: Limit::new(self.limit).unwrap_or_default(),
                max_unavailable: self.max_unavailable.and_then(Limit::new),
                lookahead: self.lookahead,
                ..Rules::default()
            },
            bug,
        }
    }

    pub(crate) fn start(&self) -> State {
        let everybody = bit(self.units) - 1;
        let mut units: [Unit; UNITS] = Default::default();
        for (index, unit) in (0..self.units).zip(&mut units) {
            *unit = Unit {
                life: Life::Alive,
                members: everybody & !bit(index),
                uncached: everybody,
                requests: self.requests[usize::from(index)],
                ..Unit::default()
            };
            if self.introduced {
                introduce(index, unit);
            }
        }
        if self.latecomer {
            let last = self.units - 1;
            let unit = &mut units[usize::from(last)];
            unit.news.joined = std::mem::take(&mut unit.members);
        }
        let Faults {
            fail,
            kill,
            slow,
            leader,
            remove,
            rebirth,
            disk,
            cancel,
            skip,
            pause,
            stop,
            limit,
            roll,
            abort,
            pass,
            check,
            ail,
            rival,
            lease,
        } = self.faults;
        State {
            leader: Some(0),
            units,
            left: Left {
                fail,
                kill,
                slow,
                leader,
                remove,
                rebirth,
                disk,
                cancel,
                skip,
                pause,
                stop,
                limit,
                roll,
                abort,
                pass,
                check,
                ail,
                rival,
                lease,
            },
            ..State::default()
        }
    }
}

fn shared_lock() -> SharedLock {
    let name = "all-restarts".parse();
    let name = name.unwrap_or_else(|_| unreachable!("a valid lock name"));
    SharedLock::new(name, vec!["etcd".to_owned()])
}

/// What a unit has left in its bag and on its disk in the hook in which the relation was created.
fn introduce(index: u8, unit: &mut Unit) {
    let life = incarnation(index, unit.generation);
    let journal = Journal {
        incarnation: Some(life.clone()),
        ..Journal::default()
    };
    let journal = serde_json::to_string(&journal).unwrap_or_default();
    unit.journal = Text::new(&journal);
    unit.bag = Text::new(&encode_record(&UnitRecord::new(life)));
}
