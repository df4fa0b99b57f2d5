//! What can go wrong in a hook.
//!
//! An error's variant is its kind, and its fields say where. `Display` says in one line what is wrong, however long
//! the values involved are; [`Error::hint`] says what to do about it.

use std::path::PathBuf;

use ops_coordinator_core::{LockName, NameError, Ticket};
use ops_coordinator_excerpt::{LONG, excerpt};

use crate::service::{ServiceError, ServiceNameError};

/// A hook tool that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.call(), self.outcome())]
pub struct ToolError {
    /// The tool's name.
    pub tool: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its exit code; absent if it did not run or was killed.
    pub code: Option<i32>,
    /// What it wrote to standard error, or why it could not be run.
    pub stderr: String,
}

impl ToolError {
    fn call(&self) -> String {
        let args = self.args.iter().map(|arg| format!(" {}", excerpt(arg)));
        self.tool.clone() + &args.collect::<String>()
    }

    fn outcome(&self) -> String {
        let said = excerpt(self.stderr.trim()).up_to(LONG).to_string();
        match self.code {
            Some(code) if said.is_empty() => format!("exit code {code}"),
            Some(code) => format!("exit code {code}: {said}"),
            None => said,
        }
    }

    /// Whether Juju says that the relation does not exist, or no longer exists. Late in a relation's life
    /// some versions answer "permission denied" instead (canonical/operator #2748).
    pub fn relation_is_gone(&self) -> bool {
        self.stderr.contains("relation not found") || self.stderr.contains("permission denied")
    }
}

/// An error of a hook.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A hook tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A hook tool printed unexpected output.
    #[error("{tool} printed unexpected output: {}", excerpt(why).up_to(LONG))]
    ToolOutput {
        /// The tool's name.
        tool: String,
        /// What is wrong with it.
        why: String,
    },
    /// A variable that Juju sets for every hook is missing or wrong.
    #[error("not in a Juju hook: {variable} {}", excerpt(why).up_to(LONG))]
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The local state cannot be read or written.
    #[error(
        "cannot use the state file {}: {source}",
        ops_coordinator_excerpt::path(path)
    )]
    State {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Only the leader can do this.
    #[error("this unit is not the leader, and only the leader changes the line")]
    NotLeader,
    /// There is nothing to permit: the operation has not stopped after a failure.
    #[error("{0} has not stopped after a failure, so there is nothing to retry")]
    NotStopped(Ticket),
    /// An operator's order could not be carried out now.
    #[error("not done: {0}")]
    NotCarriedOut(String),
    /// There is no process that stands in line in etcd.
    #[error("cannot start the process that keeps the shared lock in etcd: {0}")]
    NoDeputy(std::io::Error),
    /// Another hook of the unit has begun, so nothing this one still does counts.
    #[error(
        "the hook {} is over: another hook has begun and will rerun what is unfinished",
        excerpt(context)
    )]
    HookOver {
        /// The context of the hook that is over.
        context: String,
    },
    /// The context that goes with a request is too large.
    #[error("the context is {size} bytes of JSON; the maximum is {limit}")]
    ContextTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The charm does not declare the peer relation.
    #[error("the charm declares no peer relation '{}'", excerpt(relation))]
    NotDeclared {
        /// The endpoint that was looked for.
        relation: String,
    },
    /// `coordination.toml` is not valid.
    #[error("{}{}: {}", ops_coordinator_excerpt::path(path), at_line(*line), excerpt(why).up_to(LONG))]
    Coordination {
        /// The file.
        path: PathBuf,
        /// The line, from 1, if known.
        line: Option<usize>,
        /// What is wrong there.
        why: String,
    },
    /// `coordination.toml` declares other locks.
    #[error("coordination.toml declares no lock '{lock}'")]
    UnknownLock {
        /// The lock that it does not declare.
        lock: LockName,
        /// Those that it declares.
        declared: Vec<LockName>,
    },
    /// A service name is not valid.
    #[error(transparent)]
    ServiceName(#[from] ServiceNameError),
    /// A service did not restart.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}"))
        .unwrap_or_default()
}

impl Error {
    /// What to do about it, where there is something that a person can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name(error) => error.hint(),
            Self::ServiceName(error) => error.hint(),
            Self::ToolOutput { tool, .. } => {
                format!("check that nothing else called {tool} comes before Juju's on the PATH")
            }
            Self::Environment { .. } => {
                "call it from the charm's hooks; from a shell, use `juju exec --unit APPLICATION/NUMBER -- ...`"
                    .to_owned()
            }
            Self::State { .. } => {
                "fix this, and let the hook run again; nothing that is finished is repeated".to_owned()
            }
            Self::NoDeputy(error) if error.kind() == std::io::ErrorKind::Unsupported => {
                "this build does not know etcd: carry the command `ops-coordinator` built with its feature `etcd` (in Rust, name it to \
                 `run_charm_with_deputy`), or take `shared` out of coordination.toml"
                    .to_owned()
            }
            Self::NoDeputy(_) => "nothing begins without it; the next hook tries again".to_owned(),
            Self::NotLeader => {
                "run it on the leader: juju exec --unit APPLICATION/leader -- ...".to_owned()
            }
            Self::NotStopped(_) => {
                "look at `status`: it may not have failed, or it tries again by itself, or the leader has not seen \
                 the failure yet"
                    .to_owned()
            }
            Self::NotCarriedOut(_) => "try again in another hook".to_owned(),
            Self::ContextTooLarge { .. } => {
                "put the data elsewhere, and only its name or version in the context".to_owned()
            }
            Self::NotDeclared { relation } => {
                let relation = excerpt(relation);
                format!(
                    "add it to charmcraft.yaml (or metadata.yaml):\n  \
                     peers:\n    {relation}:\n      interface: coordinator"
                )
            }
            Self::Coordination { .. } => {
                "docs/policies.md has all keys and their values; `ops-coordinator check` checks the file"
                    .to_owned()
            }
            Self::UnknownLock { lock, declared } if declared.is_empty() => {
                format!("it declares none; add [locks.{lock}] to it")
            }
            Self::UnknownLock { lock, declared } => {
                let declared: Vec<&str> = declared.iter().map(LockName::as_str).collect();
                let declared = declared.join(", ");
                format!("it declares {declared}; add [locks.{lock}] to it, or use one of these")
            }
            Self::Tool(_) | Self::HookOver { .. } | Self::Service(_) => return None,
        })
    }

    /// The error as a person reads it: what is wrong, and under it the hint, if there is one.
    pub fn explained(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}\nhint: {hint}"),
            None => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_tool_is_told_in_one_short_line() {
        let error = ToolError {
            tool: "relation-set".to_owned(),
            args: vec!["-r".to_owned(), "x".repeat(16_000)],
            code: Some(1),
            stderr: format!("ERROR\n{}", "y".repeat(16_000)),
        };
        let shown = error.to_string();
        assert!(shown.starts_with("relation-set -r xxx"), "{shown}");
        assert!(
            shown.contains("x… (16000 characters): exit code 1: ERROR\\nyyy"),
            "{shown}"
        );
        assert!(shown.chars().count() < 600, "{shown}");
    }

    #[test]
    fn the_hint_stands_on_its_own_line() {
        let error = Error::from(
            "Restart"
                .parse::<ops_coordinator_core::LockName>()
                .unwrap_err(),
        );
        assert_eq!(
            error.explained(),
            "invalid lock name 'Restart'\n\
             hint: a lock name is 1 to 32 of a-z, 0-9, '-' and '_', starting with a letter"
        );
        let error = Error::HookOver {
            context: "app/0-start-1".to_owned(),
        };
        assert_eq!(error.explained(), error.to_string());
    }
}
