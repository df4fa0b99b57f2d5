//! The deputy's end of the two files.

use std::any::Any;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{STANDINGS, Standings, WISHES, Wishes};
use crate::{Error, LocalMachine, Machine, WakerCommand};

/// The file that the one deputy keeps locked.
const SEAT: &str = "deputy.lock";
/// How long a new deputy waits for one that is about to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a deputy reads what the unit wants, and writes how that stands.
pub struct Desk {
    machine: LocalMachine,
    directory: PathBuf,
    endpoint: String,
    seat: File,
}

impl Desk {
    /// The desk of an endpoint of the unit with this state directory; `None` if another deputy sits there.
    ///
    /// # Errors
    /// A directory that cannot be used.
    pub fn take(state: &Path, endpoint: &str) -> io::Result<Option<Self>> {
        let directory = state.join(endpoint);
        let mut options = File::options();
        let seat = options.create(true).truncate(false).write(true);
        let seat = seat.open(directory.join(SEAT))?;
        let since = Instant::now();
        loop {
            match seat.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                    sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(Some(Self {
            machine: LocalMachine::new(state, WakerCommand::none()),
            directory,
            endpoint: endpoint.to_owned(),
            seat,
        }))
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the unit wants; nothing if it is gone.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn wishes(&self) -> Result<Wishes, Error> {
        Ok(self.load(WISHES)?.unwrap_or_default())
    }

    /// What the deputy before this one has left.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn standings(&self) -> Result<Standings, Error> {
        Ok(self.load(STANDINGS)?.unwrap_or_default())
    }

    fn load<V: serde::de::DeserializeOwned>(&self, file: &str) -> Result<Option<V>, Error> {
        let content = self.machine.load(&format!("{}/{file}", self.endpoint))?;
        // A file that is not JSON is set aside by the next hook.
        Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    /// Writes how the wishes stand. `durable`: so that it survives the machine.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn store(&self, standings: &Standings, durable: bool) -> Result<(), Error> {
        let path = format!("{}/{STANDINGS}", self.endpoint);
        let content = serde_json::to_vec(standings).map_err(|error| Error::State {
            path: path.clone().into(),
            source: error.into(),
        })?;
        // The unit may be gone, and its directory is not to come back.
        if self.directory.exists() {
            self.machine.store(&path, &content, durable)?;
        }
        Ok(())
    }

    /// Keeps the unit's hooks away until the returned value is dropped; `None` if one of them is here. A place may be given
    /// back only while they are away and the unit does not want it: a hook that comes to want it once more believes what it
    /// finds here.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn try_lock(&self) -> Result<Option<Box<dyn Any>>, Error> {
        // The unit may be gone, and its directory is not to come back.
        if !self.directory.exists() {
            return Ok(Some(Box::new(())));
        }
        self.machine.try_lock()
    }

    /// Leaves the desk, unless the unit wants something after all. Hooks write their wishes, and look for a deputy, while they
    /// keep other processes away; so none is left alone.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn leave(&self) -> Result<bool, Error> {
        if !self.directory.exists() {
            return Ok(true);
        }
        let _guard: Box<dyn Any> = self.machine.lock()?;
        if !self.wishes()?.locks.is_empty() {
            return Ok(false);
        }
        self.machine
            .remove(&format!("{}/{STANDINGS}", self.endpoint))?;
        self.seat.unlock().map_err(|source| Error::State {
            path: self.directory.join(SEAT),
            source,
        })?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_deputy_and_it_stays_while_something_is_wanted() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir(state.path().join("peers")).unwrap();
        let desk = Desk::take(state.path(), "peers").unwrap().unwrap();
        assert!(Desk::take(state.path(), "peers").unwrap().is_none());
        let file = state.path().join("peers").join(WISHES);
        let wish = r#"{"locks":{"restart":{"seq":1,"taken":null,"lock":{"name":"a","limit":1,"ttl":2,"prefix":null,
            "endpoints":["e"],"endpoints_file":null,"cacert":null,"cert":null,"key":null}}}}"#;
        std::fs::write(&file, wish).unwrap();
        assert!(!desk.leave().unwrap());
        std::fs::remove_file(&file).unwrap();
        desk.store(&Standings::default(), true).unwrap();
        assert!(desk.leave().unwrap());
        assert!(!state.path().join("peers").join(STANDINGS).exists());
        assert!(Desk::take(state.path(), "peers").unwrap().is_some());
    }

    #[test]
    fn a_unit_that_is_gone_does_not_come_back() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir(state.path().join("peers")).unwrap();
        let desk = Desk::take(state.path(), "peers").unwrap().unwrap();
        std::fs::remove_dir_all(state.path()).unwrap();
        assert!(desk.wishes().unwrap().locks.is_empty());
        desk.store(&Standings::default(), true).unwrap();
        assert!(desk.leave().unwrap());
        assert!(!state.path().exists());
    }
}
