//! Errors that a user of the command sees, and the exit codes that go with them.

use std::fmt;
use std::process::ExitCode;

use ops_coordinator_juju::Error;

use crate::output::complain;

/// What went wrong, in words for the user, and with which exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandError {
    code: u8,
    message: String,
}

impl CommandError {
    /// The call is wrong: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// The call is right but did not work: exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        match error {
            Error::Name(_) | Error::ServiceName(_) | Error::ContextTooLarge { .. } => {
                Self::usage(error.to_string())
            }
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Turns a command's result into this process's exit code, after telling the user what went wrong.
pub(crate) fn finish(result: Result<ExitCode, CommandError>) -> ExitCode {
    result.unwrap_or_else(|error| {
        complain(&error);
        error.code.into()
    })
}
