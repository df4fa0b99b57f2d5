//! Command output. The reader may be gone (`ops-coordinator run ... | head -n1`). That is no reason to stop: the
//! decision counts, not whether anybody read about it.

use std::fmt::Display;
use std::io::Write;

/// Prints a line to standard output.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line to standard error, prefixed with the command's name.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "ops-coordinator: {line}");
}
