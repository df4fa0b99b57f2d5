//! A table on a terminal that is redrawn in place.

use std::io::{self, IsTerminal, Write};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

/// The lines of a board that are not rows, and one for the cursor.
const OTHER_LINES: usize = 7;

/// How a cell is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// Of little interest now.
    Faint,
    /// A heading.
    Strong,
    /// Under way.
    Busy,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
}

/// A text and how it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

impl Cell {
    /// A cell.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

/// The terminal, and what stands on it.
pub(crate) struct Board {
    colour: bool,
    /// How many lines were drawn last.
    drawn: usize,
}

impl Board {
    /// A board on standard output, if that is a terminal with enough lines for this many rows.
    pub(crate) fn open(rows: usize) -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if !io::stdout().is_terminal() || dumb || rows + OTHER_LINES > height() {
            return None;
        }
        let colour = anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        Some(Self { colour, drawn: 0 })
    }

    /// Draws lines in the place of those that were drawn before; each line is a row of cells, which
    /// are set in columns of these widths.
    pub(crate) fn draw(&mut self, lines: &[Vec<Cell>], widths: &[usize]) {
        let mut text = self.erase();
        // A line that wraps would count as two when it is drawn anew.
        text.push_str("\x1b[?7l");
        for line in lines {
            text.push(' ');
            for (index, cell) in line.iter().enumerate() {
                let width = if line.len() == 1 {
                    0
                } else {
                    widths.get(index).copied().unwrap_or(0)
                };
                let padding = width.saturating_sub(cell.text.chars().count());
                text.push_str(&self.paint(cell));
                text.push_str(&" ".repeat(padding + 2));
            }
            text.push_str("\x1b[K\n");
        }
        text.push_str("\x1b[?7h\x1b[J");
        self.drawn = lines.len();
        write(&text);
    }

    /// What brings the cursor back to the first line of the board.
    fn erase(&self) -> String {
        if self.drawn == 0 {
            String::new()
        } else {
            format!("\r\x1b[{}A", self.drawn)
        }
    }

    fn paint(&self, cell: &Cell) -> String {
        let style = match cell.tone {
            Tone::Plain => Style::new(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
            Tone::Busy => AnsiColor::Yellow.on_default().bold(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
        };
        if self.colour {
            format!("{style}{}{style:#}", cell.text)
        } else {
            cell.text.clone()
        }
    }
}

/// The lines of the terminal. A taller board scrolls away and cannot be redrawn.
fn height() -> usize {
    terminal_size::terminal_size().map_or(24, |(_, height)| height.0.into())
}

fn write(text: &str) {
    let mut stdout = io::stdout().lock();
    // The reader may be gone.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}
