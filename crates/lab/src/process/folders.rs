//! What each unit has on its disk: the charm, its log, its clock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::charm::{Charms, Files, Unpack};
use super::clock;
use super::directory::Directory;
use super::error::ProcessError;
use super::lock::lock;
use super::log::UnitLog;
use crate::name::UnitName;

/// The units' folders.
pub(super) struct Folders {
    pub(super) directory: Directory,
    /// Held while files are written that will be run, and while a process is started: a process
    /// that starts meanwhile would hold the file open, and Linux refuses to run such a file.
    pub(super) launch: Mutex<()>,
    charms: Mutex<Charms>,
    /// The library that makes clocks wrong, once one is.
    faketime: Mutex<Option<PathBuf>>,
    logs: Mutex<BTreeMap<UnitName, Arc<UnitLog>>>,
}

impl Folders {
    pub(super) fn new(directory: Directory, charm: Files) -> Self {
        Self {
            directory,
            launch: Mutex::default(),
            charms: Mutex::new(Charms::new(charm)),
            faketime: Mutex::default(),
            logs: Mutex::default(),
        }
    }

    /// The units that have a log.
    pub(super) fn units(&self) -> Vec<UnitName> {
        lock(&self.logs).keys().cloned().collect()
    }

    /// The charm in the unit's folder was lost.
    pub(super) fn lose(&self, unit: &UnitName) {
        lock(&self.charms).lose(unit);
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
}
