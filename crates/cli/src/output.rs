//! What a command says. Nobody may be listening any more (`ops-coordinator run ... | head -n1`), and that is no
//! reason to stop: what was decided counts, not what was said of it.

use std::fmt::Display;
use std::io::Write;

/// Says a line on standard output.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Says a line on standard error, after the command's name.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "ops-coordinator: {line}");
}
