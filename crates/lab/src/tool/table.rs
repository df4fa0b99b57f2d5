//! The list of tools: the names that a unit finds on its `PATH`, and what answers a call of each.

use super::scene::{Answer, Scene};
use super::{
    action, config, goal, leader, log, mark, network, port, relation_get, relation_list,
    relation_set, state, status,
};
use crate::version::JujuVersion;

/// One tool.
pub(super) struct Tool {
    /// The name that a charm calls it by.
    pub(super) name: &'static str,
    /// Whether a Juju of this version has it.
    pub(super) exists: fn(JujuVersion) -> bool,
    /// What a call does.
    pub(super) deed: Deed,
}

/// What a call of a tool does.
#[derive(Clone, Copy)]
pub(super) enum Deed {
    /// The world answers it.
    Answer(fn(&mut Scene<'_>) -> Answer),
    /// The charm finds the tool, which says that the lab cannot do what Juju does.
    Unsupported,
    /// It runs a command in a context of its own, and so never within another context.
    Exec,
}

static TOOLS: [Tool; 44] = [
    answered("action-fail", action::fail),
    answered("action-get", action::get),
    answered("action-log", action::log),
    answered("action-set", action::set),
    answered("application-version-set", config::application_version_set),
    answered("close-port", port::close),
    answered("config-get", config::get),
    unsupported("credential-get"),
    answered("goal-state", goal::run),
    answered("is-leader", leader::is_leader),
    tool("juju-exec", Deed::Exec).on(since_3),
    answered("juju-log", log::run),
    unsupported("juju-reboot"),
    tool("juju-run", Deed::Exec).on(JujuVersion::calls_exec_run),
    answered("lab-mark", mark::run),
    answered("leader-get", leader::get).on(JujuVersion::has_leader_tools),
    answered("leader-set", leader::set).on(JujuVersion::has_leader_tools),
    answered("network-get", network::run),
    answered("open-port", port::open),
    answered("opened-ports", port::opened),
    unsupported("pod-spec-set").on(JujuVersion::calls_exec_run),
    answered("relation-get", relation_get::run),
    answered("relation-ids", relation_list::ids),
    answered("relation-list", relation_list::list),
    answered("relation-model-get", relation_list::model).on(JujuVersion::has_relation_model_get),
    answered("relation-set", relation_set::run),
    unsupported("resource-get"),
    unsupported("secret-add").on(since_3),
    unsupported("secret-get").on(since_3),
    unsupported("secret-grant").on(since_3),
    unsupported("secret-ids").on(since_3),
    unsupported("secret-info-get").on(since_3),
    unsupported("secret-remove").on(since_3),
    unsupported("secret-revoke").on(since_3),
    unsupported("secret-set").on(since_3),
    answered("state-delete", state::delete),
    answered("state-get", state::get),
    answered("state-set", state::set),
    answered("status-get", status::get),
    answered("status-set", status::set),
    unsupported("storage-add"),
    unsupported("storage-get"),
    unsupported("storage-list"),
    answered("unit-get", config::unit_get),
];

const fn tool(name: &'static str, deed: Deed) -> Tool {
    Tool {
        name,
        exists: |_| true,
        deed,
    }
}

const fn answered(name: &'static str, answer: fn(&mut Scene<'_>) -> Answer) -> Tool {
    tool(name, Deed::Answer(answer))
}

const fn unsupported(name: &'static str) -> Tool {
    tool(name, Deed::Unsupported)
}

impl Tool {
    const fn on(self, exists: fn(JujuVersion) -> bool) -> Self {
        Self { exists, ..self }
    }
}

/// Juju 3 brought secrets and `juju-exec`, and took `pod-spec-set` and `juju-run` away.
fn since_3(version: JujuVersion) -> bool {
    !version.calls_exec_run()
}

/// The tool of this name, whichever Juju has it.
pub(super) fn find(name: &str) -> Option<&'static Tool> {
    let place = TOOLS.binary_search_by_key(&name, |tool| tool.name).ok()?;
    Some(&TOOLS[place])
}

/// Whether any Juju that the lab imitates has a tool of this name.
pub(crate) fn is_tool(name: &str) -> bool {
    find(name).is_some()
}

/// Whether the tool of this name runs a command in a context of its own: `juju-exec`, `juju-run`.
pub(crate) fn runs_commands(name: &str) -> bool {
    find(name).is_some_and(|tool| matches!(tool.deed, Deed::Exec))
}

/// The names of all tools that a unit finds on its `PATH` with this Juju version, sorted; `juju-exec`
/// (or `juju-run`) among them.
pub fn names(version: JujuVersion) -> Vec<&'static str> {
    let here = TOOLS.iter().filter(|tool| (tool.exists)(version));
    here.map(|tool| tool.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TOOLS.is_sorted_by_key(|tool| tool.name));
    }

    #[test]
    fn tools_come_and_go_with_the_version() {
        let has = |version: &str, tool: &str| names(version.parse().unwrap()).contains(&tool);
        assert!(has("2.9.50", "juju-run") && !has("2.9.50", "juju-exec"));
        assert!(has("2.9.50", "pod-spec-set") && !has("3.6.9", "pod-spec-set"));
        assert!(has("3.6.9", "secret-get") && !has("2.9.50", "secret-get"));
        assert!(has("3.6.9", "leader-get") && has("3.6.9", "juju-exec"));
        assert!(!has("4.0.1", "leader-set"));
        assert!(has("3.6.2", "relation-model-get") && !has("3.6.1", "relation-model-get"));
    }

    #[test]
    fn whatever_a_unit_finds_is_a_tool_when_it_is_called() {
        for version in ["2.9.50", "3.6.9", "4.0.1"] {
            let names = names(version.parse().unwrap());
            assert!(names.into_iter().all(is_tool), "{version}");
        }
    }
}
