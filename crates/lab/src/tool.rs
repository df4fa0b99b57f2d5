//! The hook tools.

/// The file whose contents a call needs beside its arguments (`relation-set --file PATH`), if it names
/// one. A driver reads it, relative to the caller's directory, and puts it into `ToolCall::files`.
pub fn named_file(command: &str, args: &[String]) -> Option<String> {
    let _ = (command, args);
    None
}

/// The names of all tools that a unit finds on its `PATH`, for this Juju version.
pub fn names(version: crate::JujuVersion) -> Vec<&'static str> {
    let _ = version;
    Vec::new()
}
