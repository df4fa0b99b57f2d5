//! The unit's machine as the protocol needs it: a disk, a clock, randomness, and a waker.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ops_coordinator_core::{Errand, Tick, Wall};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::{Error, Process, WakerCommand, process, waker};

/// The file that a process of the unit locks while it reads and writes the other files.
const LOCK: &str = "lock";
/// How long to wait for another process of the unit. It holds the lock for a few hook tools at most.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

/// What a hook needs besides hook tools. Simulations provide their own.
///
/// State files are named `ENDPOINT/FILE`.
pub trait Machine {
    /// Reads a state file; `None` if it does not exist.
    ///
    /// # Errors
    /// [`Error::State`] if it exists and cannot be read.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces a state file atomically: a reader sees the old or the new content. With `durable` it is
    /// synced to disk when this returns.
    ///
    /// # Errors
    /// [`Error::State`]; the old file then still exists.
    fn store(&self, name: &str, content: &[u8], durable: bool) -> Result<(), Error>;

    /// Moves an unusable state file out of the way, for later inspection.
    ///
    /// # Errors
    /// [`Error::State`].
    fn set_aside(&self, name: &str) -> Result<(), Error>;

    /// Deletes a state file, if it exists.
    ///
    /// # Errors
    /// [`Error::State`].
    fn remove(&self, name: &str) -> Result<(), Error>;

    /// Keeps the unit's other processes away from its state files until the returned value is dropped. Locking again
    /// in the same process succeeds.
    ///
    /// # Errors
    /// [`Error::State`] if another process does not release them.
    fn lock(&self) -> Result<Box<dyn Any>, Error>;

    /// The current time on a clock that never goes back and also runs while the machine sleeps.
    fn now(&self) -> Tick;

    /// The time on the wall clock, for readers; it decides nothing. `None`, as here, where there is none: then no times
    /// are published, and nothing is counted for metrics.
    fn wall(&self) -> Option<Wall> {
        None
    }

    /// The id of the machine's boot: its clock begins anew with each. `None`, as here, where nothing tells.
    fn boot(&self) -> Option<String> {
        None
    }

    /// A random number.
    fn random(&self) -> u32;

    /// This process; `None` if later hooks could not tell whether it is alive.
    fn process(&self) -> Option<Process>;

    /// Whether a process that an earlier hook named is still alive.
    fn is_alive(&self, process: Process) -> bool;

    /// Starts a waker for an endpoint. `context` is the current hook's.
    ///
    /// # Errors
    /// The reason why the waker could not be started.
    fn wake(&self, endpoint: &str, context: &str, errand: Errand) -> io::Result<()>;

    /// Does nothing for a moment, and returns how long that was. In a simulation nothing can happen until the step is over,
    /// so that one need not be as short as it is asked to be.
    fn wait(&self, time: Duration) -> Duration {
        std::thread::sleep(time);
        time
    }

    /// Starts the deputy of an endpoint ([`crate::shared`]).
    ///
    /// # Errors
    /// The reason why it could not be started; here, that there is none.
    fn start_deputy(&self, _endpoint: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes a key, and a client's certificate for it that it has signed itself, with this common name.
    ///
    /// # Errors
    /// The reason why there is none; here, that nobody can make one.
    fn certify(&self, _name: &str) -> io::Result<Certified> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A client's certificate and its key, in PEM. The key is nobody else's business, so this cannot be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// The machine on which this process runs.
#[derive(Debug)]
pub struct LocalMachine {
    directory: PathBuf,
    waker: WakerCommand,
    deputy: Vec<OsString>,
    random: RefCell<fastrand::Rng>,
}

thread_local! {
    /// The locks that this process holds, by file: a charm may use several endpoints, each with its own machine.
    static HELD: RefCell<BTreeMap<PathBuf, Weak<File>>> = RefCell::default();
}

impl LocalMachine {
    /// A machine that stores its state files in a directory, which is created when first needed and
    /// readable only by its owner.
    pub fn new(directory: impl Into<PathBuf>, waker: WakerCommand) -> Self {
        Self {
            directory: directory.into(),
            waker,
            deputy: Vec::new(),
            random: RefCell::new(fastrand::Rng::new()),
        }
    }

    /// The same with a deputy that this command starts ([`crate::shared`]). The state directory and the endpoint are
    /// appended to its arguments.
    #[must_use]
    pub fn with_deputy(mut self, command: Vec<OsString>) -> Self {
        self.deputy = command;
        self
    }

    /// As [`Machine::lock`], without waiting: `None` if another process has it.
    ///
    /// # Errors
    /// [`Error::State`] if the lock cannot be used.
    pub fn try_lock(&self) -> Result<Option<Box<dyn Any>>, Error> {
        self.lock_within(Duration::ZERO)
    }

    fn lock_within(&self, patience: Duration) -> Result<Option<Box<dyn Any>>, Error> {
        let path = self.path(LOCK);
        let held = HELD.with_borrow(|held| held.get(&path).and_then(Weak::upgrade));
        if let Some(held) = held {
            return Ok(Some(Box::new(held)));
        }
        let locked = make_directory(&self.directory).and_then(|()| lock_file(&path, patience));
        let held = match locked {
            Ok(Some(file)) => Rc::new(file),
            Ok(None) => return Ok(None),
            Err(source) => return Err(Error::State { path, source }),
        };
        HELD.with_borrow_mut(|all| all.insert(path, Rc::downgrade(&held)));
        Ok(Some(Box::new(held)))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn replace(&self, path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.directory);
        make_directory(directory)?;
        // A temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(content)?;
        if durable {
            file.as_file().sync_all()?;
        }
        file.persist(path).map_err(|error| error.error)?;
        if durable {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

/// Creates a directory and its parents, readable only by the owner.
fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

/// Locks the file; `None` if another process has it for all this time.
fn lock_file(path: &Path, patience: Duration) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

impl Machine for LocalMachine {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::State { path, source }),
        }
    }

    fn store(&self, name: &str, content: &[u8], durable: bool) -> Result<(), Error> {
        let path = self.path(name);
        self.replace(&path, content, durable)
            .map_err(|source| Error::State { path, source })
    }

    fn set_aside(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        let aside = self.path(&format!("{name}.unreadable"));
        fs::rename(&path, aside).map_err(|source| Error::State { path, source })
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::State { path, source })
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> Result<Box<dyn Any>, Error> {
        self.lock_within(LOCK_PATIENCE)?
            .ok_or_else(|| Error::State {
                path: self.path(LOCK),
                source: io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another process of this unit has held the lock for two minutes; \
                     `fuser` on this file names it",
                ),
            })
    }

    fn now(&self) -> Tick {
        let time = clock_gettime(ClockId::Boottime);
        let millis = time
            .tv_sec
            .saturating_mul(1000)
            .saturating_add(time.tv_nsec / 1_000_000);
        Tick(u64::try_from(millis).unwrap_or_default())
    }

    fn wall(&self) -> Option<Wall> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(Wall(since.as_secs()))
    }

    fn boot(&self) -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }

    fn random(&self) -> u32 {
        self.random.borrow_mut().u32(..)
    }

    fn process(&self) -> Option<Process> {
        process::own()
    }

    fn is_alive(&self, process: Process) -> bool {
        process::is_alive(process)
    }

    fn wake(&self, endpoint: &str, context: &str, errand: Errand) -> io::Result<()> {
        self.waker.start(&self.directory, endpoint, context, errand)
    }

    fn start_deputy(&self, endpoint: &str) -> io::Result<()> {
        let Some((program, args)) = self.deputy.split_first() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        waker::detached(program)
            .args(args)
            .arg(&self.directory)
            .arg(endpoint)
            .spawn()
            .map(drop)
    }

    /// The command of the deputy makes it: others carry nothing that could.
    fn certify(&self, name: &str) -> io::Result<Certified> {
        let Some(program) = self.deputy.first() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let made = Command::new(program)
            .args(["certificate", name])
            .stdin(Stdio::null())
            .output()?;
        if !made.status.success() {
            let why = String::from_utf8_lossy(&made.stderr);
            return Err(io::Error::other(why.trim().to_owned()));
        }
        Ok(serde_json::from_slice(&made.stdout)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_process_at_a_time_has_the_state_and_may_ask_for_it_again() {
        let (directory, machine) = machine();
        let held = machine.lock().unwrap();
        let again = machine.lock().unwrap();
        let file = File::open(directory.path().join("state/lock")).unwrap();
        drop(held);
        assert!(file.try_lock().is_err(), "one of the two is still held");
        drop(again);
        assert!(file.try_lock().is_ok());
    }

    fn machine() -> (tempfile::TempDir, LocalMachine) {
        let directory = tempfile::tempdir().unwrap();
        let machine = LocalMachine::new(directory.path().join("state"), WakerCommand::none());
        (directory, machine)
    }

    #[test]
    fn a_state_file_is_its_owners_and_replaced_whole() {
        let (directory, machine) = machine();
        assert_eq!(machine.load("peer/journal.json").unwrap(), None);
        machine.store("peer/journal.json", b"one", true).unwrap();
        machine.store("peer/journal.json", b"two", false).unwrap();
        assert_eq!(machine.load("peer/journal.json").unwrap().unwrap(), b"two");
        let state = directory.path().join("state/peer");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&state), mode(&state.join("journal.json"))),
            (0o700, 0o600)
        );
        assert_eq!(
            fs::read_dir(&state).unwrap().count(),
            1,
            "nothing temporary is left"
        );
    }

    #[test]
    fn an_unusable_file_is_set_aside_and_not_deleted() {
        let (directory, machine) = machine();
        machine.store("journal.json", b"garbage", false).unwrap();
        machine.set_aside("journal.json").unwrap();
        assert_eq!(machine.load("journal.json").unwrap(), None);
        machine.remove("journal.json").unwrap();
        assert!(
            directory
                .path()
                .join("state/journal.json.unreadable")
                .exists()
        );
    }

    #[test]
    fn an_error_names_the_file() {
        let (directory, machine) = machine();
        fs::create_dir_all(directory.path().join("state/journal.json")).unwrap();
        let error = machine.load("journal.json").unwrap_err().to_string();
        assert!(error.contains("state/journal.json"), "{error}");
    }
}
