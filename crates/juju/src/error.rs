//! Errors of a hook, with messages that say what to do.

use std::path::PathBuf;

use ops_coordinator_core::NameError;

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
        let mut call = self.tool.clone();
        for arg in &self.args {
            call.push(' ');
            call.push_str(arg);
        }
        call
    }

    fn outcome(&self) -> String {
        let said = self.stderr.trim();
        match self.code {
            Some(code) if said.is_empty() => format!("exit code {code}"),
            Some(code) => format!("exit code {code}: {said}"),
            None => said.to_owned(),
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
    #[error(
        "{tool} printed unexpected output: {why}; is there another {tool} before Juju's on the PATH?"
    )]
    ToolOutput {
        /// The tool's name.
        tool: String,
        /// What is wrong with it.
        why: String,
    },
    /// A variable that Juju sets for every hook is missing or wrong.
    #[error("{variable} {why}: this command must run inside a Juju hook (or use `juju exec`)")]
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
    #[error("the state file {}: {source}; fix this and let the hook run again", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Only the leader can do this.
    #[error(
        "this unit is not the leader, and only the leader changes the line; \
         run it there: juju exec --unit APPLICATION/leader -- ..."
    )]
    NotLeader,
    /// An operator's order could not be carried out now.
    #[error("not done: {0}; try again in another hook")]
    NotCarriedOut(String),
    /// Another hook of the unit has begun, so nothing this one still does counts.
    #[error("the hook {context} is over: another hook has begun and will rerun what is unfinished")]
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
    #[error(
        "the charm declares no peer relation '{relation}'; add to its charmcraft.yaml (or metadata.yaml):\n  \
         peers:\n    {relation}:\n      interface: coordinator"
    )]
    NotDeclared {
        /// The endpoint that was looked for.
        relation: String,
    },
    /// A service name is not valid.
    #[error("invalid service name '{0}': use letters, digits and ':_.@-', not starting with '-'")]
    ServiceName(String),
    /// A service did not restart.
    #[error(transparent)]
    Service(#[from] crate::service::ServiceError),
}
