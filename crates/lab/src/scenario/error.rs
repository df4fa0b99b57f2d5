//! What is wrong with a scenario file.

use std::path::PathBuf;

use ops_coordinator_excerpt::path;

/// What is wrong with a scenario file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {problem}", path(file), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ScenarioError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, if known.
    pub line: Option<usize>,
    /// What is wrong and what was expected.
    pub problem: String,
    /// What was probably meant, if there is a guess.
    pub hint: Option<String>,
}
