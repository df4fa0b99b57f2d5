//! Describes in plain lines what happens in a model.

use ops_coordinator_lab::history::{Condition, Event, Happening, Life, Outcome};

/// Milliseconds as seconds with a tenth.
pub(crate) fn seconds(millis: u64) -> String {
    format!("{}.{}", millis / 1_000, millis % 1_000 / 100)
}

/// One line of the story: when, and what.
pub(crate) fn line(at: u64, text: &str) -> String {
    let (seconds, rest) = (at / 1_000, at % 1_000);
    format!("{seconds:>5}.{rest:03}  {text}")
}

/// An event in words; `None` for events that would only be noise.
pub(crate) fn tell(event: &Event) -> Option<String> {
    Some(match &event.happening {
        Happening::Enter { unit, lock } => format!("{unit} enters {lock}"),
        Happening::Leave { unit, lock } => format!("{unit} leaves {lock}"),
        Happening::HookEnd {
            unit,
            hook,
            outcome,
            code,
            ..
        } => match outcome {
            Outcome::Done => return None,
            Outcome::Failed => match code {
                Some(code) if *code != 0 => format!("{unit} {hook} failed with exit code {code}"),
                _ => format!("{unit} {hook} failed"),
            },
            Outcome::Killed => format!("{unit} {hook} was killed"),
            Outcome::Crashed => format!("{unit} {hook} was interrupted: the agent died"),
        },
        Happening::Refused { unit, hook, reason } => {
            format!("{unit} {hook}: the controller refused its changes: {reason}")
        }
        Happening::Leader {
            unit: Some(unit), ..
        } => format!("{unit} is the leader"),
        Happening::Leader {
            application,
            unit: None,
        } => format!("{application} has no leader"),
        Happening::Life { unit, life } => match life {
            Life::Alive => return None,
            Life::Dying => format!("{unit} is being removed"),
            Life::Dead => format!("{unit} is gone"),
        },
        Happening::Agent { unit, condition } => match condition {
            Condition::Up => format!("{unit}: the agent is up"),
            Condition::Down => format!("{unit}: the agent is down"),
            Condition::Lost => format!("{unit}: the machine is lost"),
            Condition::Unreachable => format!("{unit}: the controller is unreachable"),
            Condition::Suspended => format!("{unit}: the machine is frozen"),
        },
        Happening::RelationAdded {
            application,
            endpoint,
            relation,
        } => format!("{application} has a new relation {endpoint}:{relation}"),
        Happening::RelationForgotten {
            unit,
            endpoint,
            relation,
        } => format!("{unit} no longer sees {endpoint}:{relation}"),
        Happening::LeftoversEnded { unit } => format!("{unit}: processes left by hooks are dead"),
        Happening::DiskLost { unit } => format!("{unit}: the disk is lost"),
        _ => return None,
    })
}
