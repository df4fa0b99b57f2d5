//! The hooks that an agent can run.

use crate::model::member::Member;
use crate::name::RelationId;

/// One hook, with what its commit will note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Install,
    LeaderElected,
    /// Notes the configuration that it was run for.
    ConfigChanged {
        hash: u64,
    },
    Start,
    UpdateStatus,
    UpgradeCharm,
    /// Notes the settings that it was run for.
    LeaderSettingsChanged {
        version: u64,
    },
    Stop,
    Remove,
    Relation(RelationHook),
}

/// A hook of a peer relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelationHook {
    pub(crate) kind: RelationKind,
    pub(crate) relation: RelationId,
    /// The remote unit; none for created and for a change of the application's bag.
    pub(crate) member: Option<Member>,
    /// The version that the commit notes as delivered, which may be older than what the hook reads.
    pub(crate) version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    Created,
    Joined,
    Changed,
    Departed,
}

impl Hook {
    /// The hook's name; `endpoint` is asked for in relation hooks.
    pub(crate) fn name(&self, endpoint: impl FnOnce(RelationId) -> String) -> String {
        let name = match self {
            Self::Install => "install",
            Self::LeaderElected => "leader-elected",
            Self::ConfigChanged { .. } => "config-changed",
            Self::Start => "start",
            Self::UpdateStatus => "update-status",
            Self::UpgradeCharm => "upgrade-charm",
            Self::LeaderSettingsChanged { .. } => "leader-settings-changed",
            Self::Stop => "stop",
            Self::Remove => "remove",
            Self::Relation(hook) => {
                let kind = match hook.kind {
                    RelationKind::Created => "created",
                    RelationKind::Joined => "joined",
                    RelationKind::Changed => "changed",
                    RelationKind::Departed => "departed",
                };
                return format!("{}-relation-{kind}", endpoint(hook.relation));
            }
        };
        name.to_owned()
    }
}
