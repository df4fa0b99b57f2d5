//! Errors that a user of the command sees, and the exit codes that go with them.

use std::fmt;
use std::process::ExitCode;

use ops_coordinator_juju::Error;

use crate::output::complain;

/// An error message for the user, and the exit code that goes with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandError {
    code: u8,
    message: String,
}

impl CommandError {
    /// A usage error: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// A valid call that failed: exit code 1.
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

/// Turns a command's result into the process's exit code, and prints the error if there is one.
pub(crate) fn finish(result: Result<ExitCode, CommandError>) -> ExitCode {
    result.unwrap_or_else(|error| {
        complain(&error);
        error.code.into()
    })
}
