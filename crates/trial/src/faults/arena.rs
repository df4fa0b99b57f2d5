//! A cluster, and what goes wrong with it.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Report;
use super::history::History;
use super::log::Log;
use super::means::Means;
use super::plan::{Kind, Plan, Side, Strike};
use super::space::{self, QUOTA};
use super::verdict::{leftovers, verdict};
use super::worker::Workers;
use crate::metrics::version;
use crate::{Cluster, Proxy, Way, disk, signal};

/// How long everybody may take once nothing is wrong any more.
const HEALED: Duration = Duration::from_secs(60);
/// How long a member that was replaced may take to answer.
const REPLACED: Duration = Duration::from_secs(10);

/// A cluster of three, with a proxy before each member for its clients, and one for the other members.
#[derive(Debug)]
pub struct Arena {
    cluster: Cluster,
    proxies: Vec<Proxy>,
    small_disks: bool,
    /// Whether a member is gone for good, or is of another version by now.
    spent: bool,
    /// Whether the database may be full.
    flooded: bool,
    /// Members that have ended by themselves in this run.
    died: usize,
}

impl Arena {
    /// Starts the cluster, as plans of this kind need it. Another kind of plan brings another cluster.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn open(kind: Kind) -> Self {
        let small_disks = kind == Kind::Disk;
        let cluster = Cluster::fragile(3, QUOTA, small_disks);
        let proxies = cluster.ports().into_iter().map(Proxy::to).collect();
        Self {
            cluster,
            proxies,
            small_disks,
            spent: false,
            flooded: false,
            died: 0,
        }
    }

    /// Carries out a plan with this command, and judges it.
    ///
    /// # Panics
    /// When the machine does not do its part; see [`Means::lacks`].
    pub fn play(&mut self, plan: &Plan, command: &Path) -> Report {
        if self.spent || self.small_disks != (plan.kind == Kind::Disk) {
            *self = Self::open(plan.kind);
        }
        self.died = 0;
        let log = Log::create(&self.cluster.directory().join(format!("run-{}", plan.seed)));
        let ports = self.proxies.iter().map(Proxy::port).collect();
        let workers = Workers::new(command, plan, log, ports);
        space::forget(&self.cluster);
        let mut history = History::begin(&self.cluster, &workers.prefix);
        let mut stuck = false;
        thread::scope(|scope| {
            for worker in 0..plan.workers.len() {
                let workers = &workers;
                scope.spawn(move || workers.work(worker));
            }
            self.strike(plan, &workers.log, &mut history);
            let healed = Instant::now();
            while workers.left.load(Ordering::Relaxed) > 0 && healed.elapsed() < HEALED {
                thread::sleep(Duration::from_millis(20));
            }
            stuck = workers.left.load(Ordering::Relaxed) > 0;
            workers.over.store(true, Ordering::Relaxed);
        });
        let left = leftovers(&self.cluster, &workers.prefix, plan.ttl);
        let mut report = verdict(&workers, history.end(&self.cluster));
        report.violations.extend(left);
        if stuck {
            let still = format!(
                "not everybody had their turns {} s after all was well",
                HEALED.as_secs()
            );
            report.violations.push(still);
        }
        report.died = self.died;
        let ports = self.cluster.ports().into_iter();
        report.versions = ports.filter_map(|port| version(port).ok()).collect();
        self.spent |= !report.violations.is_empty();
        report
    }

    fn strike(&mut self, plan: &Plan, log: &Log, history: &mut History) {
        let begun = Instant::now();
        let mut frozen = Vec::new();
        for (at, strike) in &plan.strikes {
            thread::sleep(at.saturating_sub(begun.elapsed()));
            match *strike {
                Strike::Kill(member, true) => self.cluster.kill_member(member),
                Strike::Kill(member, false) => self.revive(member),
                Strike::Freeze(member, on) => self.cluster.freeze_member(member, on),
                Strike::Lose(member) => {
                    self.spent = true;
                    self.cluster.lose_member(member);
                }
                Strike::FreezeHolder { whole, long } => {
                    frozen.extend(freeze_holder(log, whole, long));
                }
                Strike::ThawHolders => frozen.drain(..).for_each(thaw),
                Strike::KillHolder => kill_holder(log),
                Strike::Cut(member) => self.proxies[member].cut(),
                Strike::Refuse(member, on) => self.proxies[member].refuse(on),
                Strike::Silence(member, on) => self.proxies[member].hold(on),
                Strike::OneWay(member, side, on) => self.silence(member, side, on),
                Strike::Delay(member, time) => self.proxies[member].delay(time),
                Strike::Flood => {
                    self.flooded = true;
                    // If the cluster is away just then, nothing comes of it.
                    let _ = space::flood(&self.cluster, QUOTA);
                }
                Strike::Drain => {
                    // A member that is behind may fill its database again, so this is not the last time.
                    let _ = space::drain(&self.cluster, history);
                }
                Strike::FillDisk(member, true) => {
                    disk::fill(&self.cluster.files(member));
                    space::press(&self.cluster);
                }
                Strike::FillDisk(member, false) => self.empty_disk(member),
                Strike::Upgrade { member, patient } => self.upgrade(member, patient),
            }
        }
        // Strikes that overlap may end each other early; in the end all is well.
        frozen.drain(..).for_each(thaw);
        self.heal(history);
    }

    fn heal(&mut self, history: &mut History) {
        for (member, proxy) in self.proxies.iter().enumerate() {
            proxy.refuse(false);
            proxy.hold(false);
            proxy.delay(0);
            self.cluster.freeze_member(member, false);
            for side in [Side::ToMembers, Side::FromMembers] {
                self.silence(member, side, false);
            }
        }
        for member in 0..self.cluster.len() {
            self.empty_disk(member);
            self.revive(member);
        }
        let since = Instant::now();
        let answers = |member| self.cluster.member_answers(member);
        let there = (0..self.cluster.len()).filter(|member| self.cluster.has_files(*member));
        // Until nobody is behind.
        while self.flooded && since.elapsed() < HEALED && !there.clone().all(answers) {}
        while self.flooded {
            let drained = space::drain(&self.cluster, history);
            self.flooded = drained.is_err();
            assert!(
                since.elapsed() < HEALED,
                "the database stays full: {drained:?}"
            );
        }
    }

    fn revive(&mut self, member: usize) {
        if !self.cluster.runs(member) && self.cluster.has_files(member) {
            self.cluster.start_member(member);
        }
    }

    fn silence(&self, member: usize, side: Side, on: bool) {
        let others = (0..self.cluster.len()).filter(|other| *other != member);
        match (side, self.cluster.peers()) {
            (Side::ToMembers, Some(peers)) => {
                others.for_each(|other| peers.silence(member, other, on));
            }
            (Side::FromMembers, Some(peers)) => {
                others.for_each(|other| peers.silence(other, member, on));
            }
            (Side::ToClients, _) => self.proxies[member].silence(Way::Back, on),
            (Side::FromClients, _) => self.proxies[member].silence(Way::Out, on),
            (_, None) => {}
        }
    }

    /// Makes room on a member's disk, and starts it if it has ended.
    fn empty_disk(&mut self, member: usize) {
        if self.small_disks {
            disk::empty(&self.cluster.files(member));
        }
        if self.cluster.has_ended(member) {
            self.died += 1;
            self.cluster.kill_member(member);
            self.revive(member);
        }
    }

    fn upgrade(&mut self, member: usize, patient: bool) {
        let next = Means::get()
            .next()
            .expect("`Means::lacks` said that there is one");
        self.spent = true;
        if !self.cluster.has_files(member) {
            return;
        }
        self.cluster.replace_member(member, next);
        let since = Instant::now();
        while patient && !self.cluster.member_answers(member) && since.elapsed() < REPLACED {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Stops one that is inside; returns the processes to let go on.
fn freeze_holder(log: &Log, whole: bool, long: bool) -> Vec<u32> {
    let Some(&(token, holder, command)) = log.inside().first() else {
        return Vec::new();
    };
    if long {
        log.add(&format!("freeze {token}"));
    }
    let mut processes = vec![holder];
    processes.extend(whole.then_some(command));
    for process in &processes {
        signal(*process, Signal::STOP);
    }
    processes
}

fn thaw(process: u32) {
    signal(process, Signal::CONT);
}

fn kill_holder(log: &Log) {
    let Some(&(token, holder, command)) = log.inside().first() else {
        return;
    };
    signal(holder, Signal::KILL);
    signal(command, Signal::KILL);
    // Its lease lives on for a while, so nobody else has entered yet.
    log.add(&format!("leave {token}"));
}
