//! Waits for the end of what a step has queued.

use crate::deed::Effect;
use crate::dispatch::{ActionId, ExecId, Progress};
use crate::scenario::Ending;
use crate::world::World;

/// What a step waits for once it is taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Awaited {
    Action { id: ActionId, fails: bool },
    Exec { id: ExecId, code: i32 },
}

impl Awaited {
    /// What was queued, if anything, and how it must end.
    pub(super) fn new(effect: &Effect, ending: Ending) -> Option<Self> {
        let Ending { fails, code } = ending;
        match *effect {
            Effect::Action(id) => Some(Self::Action { id, fails }),
            Effect::Exec(id) => Some(Self::Exec { id, code }),
            Effect::None | Effect::Units(_) | Effect::Relation(_) => None,
        }
    }

    /// How it ended, once it has; an error if that is not as it should be.
    pub(super) fn outcome(self, world: &World) -> Option<Result<(), String>> {
        match self {
            Self::Action { id, fails } => {
                let record = world.action(id)?;
                let failed = match record.progress {
                    Progress::Completed => false,
                    Progress::Failed => true,
                    _ => return None,
                };
                let (name, message) = (&record.name, &record.message);
                Some(match (failed, fails) {
                    (true, false) => Err(format!(
                        "action {name} was expected to succeed, but failed: {message}"
                    )),
                    (false, true) => {
                        Err(format!("action {name} was expected to fail, but succeeded"))
                    }
                    _ => Ok(()),
                })
            }
            Self::Exec { id, code } => {
                let record = world.exec_record(id)?;
                if !record.progress.has_ended() {
                    return None;
                }
                let (got, stderr) = (record.code, String::from_utf8_lossy(&record.stderr));
                let stderr = stderr.trim();
                let wrong = || {
                    format!(
                        "expected the command to exit with {code}, but it exited with {got}: {stderr}"
                    )
                };
                Some(if got == code { Ok(()) } else { Err(wrong()) })
            }
        }
    }
}
