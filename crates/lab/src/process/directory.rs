//! The directory of a run, and a folder in it for each unit.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ProcessError;
use super::charm::Files;
use crate::name::UnitName;

/// Where a run stores its files.
pub(super) enum Directory {
    /// A directory that the user named; it stays.
    Kept(PathBuf),
    /// One that goes with the run.
    Temporary(TempDir),
}

impl Directory {
    /// Uses the directory at `path`, which must be new or empty, or creates a temporary one.
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, ProcessError> {
        let Some(path) = path else {
            let parent = std::env::temp_dir();
            return tempfile::Builder::new()
                .prefix("ops-coordinator-lab-")
                .tempdir_in(&parent)
                .map(Self::Temporary)
                .map_err(ProcessError::system("make a directory in", &parent));
        };
        fs::create_dir_all(&path).map_err(ProcessError::system("make the directory", &path))?;
        // Hooks run in a folder below it, so it must not depend on where the lab was started.
        let path = path
            .canonicalize()
            .map_err(ProcessError::system("find", &path))?;
        let mut entries = fs::read_dir(&path).map_err(ProcessError::system("list", &path))?;
        if entries.next().is_some() {
            return Err(ProcessError::DirectoryInUse(path));
        }
        Ok(Self::Kept(path))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }

    pub(super) fn unit(&self, unit: &UnitName) -> UnitFolder {
        UnitFolder {
            path: self.path().join(format!("unit-{}", unit.dashed())),
        }
    }
}

/// The folder of one unit.
#[derive(Debug, Clone)]
pub(super) struct UnitFolder {
    path: PathBuf,
}

impl UnitFolder {
    pub(super) fn charm(&self) -> PathBuf {
        self.path.join("charm")
    }

    pub(super) fn tools(&self) -> PathBuf {
        self.path.join("tools")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The offset of the unit's clock, once it was set.
    pub(super) fn clock(&self) -> PathBuf {
        self.path.join("clock")
    }

    /// Makes the folder with the tools as links to `executable`.
    pub(super) fn make(&self, executable: &Path, tools: &[&str]) -> Result<(), ProcessError> {
        let folder = self.tools();
        fs::create_dir_all(&folder).map_err(ProcessError::system("make the directory", &folder))?;
        for tool in tools.iter().chain(&["ops-coordinator"]) {
            let link = folder.join(tool);
            match symlink(executable, &link) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(ProcessError::system("make the link", &link)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the copy of the charm, with all that was written there.
    pub(super) fn remove_charm(&self) -> Result<(), ProcessError> {
        let charm = self.charm();
        match fs::remove_dir_all(&charm) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ProcessError::system("remove", &charm)(error))
            }
            _ => Ok(()),
        }
    }

    /// Puts the files of a charm over those that are there.
    pub(super) fn copy_charm(&self, files: &Files) -> Result<(), ProcessError> {
        copy(&files.directory, &self.charm())?;
        for (name, text) in &files.made {
            let file = self.charm().join(name);
            remove(&file)?;
            fs::write(&file, text).map_err(ProcessError::system("write", &file))?;
        }
        Ok(())
    }
}

/// Copies a directory with its links and permissions, but without version control.
fn copy(from: &Path, to: &Path) -> Result<(), ProcessError> {
    fs::create_dir_all(to).map_err(ProcessError::system("make the directory", to))?;
    for entry in fs::read_dir(from).map_err(ProcessError::system("list", from))? {
        let entry = entry.map_err(ProcessError::system("list", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry
            .file_type()
            .map_err(ProcessError::system("look at", &source))?;
        if kind.is_dir() {
            if entry.file_name() != ".git" {
                copy(&source, &target)?;
            }
            continue;
        }
        // A file that runs must not be written into; a new one takes its place.
        remove(&target)?;
        if kind.is_symlink() {
            let aim = fs::read_link(&source).map_err(ProcessError::system("read", &source))?;
            symlink(aim, &target).map_err(ProcessError::system("make the link", &target))?;
        } else {
            fs::copy(&source, &target).map_err(ProcessError::system("copy", &source))?;
        }
    }
    Ok(())
}

/// Removes what another file is to replace, if there is anything.
fn remove(target: &Path) -> Result<(), ProcessError> {
    match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ProcessError::system("replace", target)(error))
        }
        _ => Ok(()),
    }
}
