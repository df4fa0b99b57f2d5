//! The model's history: all events in order, written as one event per line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{ContextId, RelationId, UnitName};
use crate::settings::{Detail, Millis};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's place in the history, from 1. Events that the settings leave out are still counted.
    pub n: u64,
    /// Milliseconds since the model began.
    pub at: Millis,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Happening {
    /// A hook, an action or a command begins.
    HookBegin {
        /// Where.
        unit: UnitName,
        /// The running context.
        context: ContextId,
        /// The hook's or action's name, or `juju-exec`.
        hook: String,
    },
    /// A hook, an action or a command has ended.
    HookEnd {
        /// Where.
        unit: UnitName,
        /// The hook's or action's name, or `juju-exec`.
        hook: String,
        /// How it ended.
        outcome: Outcome,
        /// Exit code of the process, if it ended by itself. 0 does not mean success; see the outcome: the controller
        /// may have refused the hook's changes, or the agent may have died after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        /// How long it took, in milliseconds.
        took: Millis,
    },
    /// A hook tool was called.
    Tool {
        /// By whom.
        unit: UnitName,
        /// The tool.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Its exit code.
        code: i32,
    },
    /// A hook's buffered changes became public, atomically. Absent if the hook had buffered nothing.
    Commit {
        /// By whom.
        unit: UnitName,
        /// The hook that wrote it.
        hook: String,
        /// Actual changes in the unit's own databags: `endpoint:id key`, and the new value; empty if the key was
        /// removed.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        unit_writes: BTreeMap<String, String>,
        /// Actual changes in the application databags.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        app_writes: BTreeMap<String, String>,
        /// Whether the unit's controller-side state changed (`state-set`).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        state: bool,
    },
    /// The controller refused a hook's buffered changes; all of them are lost.
    Refused {
        /// By whom.
        unit: UnitName,
        /// The hook that wrote it.
        hook: String,
        /// Why.
        reason: String,
    },
    /// A unit entered a lock, according to the charm's mark.
    Enter {
        /// Who.
        unit: UnitName,
        /// The lock.
        lock: String,
    },
    /// A unit left a lock, according to the charm's mark.
    Leave {
        /// Who.
        unit: UnitName,
        /// The lock.
        lock: String,
    },
    /// Leadership changed hands.
    Leader {
        /// The application.
        application: String,
        /// The new holder of the lease; nobody while it is vacant.
        unit: Option<UnitName>,
    },
    /// A unit's life cycle advanced.
    Life {
        /// Whose.
        unit: UnitName,
        /// The step.
        life: Life,
    },
    /// A unit's agent came up, went down, or was disconnected.
    Agent {
        /// Whose.
        unit: UnitName,
        /// Its condition from here on.
        condition: Condition,
    },
    /// A peer relation was created after the application was deployed.
    RelationAdded {
        /// The application.
        application: String,
        /// The endpoint.
        endpoint: String,
        /// The relation's number.
        relation: RelationId,
    },
    /// A unit no longer sees a peer relation whose endpoint has another one.
    RelationForgotten {
        /// The unit.
        unit: UnitName,
        /// The endpoint.
        endpoint: String,
        /// The relation's number.
        relation: RelationId,
    },
    /// All processes that a unit's hooks had left running were killed: wakers, orphans.
    LeftoversEnded {
        /// Whose.
        unit: UnitName,
    },
    /// A unit's charm directory was lost with everything written there; it is recreated from the charm.
    DiskLost {
        /// Whose.
        unit: UnitName,
    },
    /// The operator changed an application's configuration.
    Config {
        /// The application.
        application: String,
        /// The options that actually changed.
        options: Vec<String>,
    },
    /// The operator queued an action.
    ActionQueued {
        /// Where.
        unit: UnitName,
        /// Its number.
        id: u64,
        /// Its name.
        name: String,
    },
    /// A command was queued.
    ExecQueued {
        /// Where.
        unit: UnitName,
        /// Its number.
        id: u64,
    },
    /// The operator resolved a failed hook.
    Resolved {
        /// Where.
        unit: UnitName,
        /// Whether the hook runs again; if not it counts as done.
        retry: bool,
    },
    /// `status-set`.
    Status {
        /// Whose.
        unit: UnitName,
        /// The application's status rather than the unit's.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_application: bool,
        /// `active`, `waiting`, ...
        status: String,
        /// The message.
        message: String,
    },
    /// `juju-log`, or a message of the agent itself.
    Log {
        /// By whom.
        unit: UnitName,
        /// `INFO`, `WARNING`, ...
        level: String,
        /// The text.
        message: String,
    },
}

/// How a hook, an action or a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Exit code 0, and its changes are public.
    Done,
    /// Another exit code, or the controller refused its changes.
    Failed,
    /// Its process was killed.
    Killed,
    /// The unit's agent died meanwhile.
    Crashed,
}

/// How far a unit's life has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// In service.
    Alive,
    /// Removed by the operator; its last hooks run.
    Dying,
    /// Gone.
    Dead,
}

/// The condition of a unit's agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Runs.
    Up,
    /// Does not run.
    Down,
    /// Its machine is lost for good.
    Lost,
    /// Runs, but cannot reach the controller.
    Unreachable,
    /// The machine is frozen, including its clock.
    Suspended,
}

impl Happening {
    /// The lowest detail at which an event like this is recorded.
    pub fn detail(&self) -> Detail {
        match self {
            Self::Tool { .. } | Self::Log { .. } | Self::Status { .. } => Detail::Everything,
            Self::HookBegin { .. }
            | Self::HookEnd { .. }
            | Self::Commit { .. }
            | Self::Refused { .. } => Detail::Hooks,
            _ => Detail::Turns,
        }
    }
}

impl Event {
    /// The event as one line of JSON, without the line's end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The recorded events, oldest first.
#[derive(Debug, Default)]
pub struct History {
    detail: Detail,
    last: u64,
    events: Vec<Event>,
    drained: usize,
}

impl History {
    pub(crate) fn new(detail: Detail) -> Self {
        Self {
            detail,
            ..Self::default()
        }
    }

    /// Whether events of this detail are recorded, to avoid building those that are not.
    pub(crate) fn records(&self, detail: Detail) -> bool {
        self.detail >= detail
    }

    pub(crate) fn record(&mut self, at: Millis, happening: Happening) {
        self.last += 1;
        if self.records(happening.detail()) {
            self.events.push(Event {
                n: self.last,
                at,
                happening,
            });
        }
    }

    /// Counts an event that nobody records.
    pub(crate) fn count(&mut self) {
        self.last += 1;
    }

    /// The stored events: all recorded ones except those taken out.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events since the last call of this method; they stay stored.
    pub fn news(&mut self) -> &[Event] {
        let from = self.drained;
        self.drained = self.events.len();
        &self.events[from..]
    }

    /// Takes all stored events out, so that a long run needs no memory for them.
    pub fn take(&mut self) -> Vec<Event> {
        self.drained = 0;
        std::mem::take(&mut self.events)
    }

    /// The stored events as JSON lines.
    pub fn to_lines(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            text.push_str(&event.to_line());
            text.push('\n');
        }
        text
    }
}
