//! The unit's machine as far as the protocol needs it: a disk, a clock, chance, and a waker.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ops_coordinator_core::Tick;
use rustix::time::{ClockId, clock_gettime};

use crate::{Error, Waker};

/// What a hook needs that is not a hook tool. A simulation brings its own.
pub trait Machine {
    /// Reads a state file; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::State`] where it is there and cannot be read.
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Replaces a state file at once: a reader sees the old or the new, never a part. With `durable`
    /// it is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::State`]; the old file is then still there.
    fn store(&self, name: &str, content: &[u8], durable: bool) -> Result<(), Error>;

    /// Moves a state file that cannot be used out of the way, for a person to look at.
    ///
    /// # Errors
    /// [`Error::State`].
    fn set_aside(&self, name: &str) -> Result<(), Error>;

    /// The present time on a clock that never goes back and also runs while the machine sleeps.
    fn now(&self) -> Tick;

    /// A random number.
    fn random(&self) -> u32;

    /// Arranges for another hook some seconds from now, unless one comes of itself before that.
    /// `context` is the present hook's.
    ///
    /// # Errors
    /// Whatever kept the waker from being started.
    fn wake(&self, context: &str) -> io::Result<()>;
}

/// The machine on which this process runs.
#[derive(Debug)]
pub struct LocalMachine {
    directory: PathBuf,
    waker: Waker,
    random: RefCell<fastrand::Rng>,
}

impl LocalMachine {
    /// A machine that keeps its state files in a directory, which is made when it is first needed,
    /// readable by its owner only.
    pub fn new(directory: impl Into<PathBuf>, waker: Waker) -> Self {
        Self {
            directory: directory.into(),
            waker,
            random: RefCell::new(fastrand::Rng::new()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn replace(&self, path: &Path, content: &[u8], durable: bool) -> io::Result<()> {
        if !self.directory.is_dir() {
            fs::create_dir_all(&self.directory)?;
            fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o700))?;
        }
        // A temporary file is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(content)?;
        if durable {
            file.as_file().sync_all()?;
        }
        file.persist(path).map_err(|error| error.error)?;
        if durable {
            File::open(&self.directory)?.sync_all()?;
        }
        Ok(())
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

    fn now(&self) -> Tick {
        let time = clock_gettime(ClockId::Boottime);
        let millis = time
            .tv_sec
            .saturating_mul(1000)
            .saturating_add(time.tv_nsec / 1_000_000);
        Tick(u64::try_from(millis).unwrap_or_default())
    }

    fn random(&self) -> u32 {
        self.random.borrow_mut().u32(..)
    }

    fn wake(&self, context: &str) -> io::Result<()> {
        self.waker.start(&self.directory, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> (tempfile::TempDir, LocalMachine) {
        let directory = tempfile::tempdir().unwrap();
        let machine = LocalMachine::new(directory.path().join("state"), Waker::none());
        (directory, machine)
    }

    #[test]
    fn a_state_file_is_its_owners_and_replaced_whole() {
        let (directory, machine) = machine();
        assert_eq!(machine.load("journal.json").unwrap(), None);
        machine.store("journal.json", b"one", true).unwrap();
        machine.store("journal.json", b"two", false).unwrap();
        assert_eq!(machine.load("journal.json").unwrap().unwrap(), b"two");
        let state = directory.path().join("state");
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
