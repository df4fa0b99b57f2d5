//! Why a lab cannot run.

use std::io;
use std::path::{Path, PathBuf};

use crate::charm::CharmError;
use crate::error::LabError;

/// Why a lab cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A run needs its own directory.
    #[error("{} is not empty; give a new or an empty directory", .0.display())]
    DirectoryInUse(PathBuf),
    /// The system refused something.
    #[error("cannot {deed} {}: {source}", path.display())]
    System {
        /// What was tried, as a verb.
        deed: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A clock was to be set without the means to do it.
    #[error(
        "a unit's clock is set with libfaketime, which is not installed; install the package libfaketime"
    )]
    NoFaketime,
    /// The model refused something.
    #[error(transparent)]
    Model(#[from] LabError),
    /// The charm cannot be used.
    #[error(transparent)]
    Charm(#[from] CharmError),
}

impl ProcessError {
    /// For `map_err`: the system refused to `deed` the file at `path`.
    pub(super) fn system(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::System { deed, path, source }
    }
}
