//! What an agent writes down: it survives the agent's death.

use super::hook::Hook;

/// The agent's own notes.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent fact of Juju's state file"
)]
pub(crate) struct Local {
    pub(crate) installed: bool,
    pub(crate) started: bool,
    pub(crate) stopped: bool,
    pub(crate) removed: bool,
    /// Leadership as the agent has accepted it.
    pub(crate) leader: bool,
    /// The configuration of the last `config-changed`.
    pub(crate) config_hash: Option<u64>,
    /// The charm that is unpacked.
    pub(crate) revision: u64,
    /// The leader's settings of the last `leader-settings-changed`.
    pub(crate) settings_version: u64,
    /// The unit has come up on a new disk, and `start` is to tell its charm so.
    pub(crate) rebooted: bool,
    pub(crate) operation: Operation,
}

/// What the agent is in the middle of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Operation {
    #[default]
    Continue,
    Hook(Hook, Phase),
}

/// How far a hook has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It will run, whatever else happens.
    Queued,
    /// It has begun. Found by an agent that runs nothing, this is a failure.
    Pending,
    /// It is over and public, but not noted as delivered.
    Done,
}
