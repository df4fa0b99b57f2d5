//! Runs in which things go wrong, and what must hold all the same.

mod log;
mod plan;
mod truth;

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ops_coordinator_etcd::message::kv::PutRequest;
use ops_coordinator_etcd::survey;
use rustix::process::Signal;

use crate::{Cluster, Proxy, run, signal};
use log::Log;
use ops_coordinator_etcd::referee::{Act, Violation, judge};
pub use plan::{Plan, Strike, TTL};
use truth::truth;

/// How long everybody may take once nothing is wrong any more.
const HEALED: Duration = Duration::from_secs(60);

/// What a run has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What must not have happened, in words.
    pub violations: Vec<String>,
    /// Turns that began.
    pub entered: usize,
    /// Turns whose lease was lost; the command was stopped.
    pub lost: u32,
    /// Turns whose lease etcd has ended before its time (issue 12528), each with the overlap that came of it, if any.
    pub early: usize,
    /// Turns of holders that were stopped past their lease, while another one went on.
    pub frozen: usize,
}

/// A cluster of three, and a proxy before each member.
#[derive(Debug)]
pub struct Arena {
    cluster: Cluster,
    proxies: Vec<Proxy>,
    /// Whether a member is gone for good.
    spent: bool,
}

/// Those who want the lock.
struct Workers<'a> {
    command: &'a Path,
    plan: &'a Plan,
    log: Log,
    prefix: String,
    ports: Vec<u16>,
    over: AtomicBool,
    lost: AtomicU32,
    left: AtomicU32,
}

impl Arena {
    /// Starts the cluster.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn open() -> Self {
        let cluster = Cluster::start(3);
        let proxies = cluster.ports().into_iter().map(Proxy::to).collect();
        Self {
            cluster,
            proxies,
            spent: false,
        }
    }

    /// Carries out a plan with this command, and judges it.
    ///
    /// # Panics
    /// When the machine does not do its part.
    pub fn play(&mut self, plan: &Plan, command: &Path) -> Report {
        if self.spent {
            *self = Self::open();
        }
        let log = self.cluster.directory().join(format!("run-{}", plan.seed));
        let workers = Workers {
            command,
            plan,
            log: Log::create(&log),
            prefix: format!("trial/{}/", plan.seed),
            ports: self.proxies.iter().map(Proxy::port).collect(),
            over: AtomicBool::new(false),
            lost: AtomicU32::new(0),
            left: AtomicU32::new(u32::try_from(plan.workers).unwrap_or(u32::MAX)),
        };
        let from = self.mark(&workers.prefix, "begin");
        let mut stuck = false;
        thread::scope(|scope| {
            for worker in 0..plan.workers {
                let workers = &workers;
                scope.spawn(move || workers.work(worker));
            }
            self.strike(plan, &workers.log);
            let healed = Instant::now();
            while workers.left.load(Ordering::Relaxed) > 0 && healed.elapsed() < HEALED {
                thread::sleep(Duration::from_millis(20));
            }
            stuck = workers.left.load(Ordering::Relaxed) > 0;
            workers.over.store(true, Ordering::Relaxed);
        });
        let mut report = self.judge(&workers, from);
        if stuck {
            let still = format!(
                "not everybody had their turns {} s after all was well",
                HEALED.as_secs()
            );
            report.violations.push(still);
        }
        self.spent |= !report.violations.is_empty();
        report
    }

    /// A key of ours beside the lock's, so that the run's events have a first and a last revision.
    fn mark(&self, prefix: &str, name: &str) -> i64 {
        let put = PutRequest {
            key: format!("{prefix}{name}").into_bytes(),
            ..PutRequest::default()
        };
        let put = run(async { self.cluster.client().put(&put).await });
        put.expect("all is well")
            .header
            .map_or(0, |header| header.revision)
    }

    fn strike(&mut self, plan: &Plan, log: &Log) {
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
                Strike::Delay(member, time) => self.proxies[member].delay(time),
            }
        }
        // Strikes that overlap may end each other early; in the end all is well.
        frozen.drain(..).for_each(thaw);
        for (member, proxy) in self.proxies.iter().enumerate() {
            proxy.refuse(false);
            proxy.hold(false);
            proxy.delay(0);
            self.cluster.freeze_member(member, false);
        }
        for member in 0..self.cluster.len() {
            self.revive(member);
        }
    }

    fn revive(&mut self, member: usize) {
        if !self.cluster.runs(member) && self.cluster.has_files(member) {
            self.cluster.start_member(member);
        }
    }

    fn judge(&self, workers: &Workers<'_>, from: i64) -> Report {
        let limit = workers.plan.limit as usize;
        let acts = workers.log.acts();
        let entered = acts.iter().filter_map(|act| match act {
            Act::Enter(token) => Some(*token),
            _ => None,
        });
        let entered: BTreeSet<i64> = entered.collect();
        // What etcd has ended before the time that it had promised is no holder of ours any more, whatever it knows.
        let early = workers.log.early();
        let excused = |found: &Violation| match found {
            Violation::Overlap(inside) => {
                inside.iter().filter(|token| !early.contains(token)).count() <= limit
            }
            _ => false,
        };
        let found = judge(limit, &acts).into_iter();
        let found = found.filter(|found| !excused(found));
        let mut violations: Vec<String> = found.map(|found| format!("{found:?}")).collect();
        if !violations.is_empty() {
            violations.push(format!("{:?}", workers.log.lines()));
        }
        violations.extend(self.leftovers(&workers.prefix));
        let lock = format!("{}lock/", workers.prefix);
        let events = self.history(&workers.prefix, from);
        let events = events.into_iter().filter(|event| {
            event
                .kv
                .as_ref()
                .is_some_and(|kv| kv.key.starts_with(lock.as_bytes()))
        });
        let truth = truth(limit, &events.collect::<Vec<_>>());
        for (token, ahead) in truth.early {
            violations.push(format!(
                "the servers have seen {token} begin behind {ahead:?}"
            ));
        }
        for token in entered.difference(&truth.tokens) {
            violations.push(format!("{token} has begun, but the servers never had it"));
        }
        Report {
            violations,
            entered: entered.len(),
            early: early.len(),
            lost: workers.lost.load(Ordering::Relaxed),
            frozen: acts
                .iter()
                .filter(|act| matches!(act, Act::Freeze(_)))
                .count(),
        }
    }

    /// Everything under the prefix since then.
    fn history(&self, prefix: &str, from: i64) -> Vec<ops_coordinator_etcd::message::watch::Event> {
        let to = self.mark(prefix, "end");
        let events = run(async { self.cluster.client().events(prefix, from, to).await });
        events.expect("all is well, and nothing is compacted")
    }

    /// Keys or leases that are still there when every lease that was not renewed must have ended.
    fn leftovers(&self, prefix: &str) -> Option<String> {
        let since = Instant::now();
        loop {
            let (queues, leases) = run(async {
                let client = self.cluster.client();
                (survey(&client, prefix, None).await, client.leases().await)
            });
            let (queues, leases) = (queues.expect("all is well"), leases.expect("all is well"));
            if queues.is_empty() && leases.is_empty() {
                return None;
            }
            if since.elapsed() > 10 * TTL {
                return Some(format!("left behind: {queues:?}, leases {leases:x?}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Workers<'_> {
    fn work(&self, worker: usize) {
        let mut done = 0;
        while done < self.plan.turns && !self.over.load(Ordering::Relaxed) {
            match self.turn(worker) {
                Some(0) => done += 1,
                code => {
                    self.lost
                        .fetch_add(u32::from(code == Some(76)), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
    }

    /// One call of the command; its exit code.
    fn turn(&self, worker: usize) -> Option<i32> {
        let mut ports = self.ports.clone();
        let all = ports.len();
        ports.rotate_left(worker % all);
        let endpoints: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let mut child = Command::new(self.command)
            .args(["lock", "--etcd", &endpoints.join(",")])
            .args(["--prefix", &self.prefix])
            .args(["--limit", &self.plan.limit.to_string()])
            .args(["--ttl", &format!("{}s", TTL.as_secs())])
            .args(["--as", &format!("worker {worker}")])
            .args(["lock", "--", "sh", "-c", &self.log.script(self.plan.hold)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be run");
        let process = child.id();
        let since = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("our child") {
                break status;
            }
            // A run that is over takes the stuck ones with it.
            if self.over.load(Ordering::Relaxed) && since.elapsed() > TTL {
                let _ = child.kill();
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        let pipe = child.stderr.take();
        // What it has started may have the pipe as well; it is gone by now, or will be soon.
        let _ = pipe.map(|mut pipe| pipe.read_to_string(&mut said));
        if said.contains("before its time") {
            self.log.add(&format!("early {process}"));
        }
        if status.signal().is_none() {
            self.log.add(&format!("over {process}"));
        }
        status.code()
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

/// Carries out the plans of so many seeds, several at a time, and tells of each. Returns whether all was well.
///
/// # Panics
/// As [`Arena::play`].
pub fn campaign(
    command: &Path,
    first: u64,
    seeds: u64,
    jobs: usize,
    tell: impl Fn(&str) + Sync,
) -> bool {
    let next = std::sync::atomic::AtomicU64::new(first);
    let sum = std::sync::Mutex::new((0_u64, Report::default()));
    let command: PathBuf = command.to_owned();
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let mut arena = None;
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let plan = Plan::draw(seed);
                    let report = arena.get_or_insert_with(Arena::open).play(&plan, &command);
                    if !report.violations.is_empty() {
                        let found = report.violations.join("\n  ");
                        tell(&format!("{plan}  VIOLATED: {found}"));
                    }
                    let mut sum = sum.lock().expect("nobody panics with it");
                    sum.0 += u64::from(report.violations.is_empty());
                    sum.1.entered += report.entered;
                    sum.1.lost += report.lost;
                    sum.1.early += report.early;
                    sum.1.frozen += report.frozen;
                }
            });
        }
    });
    let (held, sum) = sum.into_inner().expect("nobody panics with it");
    tell(&format!(
        "fact: {held} of {seeds} runs without a violation; {} turns, {} stopped because their lease was lost, \
         {} of them by etcd before its time; {} frozen past their lease",
        sum.entered, sum.lost, sum.early, sum.frozen
    ));
    held == seeds
}
