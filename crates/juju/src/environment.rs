//! The environment of a hook, as Juju sets it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ops_coordinator_core::{RelationId, UnitName};

use crate::Error;
use crate::declaration::declared_peers;

/// Where a unit keeps its state, in the charm's directory.
const STATE: &str = ".ops-coordinator";

/// What Juju tells a hook through environment variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The unit that the hook runs on.
    pub unit: UnitName,
    /// The id of this hook's context; no two hooks share one.
    pub context: String,
    /// The hook's name, such as `config-changed`; absent in an action or a command.
    pub hook: Option<String>,
    /// The charm's directory.
    pub charm_dir: PathBuf,
    /// The relation that the hook is about.
    pub relation: Option<RelationId>,
    /// The unit that the hook is about.
    pub remote_unit: Option<UnitName>,
    /// The unit that is leaving, in a `relation-departed` hook.
    pub departing_unit: Option<UnitName>,
    /// The unit's availability zone.
    pub zone: Option<String>,
    /// The id of the unit's model, which no other model has.
    pub model: Option<String>,
    /// Whether Juju retries this if it fails: it retries hooks, but not actions or commands.
    pub will_be_retried: bool,
    /// The endpoints of the charm's peer relations, according to its metadata.
    pub peers: BTreeSet<String>,
}

impl Environment {
    /// Where the unit keeps its state: a directory in the charm's directory, which survives a refresh.
    pub fn state_dir(&self) -> PathBuf {
        self.charm_dir.join(STATE)
    }

    /// Whether the hook is the one in which the relation that it is about was created.
    pub(crate) fn relation_created(&self) -> bool {
        let created = |relation: &RelationId| format!("{}-relation-created", relation.endpoint());
        self.relation
            .as_ref()
            .is_some_and(|relation| self.hook.as_deref() == Some(&created(relation)))
    }

    /// The relation that ends with this hook. Juju may still list it.
    pub(crate) fn relation_that_breaks(&self) -> Option<&RelationId> {
        let broken = |relation: &&RelationId| {
            let name = format!("{}-relation-broken", relation.endpoint());
            self.hook.as_deref() == Some(&name)
        };
        self.relation.as_ref().filter(broken)
    }

    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`Error::Environment`] if a variable that every hook has is missing, [`Error::Name`] if one does
    /// not contain a unit name.
    pub fn from_process() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads the environment through a function that looks up variables by name. Empty values count as
    /// absent, because Juju always exports some variables.
    ///
    /// # Errors
    /// As [`Environment::from_process`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let need = |name: &'static str| {
            get(name).ok_or(Error::Environment {
                variable: name,
                why: "is not set".to_owned(),
            })
        };
        let unit = |name: &str| get(name).map(|text| text.parse()).transpose();
        let own = need("JUJU_UNIT_NAME")?.parse()?;
        let context = need("JUJU_CONTEXT_ID")?;
        let charm_dir: PathBuf = need("JUJU_CHARM_DIR")
            .or_else(|_| need("CHARM_DIR"))?
            .into();
        Ok(Self {
            unit: own,
            context,
            hook: get("JUJU_HOOK_NAME"),
            peers: declared_peers(&charm_dir),
            charm_dir,
            relation: get("JUJU_RELATION_ID").map(RelationId::new),
            remote_unit: unit("JUJU_REMOTE_UNIT")?,
            departing_unit: unit("JUJU_DEPARTING_UNIT")?,
            zone: get("JUJU_AVAILABILITY_ZONE"),
            model: get("JUJU_MODEL_UUID"),
            // Juju always exports the name, and leaves it empty where there is no hook.
            will_be_retried: variable("JUJU_HOOK_NAME").is_none_or(|name| !name.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Result<Environment, Error> {
        Environment::from_variables(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn empty_variables_count_as_absent() {
        let seen = environment(&[
            ("JUJU_UNIT_NAME", "app/3"),
            ("JUJU_CONTEXT_ID", "app/3-start-1"),
            ("CHARM_DIR", "/charm"),
            ("JUJU_REMOTE_UNIT", ""),
            ("JUJU_RELATION_ID", "coordinator:7"),
        ])
        .unwrap();
        assert_eq!(seen.remote_unit, None);
        assert_eq!(seen.relation.as_ref().unwrap().endpoint(), "coordinator");
        assert!(seen.will_be_retried);
    }

    #[test]
    fn an_action_has_no_hooks_name_and_is_not_run_again() {
        let seen = environment(&[
            ("JUJU_UNIT_NAME", "app/3"),
            ("JUJU_CONTEXT_ID", "app/3-restart-1"),
            ("CHARM_DIR", "/charm"),
            ("JUJU_HOOK_NAME", ""),
        ])
        .unwrap();
        assert_eq!((seen.hook, seen.will_be_retried), (None, false));
    }

    #[test]
    fn the_hook_that_creates_a_relation_is_known_by_its_name() {
        let created = |hook: &str| {
            let seen = environment(&[
                ("JUJU_UNIT_NAME", "app/3"),
                ("JUJU_CONTEXT_ID", "app/3-1"),
                ("CHARM_DIR", "/charm"),
                ("JUJU_RELATION_ID", "peers:7"),
                ("JUJU_HOOK_NAME", hook),
            ]);
            seen.unwrap().relation_created()
        };
        assert!(created("peers-relation-created"));
        assert!(!created("peers-relation-changed"));
        assert!(!created("db-relation-created"));
    }

    #[test]
    fn a_hook_knows_its_name_and_where_its_unit_keeps_its_state() {
        let seen = environment(&[
            ("JUJU_UNIT_NAME", "app/3"),
            ("JUJU_CONTEXT_ID", "app/3-config-changed-1"),
            ("CHARM_DIR", "/charm"),
            ("JUJU_HOOK_NAME", "config-changed"),
        ])
        .unwrap();
        assert_eq!(seen.hook.as_deref(), Some("config-changed"));
        assert_eq!(seen.state_dir(), PathBuf::from("/charm/.ops-coordinator"));
    }

    #[test]
    fn outside_a_hook_the_error_names_the_variable() {
        let error = environment(&[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not in a Juju hook: JUJU_UNIT_NAME is not set"
        );
        assert!(error.hint().unwrap().contains("juju exec"));
    }
}
