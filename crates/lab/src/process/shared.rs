//! State shared by the threads of a lab: the world, the clock, and the running jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::charm::{Charms, Files, Unpack};
use super::delay::Queues;
use super::directory::Directory;
use super::output::UnitLog;
use super::{Options, ProcessError, Running, clock, socket, sweep};
use crate::dispatch::CrashPoint;
use crate::history::Happening;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

/// A process that runs for a unit.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) since: Millis,
    pub(super) group: Pid,
    /// Set when the process is killed because its agent dies.
    pub(super) crash: Option<CrashPoint>,
}

pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) directory: Directory,
    /// The start of every socket's name, unlike any other lab's.
    pub(super) mark: String,
    /// Held while files are written that will be run, and while a process is started: a process
    /// that starts meanwhile would hold the file open, and Linux refuses to run such a file.
    pub(super) launch: Mutex<()>,
    world: Mutex<Recorded>,
    news: Condvar,
    began: Instant,
    charms: Mutex<Charms>,
    pub(super) queues: Queues,
    jobs: Mutex<BTreeMap<UnitName, Job>>,
    crashes: Mutex<BTreeMap<UnitName, CrashPoint>>,
    failures: Mutex<BTreeSet<UnitName>>,
    suspended: Mutex<BTreeSet<UnitName>>,
    /// The library that makes clocks wrong, once one is.
    faketime: Mutex<Option<PathBuf>>,
    logs: Mutex<BTreeMap<UnitName, Arc<UnitLog>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ending: AtomicBool,
}

/// The world, and the file that its history goes to.
pub(super) struct Recorded {
    pub(super) world: World,
    file: BufWriter<File>,
}

/// Takes a lock even if its last owner panicked: the lab must be able to end after a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        options: Options,
        directory: Directory,
        history: &Path,
        charm: Files,
    ) -> Result<Self, ProcessError> {
        let file = File::create(history).map_err(ProcessError::system("write", history))?;
        let world = World::new(options.settings.clone());
        let mark = format!(
            "@ops-coordinator-lab/{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        );
        Ok(Self {
            options,
            directory,
            mark,
            launch: Mutex::default(),
            world: Mutex::new(Recorded {
                world,
                file: BufWriter::new(file),
            }),
            news: Condvar::new(),
            began: Instant::now(),
            charms: Mutex::new(Charms::new(charm)),
            queues: Queues::default(),
            jobs: Mutex::default(),
            crashes: Mutex::default(),
            failures: Mutex::default(),
            suspended: Mutex::default(),
            faketime: Mutex::default(),
            logs: Mutex::default(),
            threads: Mutex::default(),
            ending: AtomicBool::new(false),
        })
    }

    pub(super) fn now(&self) -> Millis {
        Millis::try_from(self.began.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    pub(super) fn lock_world(&self) -> MutexGuard<'_, Recorded> {
        lock(&self.world)
    }

    pub(super) fn with_world<T>(&self, look: impl FnOnce(&mut World, Millis) -> T) -> T {
        let mut recorded = self.lock_world();
        // The clock is read under the lock, so that the world's time never goes backwards.
        let answer = look(&mut recorded.world, self.now());
        self.publish(&mut recorded);
        answer
    }

    /// Writes new events to the history file and the logs, and wakes threads that wait for them.
    pub(super) fn publish(&self, recorded: &mut Recorded) {
        let Recorded { world, file } = recorded;
        let mut any = false;
        for event in world.history_mut().news() {
            any = true;
            // A full disk must not end the run; the summary comes from memory.
            let _ = writeln!(file, "{}", event.to_line());
            match &event.happening {
                Happening::Log {
                    unit,
                    level,
                    message,
                } => self.log(unit).line(event.at, level, "juju-log", message),
                // With the world held, so that no later hook of the unit's is taken for a leftover.
                Happening::LeftoversEnded { unit } => sweep::end_marked(&self.address(unit)),
                Happening::DiskLost { unit } => lock(&self.charms).lose(unit),
                _ => {}
            }
        }
        if any {
            let _ = file.flush();
            self.news.notify_all();
        }
    }

    /// Waits on a world that the caller has locked.
    pub(super) fn wait<'w>(
        &self,
        recorded: MutexGuard<'w, Recorded>,
        at_most: Duration,
    ) -> MutexGuard<'w, Recorded> {
        let waited = self.news.wait_timeout(recorded, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn wait_for_news(&self, at_most: Duration) {
        drop(self.wait(self.lock_world(), at_most));
    }

    pub(super) fn address(&self, unit: &UnitName) -> String {
        format!("{}/unit-{}/agent.socket", self.mark, unit.dashed())
    }

    /// The newest revision of the charm.
    pub(super) fn newest_revision(&self) -> u64 {
        lock(&self.charms).newest()
    }

    /// Adds a revision of the charm, from other files if they are given.
    pub(super) fn add_revision(&self, files: Option<Files>) {
        lock(&self.charms).add(files);
    }

    /// Sees to it that the files of this revision are in the unit's folder.
    pub(super) fn unpack(&self, unit: &UnitName, revision: u64) -> Result<(), ProcessError> {
        let folder = self.directory.unit(unit);
        let plan = lock(&self.charms).plan(unit, revision);
        let from = match &plan {
            Unpack::Ready => return Ok(()),
            Unpack::Over(from) | Unpack::Anew(from) => from,
        };
        {
            let _launch = lock(&self.launch);
            if matches!(plan, Unpack::Anew(_)) {
                folder.remove_charm()?;
            }
            folder.copy_charm(from)?;
        }
        lock(&self.charms).unpacked(unit, revision);
        Ok(())
    }

    pub(super) fn log(&self, unit: &UnitName) -> Arc<UnitLog> {
        let path = || self.directory.unit(unit).log();
        let mut logs = lock(&self.logs);
        Arc::clone(
            logs.entry(unit.clone())
                .or_insert_with(|| Arc::new(UnitLog::open(&path()))),
        )
    }

    pub(super) fn keep_thread(&self, thread: JoinHandle<()>) {
        lock(&self.threads).push(thread);
    }

    pub(super) fn running(&self) -> Vec<Running> {
        let running = |(unit, job): (&UnitName, &Job)| Running {
            unit: unit.clone(),
            name: job.name.clone(),
            since: job.since,
        };
        lock(&self.jobs).iter().map(running).collect()
    }

    pub(super) fn begin_job(&self, unit: &UnitName, job: Job) {
        lock(&self.jobs).insert(unit.clone(), job);
    }

    pub(super) fn end_job(&self, unit: &UnitName) -> Option<Job> {
        lock(&self.jobs).remove(unit)
    }

    /// Kills a unit's running job. The job exists only until its process has been waited for, so the
    /// pid cannot belong to another process yet.
    pub(super) fn kill(&self, unit: &UnitName, crash: Option<CrashPoint>) -> bool {
        let mut jobs = lock(&self.jobs);
        let Some(job) = jobs.get_mut(unit) else {
            return false;
        };
        job.crash = crash;
        kill_process_group(job.group, Signal::KILL).is_ok()
    }

    /// Kills the process that the agent started for a unit, and nothing that it has started.
    pub(super) fn kill_dispatch(&self, unit: &UnitName) -> bool {
        let jobs = lock(&self.jobs);
        jobs.get(unit)
            .is_some_and(|job| kill_process(job.group, Signal::KILL).is_ok())
    }

    pub(super) fn crash_next(&self, unit: &UnitName, at: CrashPoint) {
        lock(&self.crashes).insert(unit.clone(), at);
    }

    pub(super) fn take_crash(&self, unit: &UnitName) -> Option<CrashPoint> {
        lock(&self.crashes).remove(unit)
    }

    /// What was asked for while the hook ran, if it concerns the time after the hook's process.
    pub(super) fn take_crash_at_end(&self, unit: &UnitName) -> Option<CrashPoint> {
        let mut crashes = lock(&self.crashes);
        let point = crashes.get(unit).copied();
        point.filter(|point| *point > CrashPoint::MidProcess)?;
        crashes.remove(unit)
    }

    pub(super) fn fail_next(&self, unit: &UnitName) {
        lock(&self.failures).insert(unit.clone());
    }

    pub(super) fn take_failure(&self, unit: &UnitName) -> bool {
        lock(&self.failures).remove(unit)
    }

    pub(super) fn is_suspended(&self, unit: &UnitName) -> bool {
        lock(&self.suspended).contains(unit)
    }

    /// Stops all processes of a unit, or lets them continue.
    pub(super) fn suspend(&self, unit: &UnitName, suspended: bool) {
        // What is being started meanwhile sees the mark, or is seen.
        let _launch = lock(&self.launch);
        let signal = if suspended {
            lock(&self.suspended).insert(unit.clone());
            Signal::STOP
        } else {
            lock(&self.suspended).remove(unit);
            Signal::CONT
        };
        sweep::signal_marked(&self.address(unit), signal);
    }

    pub(super) fn set_clock(&self, unit: &UnitName, offset: i64) -> Result<(), ProcessError> {
        let mut faketime = lock(&self.faketime);
        if faketime.is_none() {
            *faketime = Some(clock::library()?);
        }
        clock::write(&self.directory.unit(unit).clock(), offset)
    }

    /// The library that makes clocks wrong, if the clock of any unit is.
    pub(super) fn faketime(&self) -> Option<PathBuf> {
        lock(&self.faketime).clone()
    }

    /// Ends everything; to be called once.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        let units: Vec<UnitName> = lock(&self.logs).keys().cloned().collect();
        loop {
            for unit in &units {
                self.kill(unit, None);
                socket::wake(&self.address(unit));
            }
            self.news.notify_all();
            let threads = std::mem::take(&mut *lock(&self.threads));
            let (done, busy): (Vec<_>, Vec<_>) =
                threads.into_iter().partition(JoinHandle::is_finished);
            drop(done);
            if busy.is_empty() {
                break;
            }
            lock(&self.threads).extend(busy);
            std::thread::sleep(Duration::from_millis(5));
        }
        sweep::end_marked(&format!("{}/", self.mark));
        if self.faketime().is_some() {
            clock::sweep();
        }
    }
}
