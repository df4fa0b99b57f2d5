//! What an agent must run, and what it reports at the end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::name::{ContextId, UnitName};
use crate::settings::Millis;

/// What a unit's agent does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Run this, then report its end with `World::exited`.
    Run(Box<Dispatch>),
    /// Nothing now. Ask again when the world says that the unit woke, or at this time.
    Wait {
        /// When something becomes due by itself, if anything does.
        until: Option<Millis>,
    },
    /// The unit is gone for good (removed, or its machine is lost).
    Gone,
}

/// One hook, action or command to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The id that every tool call of this run carries.
    pub context: ContextId,
    /// Where it runs.
    pub unit: UnitName,
    /// The hook's name, the action's name, or `juju-exec`.
    pub name: String,
    /// Which of the three it is.
    pub what: What,
    /// The revision of the charm that the unit runs, counted from 0 for the one that was deployed.
    pub revision: u64,
    /// The environment, except what only a driver knows: directories, `PATH` and the agent's socket.
    pub env: BTreeMap<&'static str, String>,
}

/// The kinds of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A hook.
    Hook,
    /// An action that the operator asked for.
    Action {
        /// Its number.
        id: ActionId,
        /// Its parameters.
        params: BTreeMap<String, Value>,
    },
    /// A command for `/bin/bash -s`, outside any hook.
    Exec {
        /// Its number.
        id: ExecId,
        /// The command's text.
        command: String,
    },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The process ended by itself. A hook that the charm does not have counts as `Code(0)`.
    Code(i32),
    /// The process itself (not a child of it) was killed by SIGKILL or SIGTERM: it runs again at once.
    Killed,
    /// The process succeeded and its changes are public, but the controller's answer was lost: the agent
    /// takes the hook for failed, and it will run again.
    ReplyLost,
    /// The unit's agent died; it restarts by itself after `Settings::agent_restart`.
    Crash(CrashPoint),
}

/// Where in the course of a hook an agent can die.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashPoint {
    /// The hook is noted as begun, its process did not start.
    BeforeProcess,
    /// While the process runs.
    MidProcess,
    /// The process has ended well, nothing of it is public.
    AfterProcess,
    /// What it wrote is public, but it is not noted as done: it will run again.
    AfterFlush,
    /// It is noted as done, but not yet as delivered: it will not run again.
    AfterDone,
}

impl CrashPoint {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [
        Self::BeforeProcess,
        Self::MidProcess,
        Self::AfterProcess,
        Self::AfterFlush,
        Self::AfterDone,
    ];

    /// The point's name in scenarios and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeProcess => "before-process",
            Self::MidProcess => "mid-process",
            Self::AfterProcess => "after-process",
            Self::AfterFlush => "after-flush",
            Self::AfterDone => "after-done",
        }
    }
}

/// The number of an action, unique in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionId(pub u64);

/// The number of a queued command, unique in a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExecId(pub u64);

/// How far an action or a command has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Queued.
    #[default]
    Waiting,
    /// Under way.
    Running,
    /// Ended well.
    Completed,
    /// Ended badly, or will never run.
    Failed,
}

impl Progress {
    /// Whether it goes no further.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// An action that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionRecord {
    /// How far it has got.
    pub progress: Progress,
    /// Its name.
    pub name: String,
    /// What it set, by dotted key; complete once it has ended.
    pub results: BTreeMap<String, String>,
    /// Its failure message, if any.
    pub message: String,
    /// What it logged.
    pub log: Vec<String>,
    /// Its process's exit code.
    pub code: Option<i32>,
}

/// A command that was queued.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecRecord {
    /// How far it has got.
    pub progress: Progress,
    /// Its exit code; the error of a refused commit makes it 1.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
}

/// One call of a hook tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// `JUJU_CONTEXT_ID` of the caller.
    pub context: ContextId,
    /// The tool's name.
    pub command: String,
    /// Its arguments, without its name.
    pub args: Vec<String>,
    /// What it read from stdin, once the world has asked for it.
    pub stdin: Option<Vec<u8>>,
    /// The caller's working directory.
    pub dir: String,
    /// The contents of files that the arguments name (`relation-set --file PATH`), by path as written in the
    /// arguments; the world itself reads no files. See [`crate::tool::named_file`].
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A hook tool's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolReply {
    /// The exit code: 0, 1 for a failure, 2 for a wrong call.
    pub code: i32,
    /// For stdout.
    pub stdout: Vec<u8>,
    /// For stderr.
    pub stderr: Vec<u8>,
    /// The call must come again with the contents of stdin; the rest of the answer is empty.
    pub needs_stdin: bool,
}

impl ToolReply {
    /// The answer of a tool that failed.
    pub(crate) fn failed(code: i32, text: &str) -> Self {
        Self {
            code,
            stderr: format!("ERROR {text}\n").into_bytes(),
            ..Self::default()
        }
    }
}
