//! Quotes a value of any length or content in a message.
//!
//! A message ends up on a terminal, in Juju's log or in a unit's status. The value that it quotes may be anything: an
//! argument of 100 kB, a line of a file, a databag that another unit wrote. An [`Excerpt`] takes one line, has a
//! bounded length, and sends no control characters to a terminal.
//!
//! ```
//! use ops_coordinator_excerpt::{LONG, excerpt};
//!
//! assert_eq!(excerpt("restart").to_string(), "restart");
//! assert_eq!(excerpt("two\nlines").to_string(), r"two\nlines");
//! let long = excerpt(&"x".repeat(100_000)).to_string();
//! assert_eq!(long, format!("{}… (100000 characters)", "x".repeat(60)));
//! assert_eq!(excerpt(&"x".repeat(200)).up_to(LONG).to_string().len(), 200);
//! ```

pub mod table;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// How many characters of a name or a number are shown, where it should be.
pub const SHORT: usize = 60;

/// How many characters are shown of a path, or of what another program said.
pub const LONG: usize = 400;

/// The beginning of a value, see [`excerpt`].
#[derive(Debug, Clone)]
pub struct Excerpt<'a> {
    text: Cow<'a, str>,
    most: usize,
}

/// Quotes a name, a number, or any other value that is short if it is valid: up to [`SHORT`] characters of it.
pub fn excerpt(text: &str) -> Excerpt<'_> {
    Excerpt {
        text: text.into(),
        most: SHORT,
    }
}

/// Quotes a path: up to [`LONG`] characters of it.
pub fn path(path: &Path) -> Excerpt<'_> {
    Excerpt {
        text: path.to_string_lossy(),
        most: LONG,
    }
}

impl Excerpt<'_> {
    /// The same value with another bound on its characters.
    #[must_use]
    pub fn up_to(self, most: usize) -> Self {
        Self { most, ..self }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.text.chars().take(self.most) {
            match char {
                // They are harmless, and JSON is hard to read when they are escaped.
                '\'' | '"' | '\\' => write!(f, "{char}")?,
                _ => write!(f, "{}", char.escape_debug())?,
            }
        }
        match self.text.chars().count() {
            all if all > self.most => write!(f, "… ({all} characters)"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_fits_is_shown_whole() {
        for text in ["", "app/0", "/srv/größe", "{\"a\": 'b'}", r"a\x2db"] {
            assert_eq!(excerpt(text).to_string(), text);
        }
        let full = "ü".repeat(SHORT);
        assert_eq!(excerpt(&full).to_string(), full);
    }

    #[test]
    fn a_longer_value_is_cut_between_characters_and_its_length_is_told() {
        let long = "ü".repeat(SHORT + 1);
        let wanted = format!("{}… (61 characters)", "ü".repeat(SHORT));
        assert_eq!(excerpt(&long).to_string(), wanted);
        assert_eq!(
            excerpt("restart").up_to(4).to_string(),
            "rest… (7 characters)"
        );
    }

    #[test]
    fn nothing_that_a_terminal_or_a_log_would_obey_gets_through() {
        let hostile = "a\n\r\t\0\u{1b}[2J\u{202e}\u{2028}b";
        let shown = excerpt(hostile).to_string();
        assert_eq!(shown, r"a\n\r\t\0\u{1b}[2J\u{202e}\u{2028}b");
    }

    #[test]
    fn a_path_has_more_room_than_a_name() {
        let directory = format!("/{}", "a".repeat(300));
        assert_eq!(path(Path::new(&directory)).to_string(), directory);
        let endless = format!("/{}", "a".repeat(100_000));
        let shown = path(Path::new(&endless)).to_string();
        assert!(shown.ends_with("a… (100001 characters)"), "{shown}");
    }
}
