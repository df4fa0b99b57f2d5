//! The world of a shared lock: an etcd in memory, the units' deputies, and rivals without Juju that want the same lock.
//!
//! What is decided here is decided by the production code: [`Ticket`](ops_coordinator_etcd::Ticket) and
//! [`Validity`](ops_coordinator_etcd::Validity) for the line, `ops_coordinator_juju::shared` for the deputy. This carries
//! it out in virtual time, where requests fail, answers are lost and processes stand still.

mod deputy;
mod place;
mod plan;
mod rival;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use ops_coordinator_core::LockName;
use ops_coordinator_core::invariant::Violation;
use ops_coordinator_etcd::referee::{Act, judge};
use ops_coordinator_juju::SharedLock;
use ops_coordinator_juju::shared::SharedTurn;
use ops_coordinator_lab::simulation::HookContext;

pub use plan::SharedPlan;

use self::deputy::Deputy;
use self::plan::Trouble;
use self::rival::Rival;
use super::bridge::RELATION;
use crate::Bug;
use crate::etcd::Store;

/// What comes next, and for whom. A number that a place no longer has means that it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    /// A deputy looks at what its unit wants.
    Serve(usize),
    /// A deputy's place goes on.
    Step(usize, u64),
    /// A deputy's lease is renewed.
    Renew(usize, u64),
    /// A deputy gives a lease back, until that time.
    GiveBack(usize, i64, u64),
    /// A rival goes on.
    Rival(usize),
    /// A rival's lease is renewed.
    RivalRenew(usize),
    /// Something goes wrong, or is over.
    Trouble(usize),
    /// etcd answers again.
    Answers,
    /// A deputy that stood still goes on.
    Thaw(usize),
    /// A deputy has heard that the key of a turn is gone.
    Gone(usize, u64),
}

/// The processes that are inside, of units and of rivals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Process(u32),
    Rival(usize),
}

#[derive(Debug)]
struct Inside {
    lock: LockName,
    token: i64,
    unit: Option<String>,
    orphan: bool,
}

/// Everything around the shared locks of a run.
#[derive(Debug)]
pub(super) struct Outer {
    plan: SharedPlan,
    bug: Option<Bug>,
    store: Store,
    seen: i64,
    now: u64,
    rng: Rng,
    agenda: BTreeMap<(u64, u64), Job>,
    jobs: u64,
    away: bool,
    deputies: Vec<Deputy>,
    rivals: Vec<Rival>,
    inside: BTreeMap<Whose, Inside>,
    acts: BTreeMap<LockName, Vec<Act>>,
    /// Units whose machine stands still.
    frozen: BTreeSet<String>,
    /// Units that are gone, and their files with them.
    gone: BTreeSet<String>,
    /// How often each unit's machine was booted.
    pub(super) boots: BTreeMap<String, u64>,
    /// Whether the machines tell which processes live.
    tells_processes: bool,
    /// Units that a deputy has run, and their endpoints.
    pub(super) woken: Vec<(String, String)>,
    /// Processes of deputies that have ended.
    pub(super) ended: Vec<u32>,
}

impl Outer {
    pub(super) fn new(
        plan: &SharedPlan,
        seed: u64,
        tells_processes: bool,
        bug: Option<Bug>,
    ) -> Self {
        let mut outer = Self {
            rivals: plan.rivals.iter().map(Rival::new).collect(),
            plan: plan.clone(),
            bug,
            store: Store::default(),
            seen: 0,
            now: 0,
            rng: Rng::with_seed(seed ^ 0x005e_ed0f_e7cd_0000),
            agenda: BTreeMap::new(),
            jobs: 0,
            away: false,
            deputies: Vec::new(),
            inside: BTreeMap::new(),
            acts: BTreeMap::new(),
            frozen: BTreeSet::new(),
            gone: BTreeSet::new(),
            boots: BTreeMap::new(),
            tells_processes,
            woken: Vec::new(),
            ended: Vec::new(),
        };
        for number in 0..plan.rivals.len() {
            outer.at(plan.rivals[number].joins, Job::Rival(number));
        }
        for number in 0..plan.troubles.len() {
            outer.at(plan.troubles[number].0, Job::Trouble(number));
        }
        outer
    }

    fn at(&mut self, at: u64, job: Job) {
        self.jobs += 1;
        self.agenda.insert((at.max(self.now), self.jobs), job);
    }

    fn soon(&mut self, job: Job) {
        let at = self.now + self.rng.u64(1..40);
        self.at(at, job);
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<u64> {
        let next = self.agenda.keys().next().map(|(at, _)| *at);
        next.into_iter().chain(self.store.next_end()).min()
    }

    /// Runs until that time, or until the charm of some unit is to run. Returns the time that it is.
    pub(super) fn run_until(&mut self, until: u64) -> u64 {
        while self.woken.is_empty() {
            let Some(at) = self.next_at().filter(|at| *at <= until) else {
                self.now = self.now.max(until);
                break;
            };
            self.now = self.now.max(at);
            self.store.expire(self.now);
            self.tell();
            if let Some((key, _)) = self.agenda.first_key_value()
                && key.0 <= self.now
                && let Some((_, job)) = self.agenda.pop_first()
            {
                self.work(job);
                self.tell();
            }
        }
        self.now
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Serve(number) => self.serve(number),
            Job::Step(number, place) => self.step(number, place),
            Job::Renew(number, place) => self.renew(number, place),
            Job::GiveBack(number, lease, until) => self.give_back(number, lease, until),
            Job::Rival(number) => self.rival(number),
            Job::RivalRenew(number) => self.renew_rival(number),
            Job::Trouble(number) => self.trouble(number),
            Job::Answers => self.away = false,
            Job::Thaw(number) => self.thaw(number),
            Job::Gone(number, place) => self.is_gone(number, place),
        }
    }

    /// A request to etcd. It may not arrive, or its answer may not.
    fn call<T>(&mut self, request: impl FnOnce(&mut Store, u64) -> T) -> Option<T> {
        if self.away {
            if self.rng.u32(0..4) == 0 {
                let _ = request(&mut self.store, self.now);
            }
            return None;
        }
        Some(request(&mut self.store, self.now))
    }

    /// Whatever has changed in the store reaches those who watch it, and what has gone there ends the promise to those
    /// inside: one that was stopped past its lease, or whose lease has ended early, is told from its successor only by
    /// its token.
    fn tell(&mut self) {
        if self.seen == self.store.revision() {
            return;
        }
        self.seen = self.store.revision();
        let tokens: BTreeSet<i64> = self.store.keys().map(|kv| kv.create_revision).collect();
        for inside in self.inside.values() {
            let unit = inside.unit.as_ref();
            let frozen = unit.is_some_and(|unit| self.frozen.contains(unit));
            let excused = frozen || self.plan.ends_leases;
            if excused && !tokens.contains(&inside.token) {
                let acts = self.acts.entry(inside.lock.clone()).or_default();
                acts.push(Act::Freeze(inside.token));
            }
        }
        self.tell_deputies();
        self.tell_rivals();
    }

    fn trouble(&mut self, number: usize) {
        match self.plan.troubles[number].1.clone() {
            Trouble::Away(time) => {
                self.away = true;
                self.at(self.now + time, Job::Answers);
            }
            Trouble::Cut => self.cut(),
            Trouble::Compact => {
                let _ = self.store.compact(self.store.revision());
            }
            Trouble::EndLease(pick) => {
                let leases: Vec<i64> = self.store.leases().collect();
                if let Some(lease) = leases.get(pick % leases.len().max(1)) {
                    let _ = self.store.revoke(*lease);
                }
            }
            Trouble::Kill(unit) => self.kill_deputies(&unit),
            Trouble::Stop(unit, time) => self.stop_deputies(&unit, time),
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn repair(&mut self) {
        self.away = false;
        self.agenda.retain(|_, job| !matches!(job, Job::Trouble(_)));
        for number in 0..self.deputies.len() {
            self.deputies[number].stopped = false;
            self.thaw(number);
        }
    }

    /// A unit's machine stands still, or goes on.
    pub(super) fn freeze(&mut self, unit: &str, frozen: bool) {
        if frozen {
            self.frozen.insert(unit.to_owned());
        } else if self.frozen.remove(unit) {
            for number in 0..self.deputies.len() {
                self.thaw(number);
            }
        }
    }

    /// Whether a unit sees a relation with etcd, if one is declared.
    pub(super) fn relates(&self, unit: u32, now: u64) -> Option<bool> {
        self.plan.relates(unit, now)
    }

    /// A process begins an operation with this turn.
    pub(super) fn enter(&mut self, process: u32, unit: &str, lock: &LockName, turn: SharedTurn) {
        let inside = Inside {
            lock: lock.clone(),
            token: turn.token,
            unit: Some(unit.to_owned()),
            orphan: false,
        };
        self.go_inside(Whose::Process(process), inside);
    }

    fn go_inside(&mut self, whose: Whose, inside: Inside) {
        let acts = self.acts.entry(inside.lock.clone()).or_default();
        acts.push(Act::Enter(inside.token));
        self.inside.insert(whose, inside);
    }

    /// A process has ended, or its operation has.
    pub(super) fn leave(&mut self, process: u32) {
        self.go_out(&Whose::Process(process));
    }

    fn go_out(&mut self, whose: &Whose) {
        if let Some(inside) = self.inside.remove(whose) {
            let acts = self.acts.entry(inside.lock).or_default();
            acts.push(Act::Leave(inside.token));
        }
    }

    /// A process goes on although its hook is over.
    pub(super) fn orphan(&mut self, process: u32) {
        if let Some(inside) = self.inside.get_mut(&Whose::Process(process)) {
            inside.orphan = true;
        }
    }

    /// The agent of a unit has died, and its hook's processes with it; or the whole machine.
    pub(super) fn end_processes(&mut self, unit: &str, orphans: bool) {
        let own = self.inside.iter().filter(|(_, inside)| {
            inside.unit.as_deref() == Some(unit) && (orphans || !inside.orphan)
        });
        let own: Vec<Whose> = own.map(|(whose, _)| whose.clone()).collect();
        for whose in own {
            self.go_out(&whose);
        }
    }

    /// How much has happened to those inside.
    pub(super) fn progress(&self) -> usize {
        self.acts.values().map(Vec::len).sum()
    }

    /// Whether rivals are left, and what they wait for.
    pub(super) fn is_wanted(&self) -> bool {
        self.rivals.iter().any(|rival| !rival.is_over())
    }

    /// A hook's step has ended: it may have written what the unit wants, and asked for a deputy.
    pub(super) fn hook_stepped(
        &mut self,
        unit: &str,
        clock: u64,
        starts: &[(String, u32)],
        context: &HookContext,
    ) {
        for (endpoint, process) in starts {
            let desk = (unit.to_owned(), endpoint.clone());
            if self.deputies.iter().any(|other| other.sits_at(&desk)) {
                self.ended.push(*process);
                continue;
            }
            self.deputies
                .push(Deputy::new(desk, *process, clock, context.clone()));
            let began = self.now + self.rng.u64(5..300);
            self.at(began, Job::Serve(self.deputies.len() - 1));
        }
        for number in 0..self.deputies.len() {
            let deputy = &self.deputies[number];
            if deputy.is_of(unit) && deputy.began {
                self.soon(Job::Serve(number));
            }
        }
    }

    /// What is wrong with what has happened so far.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let limit = self.plan.limit as usize;
        for (lock, acts) in &self.acts {
            if let Some(found) = judge(limit, &whole_turns(acts)).first() {
                return Err(Violation {
                    invariant: "shared-lock-is-held-in-order-and-by-few",
                    found: format!("{lock}: {found:?}"),
                });
            }
        }
        Ok(())
    }

    /// Whether nobody wants anything in etcd.
    pub(super) fn is_empty(&self) -> bool {
        self.store.keys().next().is_none() && self.store.leases().next().is_none()
    }

    /// Everybody is served: what is left in etcd?
    pub(super) fn check_rest(&mut self) -> Result<(), Violation> {
        // A lease whose owner has died ends by itself.
        let last = self.now + 3 * self.plan.ttl * 1_000;
        while self.now < last && self.next_at().is_some_and(|at| at <= last) {
            self.run_until(last);
            self.woken.clear();
        }
        if self.is_empty() {
            return Ok(());
        }
        let keys = self.store.keys();
        let keys: Vec<_> = keys.map(|kv| String::from_utf8_lossy(&kv.value)).collect();
        Err(Violation {
            invariant: "nothing-is-left-in-etcd",
            found: format!(
                "{} leases, and the keys of {}",
                self.store.leases().count(),
                keys.join(", ")
            ),
        })
    }
}

/// Several attempts may be made in one turn, which lasts from the beginning of the first to the end of the last.
fn whole_turns(acts: &[Act]) -> Vec<Act> {
    let mut last = BTreeMap::new();
    for (place, act) in acts.iter().enumerate() {
        if let Act::Leave(token) = act {
            last.insert(*token, place);
        }
    }
    let mut entered = BTreeMap::new();
    for act in acts {
        if let Act::Enter(token) = act {
            *entered.entry(*token).or_insert(0) += 1;
        }
    }
    let mut begun = BTreeSet::new();
    let mut left: BTreeMap<i64, i32> = BTreeMap::new();
    let whole = acts.iter().enumerate().filter(|(place, act)| match act {
        Act::Enter(token) => begun.insert(*token),
        Act::Leave(token) => {
            let ended = left.entry(*token).or_default();
            *ended += 1;
            // One that is inside again has not left.
            last[token] == *place && *ended == entered[token]
        }
        Act::Freeze(_) => true,
    });
    whole.map(|(_, act)| act.clone()).collect()
}

/// The lock in etcd that goes with the unit's own lock of this number.
pub(super) fn shared_lock(plan: &SharedPlan, number: usize) -> Option<SharedLock> {
    let name = ["db-restart", "db-backup"].get(number)?.parse().ok()?;
    let mut lock = SharedLock::new(name, vec!["etcd".to_owned()]);
    lock.limit = plan.limit;
    lock.ttl = plan.ttl;
    if plan.unrelated.is_some() {
        lock.endpoints.clear();
        lock.relation = Some(RELATION.to_owned());
        lock.optional = true;
        (lock.cert, lock.key) = (Some("me.pem".into()), Some("me.key".into()));
    }
    Some(lock)
}
