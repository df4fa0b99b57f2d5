//! A unit's deputy: what `ops-coordinator deputy` does over connections and files, in virtual time.

use std::collections::BTreeMap;

use ops_coordinator_core::{LockName, Tick};
use ops_coordinator_etcd::Wish as Wanted;
use ops_coordinator_juju::Process;
use ops_coordinator_juju::shared::{Standing, Standings, Vigil, Wish, Wishes};
use ops_coordinator_lab::simulation::HookContext;

use super::place::{Place, Stage, Stepped, millis};
use super::{Job, Outer};
use crate::Bug;

/// The pause before etcd is asked again after it has refused or has not answered, and before a renewal is tried again.
const PAUSE: u64 = 1_000;
const RENEWAL_PAUSE: u64 = 100;
/// How long it is tried to give something back.
const PATIENCE: u64 = 10_000;

/// The deputy of a unit on one of its endpoints.
#[derive(Debug)]
pub(super) struct Deputy {
    unit: String,
    endpoint: String,
    process: u32,
    /// By how much the unit's clock is ahead.
    clock: u64,
    context: HookContext,
    standings: Standings,
    served: BTreeMap<LockName, Served>,
    places: u64,
    leaving: usize,
    /// Whether it has taken its desk.
    pub(super) began: bool,
    alive: bool,
    /// Whether it alone stands still.
    pub(super) stopped: bool,
    /// What it would have done meanwhile.
    held: Vec<Job>,
}

#[derive(Debug)]
struct Served {
    wish: Wish,
    number: u64,
    since: Tick,
    place: Option<Place>,
    vigil: Option<Vigil>,
    announced: bool,
}

impl Deputy {
    pub(super) fn new(
        (unit, endpoint): (String, String),
        process: u32,
        clock: u64,
        context: HookContext,
    ) -> Self {
        Self {
            unit,
            endpoint,
            process,
            clock,
            context,
            standings: Standings::default(),
            served: BTreeMap::new(),
            places: 0,
            leaving: 0,
            began: false,
            alive: true,
            stopped: false,
            held: Vec::new(),
        }
    }

    pub(super) fn is_of(&self, unit: &str) -> bool {
        self.alive && self.unit == unit
    }

    pub(super) fn sits_at(&self, (unit, endpoint): &(String, String)) -> bool {
        self.is_of(unit) && self.endpoint == *endpoint
    }

    fn read<V: serde::de::DeserializeOwned + Default>(&self, file: &str) -> V {
        let disk = self.context.disk();
        let content = disk.get(&format!("{}/{file}", self.endpoint));
        let read = content.and_then(|content| serde_json::from_slice(content).ok());
        read.unwrap_or_default()
    }

    /// Writes how the wishes stand, if the unit's directory is still there.
    fn store(&self) {
        let mut disk = self.context.disk();
        if disk.is_empty() {
            return;
        }
        if let Ok(content) = serde_json::to_vec(&self.standings) {
            disk.insert(format!("{}/deputy.json", self.endpoint), content);
        }
    }

    fn change(&mut self, lock: &LockName, change: impl FnOnce(&mut Standing)) {
        let own = self.standings.locks.entry(lock.clone()).or_default();
        let before = own.clone();
        change(own);
        if *own != before {
            self.store();
        }
    }

    fn begin(&mut self, boot: u64, tells: bool) {
        self.began = true;
        self.standings = self.read("deputy.json");
        let process = Process {
            id: self.process,
            began: 0,
        };
        let process = tells.then_some(process);
        self.standings.take_over(process, Some(boot.to_string()));
        self.store();
    }

    fn wanted(&self, wish: &Wish) -> Wanted {
        Wanted {
            prefix: ops_coordinator_etcd::PREFIX.to_owned(),
            lock: wish.lock.name.clone(),
            limit: wish.lock.limit,
            ttl: std::time::Duration::from_secs(wish.lock.ttl),
            who: self.unit.clone(),
        }
    }

    fn of_number(&mut self, number: u64) -> Option<(LockName, &mut Served)> {
        let mut served = self.served.iter_mut();
        let found = served.find(|(_, one)| one.number == number);
        found.map(|(lock, one)| (lock.clone(), one))
    }
}

impl Outer {
    /// Whether the deputy can do something now. If it stands still, it does this later.
    fn can_work(&mut self, number: usize, job: Job) -> bool {
        let frozen = self.frozen.contains(&self.deputies[number].unit);
        let deputy = &mut self.deputies[number];
        if deputy.alive && (deputy.stopped || frozen) {
            deputy.held.push(job);
            return false;
        }
        deputy.alive
    }

    pub(super) fn thaw(&mut self, number: usize) {
        let deputy = &mut self.deputies[number];
        deputy.stopped = false;
        if self.frozen.contains(&deputy.unit) {
            return;
        }
        for job in std::mem::take(&mut deputy.held) {
            self.at(self.now, job);
        }
    }

    /// Looks at what the unit wants, and begins and ends what is to begin and to end.
    pub(super) fn serve(&mut self, number: usize) {
        if !self.can_work(number, Job::Serve(number)) {
            return;
        }
        let boot = self.boots.get(&self.deputies[number].unit).copied();
        let (now, tells) = (self.now, self.tells_processes);
        let deputy = &mut self.deputies[number];
        if !deputy.began {
            deputy.begin(boot.unwrap_or_default(), tells);
        }
        let wishes: Wishes = if self.gone.contains(&deputy.unit) {
            Wishes::default()
        } else {
            deputy.read("shared.json")
        };
        let served = deputy.served.iter().map(|(lock, one)| (lock, &one.wish));
        let mut leaving = Vec::new();
        for (lock, gives_back) in wishes.over(served) {
            deputy.served.remove(&lock);
            if gives_back && let Some(own) = deputy.standings.locks.remove(&lock) {
                deputy.store();
                deputy.leaving += 1;
                leaving.push(own.lease);
            }
        }
        let mut begun = Vec::new();
        for (lock, wish) in wishes.locks {
            if !deputy.served.contains_key(&lock) {
                deputy.places += 1;
                let served = Served {
                    wish,
                    number: deputy.places,
                    since: Tick(now + deputy.clock),
                    place: None,
                    vigil: None,
                    announced: false,
                };
                deputy.served.insert(lock, served);
                begun.push(deputy.places);
            }
        }
        for lease in leaving {
            self.soon(Job::GiveBack(number, lease, now + PATIENCE));
        }
        for place in begun {
            self.soon(Job::Step(number, place));
        }
        self.end_if_idle(number);
    }

    fn end_if_idle(&mut self, number: usize) {
        let deputy = &mut self.deputies[number];
        if deputy.began && deputy.served.is_empty() && deputy.leaving == 0 {
            deputy.alive = false;
            let file = format!("{}/deputy.json", deputy.endpoint);
            deputy.context.disk().remove(&file);
            self.ended.push(deputy.process);
        }
    }

    pub(super) fn give_back(&mut self, number: usize, lease: i64, until: u64) {
        if !self.can_work(number, Job::GiveBack(number, lease, until)) {
            return;
        }
        let given = self.call(|store, _| store.revoke(lease));
        if given.is_none() && self.now < until {
            return self.at(self.now + PAUSE, Job::GiveBack(number, lease, until));
        }
        self.deputies[number].leaving -= 1;
        self.end_if_idle(number);
    }

    pub(super) fn step(&mut self, number: usize, place: u64) {
        if !self.can_work(number, Job::Step(number, place)) {
            return;
        }
        let draw = self.rng.i64((1 << 32)..i64::MAX);
        let latency = self.rng.u64(1..60);
        let Some((lock, served)) = self.deputies[number].of_number(place) else {
            return;
        };
        let Some(mut own) = served.place.take() else {
            return self.ask(number, place, &lock, draw);
        };
        if matches!(own.stage, Stage::Holding) {
            self.put_back(number, place, own);
            return self.hold(number, place);
        }
        let (now, bug) = (self.now, self.bug);
        let stepped = own.step(now, latency, bug, |request| self.call(request).is_some());
        let (token, stage) = (own.ticket.token(), own.stage.clone());
        let lease = own.ticket.lease();
        self.put_back(number, place, own);
        let deputy = &mut self.deputies[number];
        match (stepped, stage) {
            (Stepped::On(time), Stage::Leased) => {
                let pause = self.pause(number, place);
                self.at(self.now + pause, Job::Renew(number, place));
                self.at(self.now + time, Job::Step(number, place));
            }
            (Stepped::On(time), Stage::Looking(Some(_))) => {
                deputy.change(&lock, |own| own.stands(token));
                self.at(self.now + time, Job::Step(number, place));
            }
            (Stepped::On(time), _) => self.at(self.now + time, Job::Step(number, place)),
            (Stepped::Waits, _) => deputy.change(&lock, |own| own.waits(None)),
            (Stepped::Up, _) => {
                let since = deputy.of_number(place).map(|(_, served)| served.since);
                if let Some((_, served)) = deputy.of_number(place) {
                    served.vigil = since.map(Vigil::new);
                    served.announced = false;
                }
                self.at(self.now, Job::Step(number, place));
            }
            (Stepped::Lost, _) => self.lose(number, place),
            (Stepped::Trouble, stage) => {
                let seq = deputy.of_number(place).map(|(_, one)| one.wish.seq);
                let why = "no answer".to_owned();
                deputy.change(&lock, |own| own.in_trouble(seq.unwrap_or_default(), why));
                if matches!(stage, Stage::Out) {
                    // It may have arrived, and would stand in the way of the next attempt.
                    let _ = self.call(|store, _| store.revoke(lease));
                    if let Some((_, served)) = self.deputies[number].of_number(place) {
                        served.place = None;
                    }
                }
                self.at(self.now + PAUSE, Job::Step(number, place));
            }
        }
    }

    fn put_back(&mut self, number: usize, place: u64, own: Place) {
        if let Some((_, served)) = self.deputies[number].of_number(place) {
            served.place = Some(own);
        }
    }

    fn pause(&mut self, number: usize, place: u64) -> u64 {
        let served = self.deputies[number].of_number(place);
        let pause = served.and_then(|(_, served)| served.place.as_ref().map(Place::pause));
        pause.unwrap_or(PAUSE)
    }

    /// Goes on with a place that is there already, or joins the line.
    fn ask(&mut self, number: usize, place: u64, lock: &LockName, draw: i64) {
        let deputy = &mut self.deputies[number];
        let Some((_, served)) = deputy.of_number(place) else {
            return;
        };
        let wish = served.wish.clone();
        let wanted = deputy.wanted(&wish);
        let own = deputy.standings.locks.get(lock);
        if let Some((lease, token)) = own.and_then(|own| own.place(wish.seq)) {
            let Some(seconds) = self.call(|store, now| store.keep_alive(now, lease)) else {
                let why = "no answer".to_owned();
                self.deputies[number].change(lock, |own| own.in_trouble(wish.seq, why));
                return self.at(self.now + PAUSE, Job::Step(number, place));
            };
            if seconds > 0 {
                let mut resumed = Place::new(wanted, lease);
                resumed.ticket = resumed.ticket.at(token);
                resumed.is_leased(self.now, seconds);
                resumed.stage = Stage::Looking(None);
                let pause = resumed.pause();
                self.put_back(number, place, resumed);
                self.deputies[number].change(lock, |own| own.stands(token));
                self.at(self.now + pause, Job::Renew(number, place));
                return self.soon(Job::Step(number, place));
            }
        }
        let deputy = &mut self.deputies[number];
        deputy.change(lock, |own| own.joins(wish.seq, draw, wanted.ttl));
        self.put_back(number, place, Place::new(wanted, draw));
        self.soon(Job::Step(number, place));
    }

    /// Has the turn until it is gone.
    fn hold(&mut self, number: usize, place: u64) {
        let (now, bug) = (self.now, self.bug);
        let deputy = &mut self.deputies[number];
        let (clock, unit, endpoint) = (deputy.clock, deputy.unit.clone(), deputy.endpoint.clone());
        let Some((lock, served)) = deputy.of_number(place) else {
            return;
        };
        let (Some(own), Some(vigil)) = (&served.place, &mut served.vigil) else {
            return;
        };
        let (ttl, ticket) = (own.ttl, own.ticket.clone());
        let held = bug == Some(Bug::TellsHeldForEver);
        let Some(until) = own.until().or(held.then_some(now)) else {
            return self.lose(number, place);
        };
        let until = if held { now + millis(ttl) } else { until };
        let (clock_now, until) = (Tick(now + clock), Tick(until + clock));
        let note = vigil.note(clock_now, until, ttl);
        let (shared, announced) = (served.wish.lock.clone(), served.announced);
        deputy.change(&lock, |own| own.holds(&shared, until, ttl));
        if note.wakes {
            let wishes: Wishes = deputy.read("shared.json");
            let taken = wishes.locks.get(&lock).and_then(|wish| wish.taken);
            if taken != Some(ticket.token()) {
                self.woken.push((unit, endpoint));
            }
        }
        let mut pause = millis(note.pause).max(1);
        if !announced {
            let told = self.call(|store, _| drop(store.txn(&ticket.announcing())));
            if told.is_none() {
                pause = pause.min(PAUSE);
            } else if let Some((_, served)) = self.deputies[number].of_number(place) {
                served.announced = true;
            }
        }
        self.at(now + pause, Job::Step(number, place));
    }

    /// The lease is gone, and the next request is at the end of the line.
    fn lose(&mut self, number: usize, place: u64) {
        let deputy = &mut self.deputies[number];
        let Some((lock, served)) = deputy.of_number(place) else {
            return;
        };
        // What was to happen to it is over.
        deputy_begins_anew(served, &mut self.jobs);
        let anew = served.number;
        deputy.change(&lock, Standing::is_lost);
        self.soon(Job::Step(number, anew));
    }

    pub(super) fn renew(&mut self, number: usize, place: u64) {
        if !self.can_work(number, Job::Renew(number, place)) {
            return;
        }
        let Some((_, served)) = self.deputies[number].of_number(place) else {
            return;
        };
        let Some(lease) = served.place.as_ref().map(|own| own.ticket.lease()) else {
            return;
        };
        let answer = self.call(|store, now| store.keep_alive(now, lease));
        let (now, never_ends) = (self.now, self.bug == Some(Bug::TellsHeldForEver));
        let Some(seconds) = answer else {
            return self.at(now + RENEWAL_PAUSE, Job::Renew(number, place));
        };
        let Some((_, served)) = self.deputies[number].of_number(place) else {
            return;
        };
        let Some(own) = served.place.as_mut() else {
            return;
        };
        let pause = own.pause();
        if own.renewed(now, seconds) || never_ends {
            self.at(now + pause, Job::Renew(number, place));
        } else {
            self.lose(number, place);
        }
    }

    /// Tells the deputies of what they watch.
    pub(super) fn tell_deputies(&mut self) {
        let mut told = Vec::new();
        for (number, deputy) in self.deputies.iter_mut().enumerate() {
            if !deputy.alive {
                continue;
            }
            for served in deputy.served.values_mut() {
                let Some(own) = served.place.as_mut() else {
                    continue;
                };
                if own.hears(&self.store) {
                    if matches!(own.stage, Stage::Holding) {
                        if self.bug == Some(Bug::TellsHeldForEver) || self.away {
                            continue;
                        }
                        told.push((number, served.number, true));
                    } else {
                        told.push((number, served.number, false));
                    }
                }
            }
        }
        for (number, place, gone) in told {
            if gone {
                self.soon(Job::Gone(number, place));
            } else {
                self.soon(Job::Step(number, place));
            }
        }
    }

    /// Whoever holds has heard that its key is gone: it looks whether that is so.
    pub(super) fn is_gone(&mut self, number: usize, place: u64) {
        if !self.can_work(number, Job::Gone(number, place)) {
            return;
        }
        let Some((_, served)) = self.deputies[number].of_number(place) else {
            return;
        };
        let Some(ticket) = served.place.as_ref().map(|own| own.ticket.clone()) else {
            return;
        };
        let there = self.call(|store, _| {
            let answer = store.range(&ticket.looking_at_itself());
            ticket.is_there(&answer)
        });
        let now = self.now;
        if there == Some(false)
            && let Some((_, served)) = self.deputies[number].of_number(place)
            && let Some(own) = served.place.as_mut()
        {
            own.renewed(now, 0);
            self.lose(number, place);
        }
    }

    pub(super) fn cut(&mut self) {
        let mut cut = Vec::new();
        for (number, deputy) in self.deputies.iter_mut().enumerate() {
            for served in deputy.served.values_mut() {
                if served.place.as_mut().is_some_and(Place::is_cut) {
                    cut.push((number, served.number));
                }
            }
        }
        for (number, place) in cut {
            self.soon(Job::Step(number, place));
        }
        self.cut_rivals();
    }

    /// A unit's deputies are killed: their leases are left to those who come after them.
    pub(in super::super) fn kill_deputies(&mut self, unit: &str) {
        for deputy in &mut self.deputies {
            if deputy.is_of(unit) {
                deputy.alive = false;
                self.ended.push(deputy.process);
            }
        }
    }

    pub(super) fn stop_deputies(&mut self, unit: &str, time: u64) {
        for number in 0..self.deputies.len() {
            if self.deputies[number].is_of(unit) {
                self.deputies[number].stopped = true;
                self.at(self.now + time, Job::Thaw(number));
            }
        }
    }

    /// What the unit had on its disk is gone, or the unit itself.
    pub(in super::super) fn files_gone(&mut self, unit: &str, for_ever: bool) {
        if for_ever {
            self.gone.insert(unit.to_owned());
        }
        for number in 0..self.deputies.len() {
            if self.deputies[number].is_of(unit) {
                self.soon(Job::Serve(number));
            }
        }
    }
}

fn deputy_begins_anew(served: &mut Served, jobs: &mut u64) {
    *jobs += 1;
    // Numbers of places are small.
    served.number = (1 << 32) + *jobs;
    served.place = None;
    served.vigil = None;
}
