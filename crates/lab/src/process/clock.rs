//! Wrong clocks: libfaketime gives a unit's processes a different time from the machine's.
//!
//! Every process of a unit whose clock was ever set is started with the library, which reads the unit's offset
//! from a file whenever it is asked for the time, so that a clock can also jump while a hook runs. Only the
//! time of day is changed: monotonic clocks do not jump, and sleeps take their normal time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ProcessError;

/// The library, built for programs with several threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Where the library keeps what its processes share.
const SHARED_MEMORY: &str = "/dev/shm";

/// Finds libfaketime on this machine.
pub(super) fn library() -> Result<PathBuf, ProcessError> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [&multiarch, "/usr/lib64", "/usr/lib", "/usr/local/lib"]
        .iter()
        .map(|folder| Path::new(folder).join(LIBRARY))
        .find(|path| path.is_file())
        .ok_or(ProcessError::NoFaketime)
}

/// Writes an offset atomically where the processes of a unit look for it.
pub(super) fn write(file: &Path, offset: i64) -> Result<(), ProcessError> {
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    let text = format!("{sign}{}.{:03}\n", size / 1_000, size % 1_000);
    let draft = file.with_extension("new");
    fs::write(&draft, text).map_err(ProcessError::system("write", &draft))?;
    fs::rename(&draft, file).map_err(ProcessError::system("replace", file))
}

/// Makes a process, and all that it starts, read its time from such a file.
pub(super) fn apply(command: &mut Command, library: &Path, file: &Path) {
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", file)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

/// Removes what the library of processes that are gone has left in memory. It removes its files itself where
/// a process ends by itself, but not where one is killed or runs another program in its place.
pub(super) fn sweep() {
    let entries = fs::read_dir(SHARED_MEMORY).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let owner = name.to_str().and_then(owner);
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another user's stay.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The process that the library made a file of this name for.
fn owner(name: &str) -> Option<u32> {
    let number = name
        .strip_prefix("sem.faketime_sem_")
        .or_else(|| name.strip_prefix("faketime_shm_"));
    number?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_written_in_seconds_with_its_sign() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        for (offset, text) in [
            (10_800_000, "+10800.000\n"),
            (-1_500, "-1.500\n"),
            (0, "+0.000\n"),
        ] {
            write(&file, offset).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }

    #[test]
    fn only_the_library_s_own_files_have_an_owner() {
        assert_eq!(owner("faketime_shm_17"), Some(17));
        assert_eq!(owner("sem.faketime_sem_17"), Some(17));
        assert_eq!(owner("faketime_shm_x"), None);
        assert_eq!(owner("sem.something_17"), None);
    }
}
