//! Why a directory is not a charm.

use std::io;
use std::path::{Path, PathBuf};

use ops_coordinator_excerpt::{LONG, excerpt, path};

/// Why a directory is not a charm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CharmError {
    /// A packed charm as `charmcraft pack` makes it, which Juju unpacks and the lab does not.
    #[error("{} is a packed charm, not a directory", path(.0))]
    Zipped(PathBuf),
    /// The directory does not exist, or is no directory.
    #[error("{} is not a directory", path(.0))]
    NoDirectory(PathBuf),
    /// Neither of the files that declare a charm is there.
    #[error("{} is not a charm: it has neither metadata.yaml nor charmcraft.yaml", path(.0))]
    NoMetadata(PathBuf),
    /// A file could not be read.
    #[error("cannot read {}: {source}", ops_coordinator_excerpt::path(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is invalid.
    #[error("{}: {}", ops_coordinator_excerpt::path(path), excerpt(problem).up_to(LONG))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line if known.
        problem: String,
    },
    /// Nothing in the directory is what Juju would run.
    #[error(
        "{} is not packed: it has neither an executable `dispatch` nor an executable hook in `hooks`",
        path(.0)
    )]
    NotPacked(PathBuf),
}

impl CharmError {
    /// What to do about it, where there is something that a person can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoDirectory(_) | Self::NoMetadata(_) => Some("give the directory of a charm"),
            Self::Zipped(_) => Some("`unzip` it into a new directory, and give that directory"),
            Self::NotPacked(_) => Some(
                "`chmod +x dispatch` if there is one; otherwise run `charmcraft pack`, `unzip` the .charm file into a \
                 new directory, and give that directory",
            ),
            Self::Unreadable { .. } | Self::Invalid { .. } => None,
        }
    }

    /// This file is invalid.
    pub(super) fn invalid(file: &Path, problem: impl Into<String>) -> Self {
        Self::Invalid {
            path: file.to_owned(),
            problem: problem.into(),
        }
    }
}
