//! How a command shows what it found out.

use std::str::FromStr;

use clap::ValueEnum;
use ops_coordinator_excerpt::excerpt;
use serde::Serialize;

use super::CommandError;

/// How a command shows what it found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    #[value(help = None)]
    Table,
    /// For programs.
    #[value(help = None)]
    Json,
}

impl Format {
    /// The value in this format.
    pub(crate) fn show<T: Serialize>(
        self,
        value: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<String, CommandError> {
        match self {
            Self::Table => Ok(table(value)),
            Self::Json => serde_json::to_string_pretty(value).map_err(CommandError::failed),
        }
    }
}

impl FromStr for Format {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, CommandError> {
        <Self as ValueEnum>::from_str(text, false).map_err(|_| {
            let error = format!("unknown format '{}'", excerpt(text));
            CommandError::usage(error).hint(Some("it is 'table' or 'json'"))
        })
    }
}
