//! Why a tool ends early.

/// Anything but success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// A usage error: exit code 2.
    Usage(String),
    /// The call is right, but cannot be fulfilled: exit code 1.
    Failure(String),
    /// The call needs the contents of stdin.
    Stdin,
    /// The call asks for help, which this is.
    Help(String),
}

/// A wrong call.
pub(super) fn usage<T>(message: impl Into<String>) -> Result<T, Halt> {
    Err(Halt::Usage(message.into()))
}

/// A failure.
pub(super) fn failure<T>(message: impl Into<String>) -> Result<T, Halt> {
    Err(Halt::Failure(message.into()))
}
