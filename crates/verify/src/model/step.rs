//! One step of one hook through the production code, computed once for each distinct reading.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, RwLock};

use ops_coordinator_core::engine::PATIENCE;
use ops_coordinator_core::policy::Limit;
use ops_coordinator_core::{Check, Incarnation, OnFailure, Recovery};
use ops_coordinator_juju::{Availability, Environment, Gate};

use super::bags::Bags;
use super::case::Case;
use super::state::{Broken, Event, Seat, UNITS};
use super::text::Text;
use crate::charm::ENDPOINT;
use crate::{Aftercare, Charm, Started, Visit, Will};

/// All that a step can read, and so all that it can depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one hook"
)]
pub(crate) struct Call {
    pub(crate) unit: u8,
    pub(crate) generation: u8,
    pub(crate) event: Event,
    pub(crate) deed: Deed,
    pub(crate) journal: Text,
    pub(crate) session: Text,
    pub(crate) roster: Text,
    /// Which of two contexts the hook has.
    pub(crate) odd: bool,
    /// What this hook has written so far.
    pub(crate) own: Text,
    pub(crate) written_line: Text,
    pub(crate) line: Text,
    pub(crate) leads: bool,
    /// The units' bags as this unit reads them now, its own included.
    pub(crate) bags: [Text; UNITS],
    pub(crate) members: u8,
    /// The units that the controller knows.
    pub(crate) known: u8,
    pub(crate) dying: bool,
    pub(crate) slow: bool,
    pub(crate) failed_before: bool,
    /// Whether the operator has set the limit to one.
    pub(crate) lowered: bool,
    /// Whether the unit is unavailable.
    pub(crate) ails: bool,
    /// What the unit wants in etcd.
    pub(crate) wishes: Text,
    /// Its place in the line there.
    pub(crate) seat: Option<Seat>,
    /// How often a waker of this unit has slept.
    pub(crate) slept: u8,
    /// Which of several units a waiting unit reads where nothing tells it.
    pub(crate) rotation: u8,
}

/// What the charm does in the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// The first step of the hook.
    Begin,
    /// The same, while its check does not hold.
    BeginUnwell,
    /// It asks for another turn in the middle of an operation.
    Ask(u8),
    /// It ends the running operation, and continues.
    Proceed(Option<u8>),
    /// The same, and its check does not hold.
    ProceedUnwell(Option<u8>),
    /// The operation fails, and the hook with it.
    Fail(u8),
    /// The operation fails, and the hook goes on.
    FailAndGoOn(u8, OnFailure),
}

/// What a step left.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The journal, as often as it was written, and what the unit wanted in etcd then.
    pub(crate) journals: Vec<(Text, Text)>,
    pub(crate) wishes: Text,
    pub(crate) session: Text,
    pub(crate) roster: Text,
    pub(crate) own: Text,
    pub(crate) line: Text,
    /// Whose bags were read.
    pub(crate) read: u8,
    pub(crate) woke: bool,
    pub(crate) woke_later: bool,
    pub(crate) started: Option<(u8, u8)>,
    pub(crate) interrupted: bool,
    /// Locks in whose campaign the charm has passed, one bit each.
    pub(crate) passed: u8,
    pub(crate) error: Option<Broken>,
}

const SHARDS: usize = 64;

/// The steps that were computed.
pub(crate) struct Steps {
    charm: Charm,
    fills: bool,
    checks: bool,
    announces: bool,
    hasher: RandomState,
    shards: Vec<RwLock<HashMap<Call, Arc<Reply>>>>,
}

impl Steps {
    pub(crate) fn new(charm: Charm, case: &Case) -> Self {
        Self {
            charm,
            fills: case.fills,
            checks: case.checks,
            announces: case.announces,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
        }
    }

    pub(crate) fn computed(&self) -> usize {
        let sizes = self
            .shards
            .iter()
            .map(|shard| shard.read().map_or(0, |map| map.len()));
        sizes.sum()
    }

    pub(crate) fn run(&self, call: &Call) -> Arc<Reply> {
        let index = self.hasher.hash_one(call);
        #[expect(clippy::cast_possible_truncation, reason = "any shard will do")]
        let shard = &self.shards[index as usize % SHARDS];
        if let Ok(map) = shard.read()
            && let Some(reply) = map.get(call)
        {
            return Arc::clone(reply);
        }
        let reply = Arc::new(self.compute(call));
        if let Ok(mut map) = shard.write() {
            map.insert(*call, Arc::clone(&reply));
        }
        reply
    }

    fn availability(&self, call: &Call) -> Availability {
        match (self.charm.policy.max_unavailable.is_some(), call.ails) {
            (false, _) => Availability::Untold,
            (true, false) => Availability::Available,
            (true, true) => Availability::Unavailable("no answer".to_owned()),
        }
    }

    fn compute(&self, call: &Call) -> Reply {
        let patience = if self.announces { PATIENCE } else { 0 };
        let Charm { locks, shared, .. } = &self.charm;
        let shared = locks.iter().cloned().zip(shared.iter().cloned()).next();
        let bags = Rc::new(Bags::new(*call, patience, shared));
        bags.own.set(call.own);
        bags.line.set(call.written_line);
        let visit = Visit {
            environment: environment(call),
            transport: bags.clone(),
            machine: bags.clone(),
            failed_before: call.failed_before,
            orphan: false,
            gate: Gate::Open,
            aftercare: self.checks.then(|| aftercare(call.deed.is_well())),
            availability: self.availability(call),
            deliberation: None,
        };
        let configured = call.event == Event::Config;
        let will = Will {
            asks: configured && !self.announces,
            expects: (configured && self.announces).then_some("keys"),
            cancels: match call.event {
                Event::Cancel(unit) => format!("app/{unit}").parse().ok(),
                _ => None,
            },
            instruction: call.event.instruction(),
            rolls: call.event.reason(),
            fills: self.fills,
            limit: call.lowered.then_some(Limit::ONE),
            ..Will::WILLING
        };
        let mut passed = 0;
        let step = || match call.deed {
            Deed::Begin | Deed::BeginUnwell if call.event == Event::Pass => {
                passed = self.charm.pass(&visit)?;
                self.charm.begin(&visit, &will)
            }
            Deed::Begin | Deed::BeginUnwell => self.charm.begin(&visit, &will),
            Deed::Ask(lock) => self.charm.ask(&visit, lock.into()).map(|()| None),
            Deed::Proceed(running) | Deed::ProceedUnwell(running) => {
                self.charm.proceed(&visit, running.map(usize::from), &will)
            }
            Deed::Fail(lock) => self.charm.fail(&visit, lock.into()).map(|()| None),
            Deed::FailAndGoOn(lock, then) => {
                let lock = lock.into();
                self.charm.proceed_after_failure(&visit, lock, then, &will)
            }
        };
        // The production code asserts its own invariants in a build with debug assertions.
        let (started, error) = match catch_unwind(AssertUnwindSafe(step)) {
            Ok(Ok(started)) => (started, None),
            Ok(Err(_)) => (None, Some(Broken::NoHookErrors)),
            Err(_) => (None, Some(Broken::AssertionsHold)),
        };
        Reply {
            journals: bags.journals.take(),
            wishes: bags.wishes.get(),
            session: bags.session.get(),
            roster: bags.roster.get(),
            own: bags.own.get(),
            line: bags.line.get(),
            read: bags.read.get(),
            woke: bags.woke.get(),
            woke_later: bags.later.get(),
            interrupted: started.as_ref().is_some_and(|started| started.attempt > 1),
            started: started.as_ref().map(numbers),
            passed,
            error,
        }
    }
}

impl Deed {
    /// Whether a check holds in this step.
    fn is_well(self) -> bool {
        !matches!(self, Self::BeginUnwell | Self::ProceedUnwell(_))
    }
}

/// A check that may fail for ever, and is over as soon as it holds: there is no time here.
fn aftercare(holds: bool) -> Aftercare {
    Aftercare {
        check: Check {
            soak: 0,
            within: u64::MAX,
        },
        recovery: Recovery::default(),
        holds: Rc::new(move |_| holds),
    }
}

fn numbers(started: &Started) -> (u8, u8) {
    let small = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    (small(started.lock as u64), small(started.ticket.seq))
}

/// The incarnation of a unit's generation, as [`Bags`] draws it.
pub(crate) fn incarnation(unit: u8, generation: u8) -> Incarnation {
    Incarnation::on_endpoint(ENDPOINT, u32::from(unit) * 16 + u32::from(generation))
}

fn environment(call: &Call) -> Environment {
    let (about, relation) = match call.event {
        Event::Changed(unit) | Event::Joined(unit) | Event::Departed(unit) => (Some(unit), true),
        Event::Line | Event::Created => (None, true),
        _ => (None, false),
    };
    let created = || "coordinator-relation-created".to_owned();
    let departing = match call.event {
        Event::Departed(_) if call.dying => Some(call.unit),
        Event::Departed(unit) => Some(unit),
        _ => None,
    };
    let name = |unit: u8| format!("app/{unit}").parse().ok();
    Environment {
        unit: name(call.unit).unwrap_or_else(|| unreachable!("app/N is a unit's name")),
        context: if call.odd { "odd hook" } else { "hook" }.to_owned(),
        hook: (call.event == Event::Created).then(created),
        charm_dir: "/nowhere".into(),
        relation: relation.then(|| ops_coordinator_juju::RelationId::new("coordinator:0")),
        remote_unit: about.and_then(name),
        departing_unit: departing.and_then(name),
        zone: None,
        model: None,
        // The waker says so of its own hook, for it sees to that.
        will_be_retried: !call.event.is_action(),
        peers: std::collections::BTreeSet::new(),
    }
}
