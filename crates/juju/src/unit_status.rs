//! The unit's workload status, for charms that let it say what the unit waits for.

use serde::{Deserialize, Serialize};

use crate::tool::WorkloadStatus;
use crate::{Error, Hook};

/// The note under which a hook keeps what it has shown.
const NOTE: &str = "unit status";

/// What a hook has shown, and what the charm itself had set before.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    text: String,
    before: WorkloadStatus,
}

impl Hook {
    /// Shows in the unit's status what it waits for ([`Hook::summary`]), as `waiting`, and restores what the charm had
    /// set before once it waits no longer. Call it after the charm has set its own status.
    ///
    /// The charm's own status wins if it is `blocked`, `maintenance` or an error, or if the charm has set another one
    /// since. Calls no hook tool as long as nothing changes.
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read or written.
    pub fn show_unit_status(&mut self) -> Result<(), Error> {
        let summary = self.summary()?;
        let shown = self.noted(NOTE);
        let shown: Option<Shown> = shown.and_then(|text| serde_json::from_str(text).ok());
        if shown.as_ref().map(|shown| &shown.text) == summary.as_ref() {
            return Ok(());
        }
        let present = self.tools().status_get()?;
        let is_ours = shown
            .as_ref()
            .is_some_and(|shown| present.message == shown.text && present.status == "waiting");
        let before = match shown {
            Some(shown) if is_ours => shown.before,
            _ => present.clone(),
        };
        match summary {
            Some(text) if is_ours || may_be_replaced(&present.status) => {
                self.tools().status_set("waiting", &text)?;
                self.keep(Some(Shown { text, before }))
            }
            None if is_ours => {
                // A unit that has never set its status cannot go back to that.
                let status = match before.status.as_str() {
                    "unknown" | "" => "active",
                    status => status,
                };
                self.tools().status_set(status, &before.message)?;
                self.keep(None)
            }
            _ => self.keep(None),
        }
    }

    fn keep(&mut self, shown: Option<Shown>) -> Result<(), Error> {
        let text = shown.and_then(|shown| serde_json::to_string(&shown).ok());
        self.note(NOTE, &text.unwrap_or_default());
        self.save_notes()
    }
}

/// Whether waiting for a turn is more important than this.
fn may_be_replaced(status: &str) -> bool {
    matches!(status, "active" | "waiting" | "unknown" | "")
}
