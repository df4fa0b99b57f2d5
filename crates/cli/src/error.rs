//! Errors that a user of the command sees, and the exit codes that go with them.

use std::fmt;
use std::process::ExitCode;

use ops_coordinator_juju::Error;

use crate::output::complain;

/// What is wrong, what to do about it, and the exit code that goes with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandError {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl CommandError {
    /// A usage error: exit code 2.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(2, message)
    }

    /// A valid call that failed: exit code 1.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(1, message)
    }

    /// An error with an exit code of its own.
    #[cfg(any(feature = "etcd", feature = "lab"))]
    pub(crate) fn with_code(code: u8, message: impl fmt::Display) -> Self {
        Self::new(code, message)
    }

    /// Whether it has this exit code.
    #[cfg(feature = "etcd")]
    pub(crate) fn is(&self, code: u8) -> bool {
        self.code == code
    }

    fn new(code: u8, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            hint: None,
        }
    }

    /// Adds what the user can do about it, if there is anything.
    pub(crate) fn hint(self, hint: Option<impl Into<String>>) -> Self {
        Self {
            hint: hint.map(Into::into),
            ..self
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let told = match error {
            Error::Name(_)
            | Error::ServiceName(_)
            | Error::UnknownLock { .. }
            | Error::ContextTooLarge { .. } => Self::usage(&error),
            _ => Self::failed(&error),
        };
        told.hint(error.hint())
    }
}

/// Turns a command's result into the process's exit code, and prints the error if there is one.
pub(crate) fn finish(result: Result<ExitCode, CommandError>) -> ExitCode {
    result.unwrap_or_else(|error| {
        complain(&error);
        error.code.into()
    })
}
