//! Why a lab cannot run.

use std::io;
use std::path::{Path, PathBuf};

use ops_coordinator_excerpt::path;

use crate::charm::CharmError;
use crate::error::LabError;

/// Why a lab cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A run needs its own directory.
    #[error("{} is not empty", path(.0))]
    DirectoryInUse(PathBuf),
    /// The system refused something.
    #[error("cannot {deed} {}: {source}", ops_coordinator_excerpt::path(path))]
    System {
        /// What was tried, as a verb.
        deed: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A clock was to be set without the means to do it.
    #[error("cannot set a unit's clock: libfaketime is not installed")]
    NoFaketime,
    /// The model refused something.
    #[error(transparent)]
    Model(#[from] LabError),
    /// The charm cannot be used.
    #[error(transparent)]
    Charm(#[from] CharmError),
}

impl ProcessError {
    /// What to do about it, where there is something that a person can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::DirectoryInUse(_) => Some("give a new or an empty directory"),
            Self::NoFaketime => Some("install the package libfaketime"),
            Self::System { .. } => None,
            Self::Model(error) => error.hint(),
            Self::Charm(error) => error.hint(),
        }
    }

    /// For `map_err`: the system refused to `deed` the file at `path`.
    pub(super) fn system(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::System { deed, path, source }
    }
}
