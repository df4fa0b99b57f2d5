//! Deeds in words.

use std::fmt;

use super::{Deed, Effect, UnitDeed};
use crate::name::UnitName;

impl<U: fmt::Display> fmt::Display for Deed<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(values) => {
                f.write_str("config")?;
                values
                    .iter()
                    .try_for_each(|(option, value)| write!(f, " {option}={value}"))
            }
            Self::AddUnits(1) => f.write_str("add a unit"),
            Self::AddUnits(count) => write!(f, "add {count} units"),
            Self::Upgrade { to, force } => {
                let force = if *force { " by force" } else { "" };
                write!(f, "upgrade the charm{force}")?;
                match to.adds() {
                    [] => Ok(()),
                    adds => write!(f, ", which adds {}", adds.join(", ")),
                }
            }
            Self::DuplicateRelation(endpoint) => write!(f, "a second relation of {endpoint}"),
            Self::ExpireLease => f.write_str("the leader's lease lapses"),
            Self::Clock(offsets) => {
                let offsets: Vec<_> = offsets
                    .iter()
                    .map(|(unit, offset)| format!("{unit} {}", signed(*offset)))
                    .collect();
                write!(f, "set clock offsets: {}", offsets.join(", "))
            }
            Self::Action { unit, name, .. } => write!(f, "action {name} on {unit}"),
            Self::Exec { unit, command } => write!(f, "juju exec on {unit}: {command}"),
            Self::Unit(unit, deed) => f.write_str(&deed.told_of(unit)),
        }
    }
}

impl UnitDeed {
    /// What is done to this unit, in words.
    fn told_of(self, unit: &impl fmt::Display) -> String {
        match self {
            Self::AgentDown => format!("stop the agent of {unit}"),
            Self::AgentUp => format!("start the agent of {unit}"),
            Self::CutOff => format!("disconnect {unit} from the controller"),
            Self::Reconnect => format!("reconnect {unit} to the controller"),
            Self::Suspend => format!("freeze the machine of {unit}"),
            Self::Wake => format!("thaw the machine of {unit}"),
            Self::LoseMachine => format!("lose the machine of {unit}"),
            Self::LoseDisk => format!("lose the disk of {unit}"),
            Self::Kill {
                spare_children: false,
            } => format!("kill -9 of the hook of {unit}"),
            Self::Kill {
                spare_children: true,
            } => format!("kill -9 of the dispatch process of {unit}, not of its children"),
            Self::KillAfter { phases } => {
                format!("kill -9 of the hook of {unit} after {phases} phases")
            }
            Self::Crash { at } => format!("the agent of {unit} will die at {}", at.name()),
            Self::Fail => format!("a hook of {unit} will fail"),
            Self::LoseReply => format!("the reply to a hook of {unit} will be lost"),
            Self::EndLeftovers => format!("end what the hooks of {unit} left running"),
            Self::ForgetRelation => format!("{unit} stops seeing one of two relations"),
            Self::Leader => format!("{unit} becomes the leader"),
            Self::Remove { force, untold } => {
                let force = if force { " by force" } else { "" };
                let untold = match untold {
                    true => ", without telling the others",
                    false => "",
                };
                format!("remove {unit}{force}{untold}")
            }
            Self::Resolve { retry: true } => format!("resolve {unit}"),
            Self::Resolve { retry: false } => format!("resolve {unit} without a retry"),
        }
    }
}

impl Effect {
    /// The deed that had this effect, in words.
    pub fn told(&self, deed: &Deed<UnitName>) -> String {
        match (self, deed) {
            (Self::Units(names), _) => {
                let names: Vec<_> = names.iter().map(ToString::to_string).collect();
                format!("add {}", names.join(" "))
            }
            (Self::Relation(relation), Deed::DuplicateRelation(endpoint)) => {
                format!("{deed}: {endpoint}:{relation}")
            }
            _ => deed.to_string(),
        }
    }
}

/// An offset of a clock, in seconds.
fn signed(offset: i64) -> String {
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    format!("{sign}{}.{:03} s", size / 1_000, size % 1_000)
}
