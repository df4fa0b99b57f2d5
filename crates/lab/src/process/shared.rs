//! What the threads of a lab share: the world and its history, the time, and the end.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::charm::Files;
use super::directory::Directory;
use super::error::ProcessError;
use super::folders::Folders;
use super::jobs::Jobs;
use super::lock::lock;
use super::options::Options;
use super::queue::Queues;
use super::{clock, control, sweep};
use crate::client;
use crate::history::Happening;
use crate::name::UnitName;
use crate::settings::Millis;
use crate::world::World;

pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) folders: Folders,
    /// The start of every socket's name, unlike any other lab's.
    pub(super) mark: String,
    world: Mutex<Recorded>,
    news: Condvar,
    began: Instant,
    pub(super) queues: Queues,
    pub(super) jobs: Jobs,
    suspended: Mutex<BTreeSet<UnitName>>,
    /// How many events there were at the last step that another terminal has ordered.
    pub(super) last_ordered: Mutex<usize>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ending: AtomicBool,
}

/// The world, and the file that its history goes to.
pub(super) struct Recorded {
    pub(super) world: World,
    file: BufWriter<File>,
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
            folders: Folders::new(directory, charm),
            mark,
            world: Mutex::new(Recorded {
                world,
                file: BufWriter::new(file),
            }),
            news: Condvar::new(),
            began: Instant::now(),
            queues: Queues::default(),
            jobs: Jobs::default(),
            suspended: Mutex::default(),
            last_ordered: Mutex::default(),
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
                } => self
                    .folders
                    .log(unit)
                    .line(event.at, level, "juju-log", message),
                // With the world held, so that no later hook of the unit's is taken for a leftover.
                Happening::LeftoversEnded { unit } => sweep::end_marked(&self.address(unit)),
                Happening::DiskLost { unit } => self.folders.lose(unit),
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

    /// Waits until `look` finds something.
    ///
    /// # Errors
    /// When the lab ends before.
    pub(super) fn wait_until<T>(
        &self,
        mut look: impl FnMut(&World) -> Option<T>,
    ) -> Result<T, String> {
        let mut recorded = self.lock_world();
        loop {
            if let Some(found) = look(&recorded.world) {
                return Ok(found);
            }
            if self.is_ending() {
                return Err("the lab is shutting down".to_owned());
            }
            recorded = self.wait(recorded, Duration::from_millis(500));
        }
    }

    pub(super) fn wait_for_news(&self, at_most: Duration) {
        drop(self.wait(self.lock_world(), at_most));
    }

    pub(super) fn address(&self, unit: &UnitName) -> String {
        format!("{}/unit-{}/agent.socket", self.mark, unit.dashed())
    }

    pub(super) fn keep_thread(&self, thread: JoinHandle<()>) {
        lock(&self.threads).push(thread);
    }

    pub(super) fn is_suspended(&self, unit: &UnitName) -> bool {
        lock(&self.suspended).contains(unit)
    }

    /// Stops all processes of a unit, or lets them continue.
    pub(super) fn suspend(&self, unit: &UnitName, suspended: bool) {
        // What is being started meanwhile sees the mark, or is seen.
        let _launch = lock(&self.folders.launch);
        let signal = if suspended {
            lock(&self.suspended).insert(unit.clone());
            Signal::STOP
        } else {
            lock(&self.suspended).remove(unit);
            Signal::CONT
        };
        sweep::signal_marked(&self.address(unit), signal);
    }

    /// Ends everything; to be called once.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        let units = self.folders.units();
        let directory = self.folders.directory.path();
        loop {
            control::wake(directory);
            for unit in &units {
                self.jobs.kill(unit, None);
                client::wake(&self.address(unit));
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
        control::remove(directory);
        sweep::end_marked(&format!("{}/", self.mark));
        if self.folders.faketime().is_some() {
            clock::sweep();
        }
    }
}
