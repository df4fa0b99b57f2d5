//! The charm's revisions, and which one is unpacked in which unit's folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::charm::Charm;
use crate::name::UnitName;

/// The files of a revision.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Files {
    /// The charm's directory.
    pub(super) directory: PathBuf,
    /// The text of each file that the directory lacks.
    pub(super) made: BTreeMap<String, String>,
}

impl From<&Charm> for Files {
    fn from(charm: &Charm) -> Self {
        Self {
            directory: charm.directory.clone(),
            made: charm.made.clone(),
        }
    }
}

/// Where each revision's files are, and what each unit has of them.
pub(super) struct Charms {
    /// The files of each revision, the deployed one first.
    revisions: Vec<Files>,
    unpacked: BTreeMap<UnitName, u64>,
}

/// What is to be done so that a unit has the files of its revision.
pub(super) enum Unpack {
    /// Nothing.
    Ready,
    /// Copy these files over those that are there.
    Over(Files),
    /// Copy these files to where nothing is left.
    Anew(Files),
}

impl Charms {
    pub(super) fn new(files: Files) -> Self {
        Self {
            revisions: vec![files],
            unpacked: BTreeMap::new(),
        }
    }

    /// Adds a revision: of these files, or of those where the last one was.
    pub(super) fn add(&mut self, files: Option<Files>) {
        let files = files.or_else(|| self.revisions.last().cloned());
        self.revisions.extend(files);
    }

    /// The newest revision.
    pub(super) fn newest(&self) -> u64 {
        u64::try_from(self.revisions.len()).map_or(0, |count| count.saturating_sub(1))
    }

    /// A unit's folder was lost.
    pub(super) fn lose(&mut self, unit: &UnitName) {
        self.unpacked.remove(unit);
    }

    /// What is to be done for a unit that runs this revision.
    pub(super) fn plan(&self, unit: &UnitName, revision: u64) -> Unpack {
        let place = usize::try_from(revision).unwrap_or(usize::MAX);
        let Some(files) = self.revisions.get(place).or(self.revisions.last()).cloned() else {
            return Unpack::Ready;
        };
        match self.unpacked.get(unit) {
            Some(before) if *before == revision => Unpack::Ready,
            Some(_) => Unpack::Over(files),
            None => Unpack::Anew(files),
        }
    }

    /// It is done.
    pub(super) fn unpacked(&mut self, unit: &UnitName, revision: u64) {
        self.unpacked.insert(unit.clone(), revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &str) -> Files {
        Files {
            directory: directory.into(),
            made: BTreeMap::new(),
        }
    }

    #[test]
    fn a_unit_gets_the_files_of_its_revision_when_it_lacks_them() {
        let (unit, mut charms) = (UnitName::new("app", 0), Charms::new(files("/old")));
        assert!(matches!(charms.plan(&unit, 0), Unpack::Anew(from) if from == files("/old")));
        charms.unpacked(&unit, 0);
        charms.add(Some(files("/new")));
        charms.add(None);
        assert_eq!(charms.newest(), 2);
        assert!(matches!(charms.plan(&unit, 0), Unpack::Ready));
        assert!(matches!(charms.plan(&unit, 2), Unpack::Over(from) if from == files("/new")));
        charms.lose(&unit);
        assert!(matches!(charms.plan(&unit, 1), Unpack::Anew(from) if from == files("/new")));
    }
}
