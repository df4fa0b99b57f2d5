//! How a run is shown while it is in progress.

use std::io::Write;

use ops_coordinator_excerpt::{LONG, excerpt};
use ops_coordinator_lab::history::Event;
use ops_coordinator_lab::process::Lab;

use super::narrator::{line, tell};

/// Shows a run.
pub(crate) trait View {
    /// Shows a remark that is no event of the model.
    fn say(&mut self, at: u64, text: &str);
    /// Shows what has happened since the last call.
    fn refresh(&mut self, lab: &Lab);
    /// Nothing moves any more, though a request is unserved.
    fn stop(&mut self, _lab: &Lab) {}
    /// Something moves again.
    fn go_on(&mut self) {}
    /// Shows the last state; nothing comes after it.
    fn close(&mut self, lab: &Lab);
}

/// One line for each thing worth telling.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    seen: usize,
}

impl View for Plain {
    fn say(&mut self, at: u64, text: &str) {
        print_line(&line(at, &format!("-- {}", bounded(text))));
    }

    fn refresh(&mut self, lab: &Lab) {
        for event in news(lab, &mut self.seen) {
            if let Some(text) = tell(&event) {
                print_line(&line(event.at, &text));
            }
        }
    }

    fn close(&mut self, _: &Lab) {}
}

/// Prints nothing.
pub(crate) struct Silent;

impl View for Silent {
    fn say(&mut self, _: u64, _: &str) {}
    fn refresh(&mut self, _: &Lab) {}
    fn close(&mut self, _: &Lab) {}
}

/// The events since `seen`, which is moved on.
pub(crate) fn news(lab: &Lab, seen: &mut usize) -> Vec<Event> {
    lab.with_world(|world, _| {
        let events = world.history().events();
        let news = events.get(*seen..).unwrap_or_default().to_vec();
        *seen = events.len();
        news
    })
}

/// A text in which a charm or a scenario may have its say: each line of it without control characters, and not endless.
pub(super) fn bounded(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| excerpt(line).up_to(LONG).to_string());
    lines.collect::<Vec<_>>().join("\n")
}

/// Prints a line; the reader may be gone.
pub(crate) fn print_line(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}
