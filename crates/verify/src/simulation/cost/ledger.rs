//! What is counted.

use std::collections::BTreeMap;

use ops_coordinator_core::LockName;
use ops_coordinator_core::wire::{Reading, UnitRecord, decode_record};
use ops_coordinator_lab::{Dispatch, UnitName, What};

use super::super::bridge::Wish;

/// Why Juju ran a hook. A hook that tells of several things at once counts as the one that stands first here: no
/// protocol over relation data avoids those of a finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A unit has published that it is done.
    Finish,
    /// The leader has written the line.
    Line,
    /// A unit has published a request.
    Request,
    /// The waker's command, or the visit that it runs.
    Waker,
    /// Anything else: another change of a record, a hook of Juju's own.
    Other,
}

impl Cause {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [
        Self::Finish,
        Self::Line,
        Self::Request,
        Self::Waker,
        Self::Other,
    ];

    /// The cause in a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finish => "finish",
            Self::Line => "line write",
            Self::Request => "request",
            Self::Waker => "waker",
            Self::Other => "other",
        }
    }
}

/// Some hooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hooks {
    /// How many.
    pub hooks: u64,
    /// How many of them had nothing to do: no operation, nothing written, no waker started.
    pub quiet: u64,
    /// How many calls of hook tools they made for the coordination.
    pub calls: u64,
}

impl Hooks {
    fn count(&mut self, hook: &Report) {
        self.hooks += 1;
        self.quiet += u64::from(hook.is_quiet());
        self.calls += hook.calls;
    }

    fn add(&mut self, other: &Self) {
        self.hooks += other.hooks;
        self.quiet += other.quiet;
        self.calls += other.calls;
    }
}

/// What a run of restarts has cost, all of them together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// How many operations were run.
    pub restarts: u64,
    /// How often the line was written, in whatever hook.
    pub line_writes: u64,
    /// The hooks that the coordination has caused.
    pub causes: BTreeMap<Cause, Hooks>,
    /// The `config-changed` in which the units asked, or the action that rolls them. They run anyway.
    pub asking: Hooks,
    /// Quiet hooks of units that do not lead.
    pub quiet_follower: Hooks,
    /// Quiet hooks of the leader.
    pub quiet_leader: Hooks,
}

impl Cost {
    /// The hooks that the coordination has caused, all together.
    pub fn hooks(&self) -> Hooks {
        let mut all = Hooks::default();
        self.causes.values().for_each(|hooks| all.add(hooks));
        all
    }

    /// Adds what another run has cost.
    pub fn add(&mut self, other: &Self) {
        self.restarts += other.restarts;
        self.line_writes += other.line_writes;
        for (cause, hooks) in &other.causes {
            self.causes.entry(*cause).or_default().add(hooks);
        }
        self.asking.add(&other.asking);
        self.quiet_follower.add(&other.quiet_follower);
        self.quiet_leader.add(&other.quiet_leader);
    }
}

/// What a hook has done, when it ends.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one hook"
)]
pub(super) struct Report {
    pub(super) calls: u64,
    pub(super) operated: bool,
    pub(super) wished: bool,
    pub(super) leads: bool,
    /// What it has written into the unit's bag.
    pub(super) record: Option<String>,
    /// Whether it has written the line.
    pub(super) line: bool,
}

impl Report {
    fn is_quiet(&self) -> bool {
        !self.operated && !self.wished && !self.line && self.record.is_none()
    }
}

/// What the wakers must hear.
#[derive(Debug)]
pub(super) enum Note {
    /// A hook has a wish.
    Wish(UnitName, Wish),
    /// A hook has ended, or a command.
    Ended { unit: UnitName, command: bool },
    /// A hook has failed.
    Failed(UnitName, String),
}

/// What a reader has not yet been told of a writer's record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct News {
    finish: bool,
    request: bool,
}

/// The books of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) cost: Cost,
    pub(super) notes: Vec<Note>,
    is_open: bool,
    processes: u32,
    records: Vec<Option<UnitRecord>>,
    /// For each reader, for each writer. Watchers are not delayed here, so a hook tells of all that is public.
    news: Vec<Vec<News>>,
}

impl Ledger {
    pub(super) fn new(units: u32) -> Self {
        let units = units as usize;
        Self {
            cost: Cost::default(),
            notes: Vec::new(),
            is_open: false,
            processes: 0,
            records: vec![None; units],
            news: vec![vec![News::default(); units]; units],
        }
    }

    /// Counts from here on; units ask from here on.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) fn next_process(&mut self) -> u32 {
        self.processes += 1;
        self.processes
    }

    /// Why a hook runs that begins now; none if it runs because units are to ask.
    pub(super) fn cause(&mut self, hook: &Dispatch) -> Option<Cause> {
        if matches!(hook.what, What::Exec { .. }) {
            return Some(Cause::Waker);
        }
        if hook.name == "config-changed" || matches!(hook.what, What::Action { .. }) {
            return None;
        }
        if !hook.name.ends_with("-relation-changed") {
            return Some(Cause::Other);
        }
        let remote = hook.env.get("JUJU_REMOTE_UNIT").map_or("", String::as_str);
        let Ok(writer) = remote.parse::<UnitName>() else {
            return Some(Cause::Line);
        };
        let row = &mut self.news[hook.unit.number() as usize];
        Some(match std::mem::take(&mut row[writer.number() as usize]) {
            News { finish: true, .. } => Cause::Finish,
            News { request: true, .. } => Cause::Request,
            _ => Cause::Other,
        })
    }

    /// A hook ends well, and what it has written is public.
    pub(super) fn end(&mut self, unit: &UnitName, cause: Option<Cause>, report: &Report) {
        if let Some(value) = &report.record {
            self.publish(unit.number() as usize, value);
        }
        if !self.is_open {
            return;
        }
        self.cost.restarts += u64::from(report.operated);
        self.cost.line_writes += u64::from(report.line);
        let Some(cause) = cause else {
            self.cost.asking.count(report);
            return;
        };
        self.cost.causes.entry(cause).or_default().count(report);
        if report.is_quiet() {
            let quiet = if report.leads {
                &mut self.cost.quiet_leader
            } else {
                &mut self.cost.quiet_follower
            };
            quiet.count(report);
        }
    }

    fn publish(&mut self, writer: usize, value: &str) {
        let Reading::Good(new) = decode_record(Some(value)) else {
            return;
        };
        let old = self.records[writer].replace(new.clone());
        let of = |record: Option<&UnitRecord>, lock: &LockName| {
            let lock = record.and_then(|record| record.locks.get(lock));
            lock.map_or((0, 0), |lock| (lock.seq, lock.done))
        };
        for lock in new.locks.keys() {
            let (before, after) = (of(old.as_ref(), lock), of(Some(&new), lock));
            for row in &mut self.news {
                row[writer].request |= after.0 > before.0;
                row[writer].finish |= after.1 > before.1;
            }
        }
    }
}
