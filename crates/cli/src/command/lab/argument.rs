//! What the arguments of `lab run` and `lab faults` have in common.

use std::path::{Path, PathBuf};

use ops_coordinator_excerpt::path as shown;
use ops_coordinator_lab::charm::Charm;
use ops_coordinator_lab::{LabError, UnitName};

use crate::command::CommandError;

/// `KEY=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// `LOCK=N`.
pub(super) fn limit(text: &str) -> Result<(String, u32), String> {
    let (lock, number) = text.split_once('=').ok_or("expected LOCK=N")?;
    match number.parse() {
        Ok(number) if number > 0 => Ok((lock.to_owned(), number)),
        _ => Err("N must be a positive whole number".to_owned()),
    }
}

/// A unit.
pub(crate) fn unit(text: &str) -> Result<UnitName, LabError> {
    Ok(text.parse()?)
}

/// A unit, or `APPLICATION/leader`, as Juju's operators name it.
pub(super) fn unit_or_leader(text: &str) -> Result<String, LabError> {
    match text.strip_suffix("/leader") {
        Some(application) => unit(&format!("{application}/0"))?,
        None => unit(text)?,
    };
    Ok(text.to_owned())
}

/// The charm in this directory.
pub(super) fn read_charm(directory: &Path) -> Result<Charm, CommandError> {
    Charm::read(directory).map_err(|error| CommandError::usage(&error).hint(error.hint()))
}

/// Hooks run in their own directories, where a relative path would point elsewhere.
pub(super) fn absolute(paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, CommandError> {
    let absolute = |path: PathBuf| {
        std::path::absolute(&path)
            .map_err(|error| CommandError::usage(format!("--path {}: {error}", shown(&path))))
    };
    paths.into_iter().map(absolute).collect()
}
