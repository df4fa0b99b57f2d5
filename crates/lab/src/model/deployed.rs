//! One application as the controller stores it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::bag::{Bag, fnv};
use super::lease::Lease;
use super::member::Member;
use super::peer::Peer;
use crate::application::Application;
use crate::error::LabError;
use crate::name::{RelationId, UnitName};
use crate::settings::Millis;

/// A deployed application.
#[derive(Debug)]
pub(crate) struct Deployed {
    /// What its charm declares.
    pub(crate) declared: Application,
    /// A unit's name, to make siblings from.
    pub(crate) pattern: UnitName,
    /// Its place among the applications, for addresses.
    pub(crate) place: usize,
    /// Its peer relations.
    pub(crate) peers: BTreeMap<RelationId, Peer>,
    /// Its units that are not dead.
    pub(crate) units: BTreeSet<Member>,
    /// The number of the next unit; numbers are never used twice.
    pub(crate) next_number: u32,
    /// What the operator has set.
    pub(crate) config: BTreeMap<String, Value>,
    /// A hash of what the operator has set.
    pub(crate) config_hash: u64,
    /// The charm's revision.
    pub(crate) revision: u64,
    /// The peer endpoints of each revision so far.
    pub(crate) endpoints: Vec<Vec<String>>,
    /// The last revision that was forced upon units in error.
    pub(crate) forced_revision: u64,
    pub(crate) lease: Lease,
    /// What `leader-set` wrote.
    pub(crate) leader_settings: Bag,
    pub(crate) status: Status,
}

/// A workload status.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) level: String,
    pub(crate) message: String,
    pub(crate) since: Millis,
}

impl Deployed {
    pub(crate) fn new(declared: Application, place: usize) -> Self {
        let mut deployed = Self {
            pattern: UnitName::new(declared.name.as_str(), 0),
            place,
            peers: BTreeMap::new(),
            units: BTreeSet::new(),
            next_number: 0,
            config: BTreeMap::new(),
            config_hash: 0,
            revision: 0,
            endpoints: vec![declared.peers.clone()],
            forced_revision: 0,
            lease: Lease::default(),
            leader_settings: Bag::default(),
            status: Status {
                level: "unset".into(),
                message: String::new(),
                since: 0,
            },
            declared,
        };
        deployed.config_hash = deployed.hash_config();
        deployed
    }

    /// The name of the unit with this number.
    pub(crate) fn unit(&self, member: Member) -> UnitName {
        self.pattern.sibling(member.number())
    }

    /// Whether this revision of the charm declares the peer endpoint.
    pub(crate) fn implements(&self, revision: u64, endpoint: &str) -> bool {
        let endpoints = usize::try_from(revision)
            .ok()
            .and_then(|revision| self.endpoints.get(revision));
        endpoints.is_some_and(|endpoints| endpoints.iter().any(|one| one == endpoint))
    }

    /// An option's value: what is set, else the default.
    pub(crate) fn option(&self, name: &str) -> Option<&Value> {
        self.config
            .get(name)
            .or_else(|| self.declared.config.get(name))
    }

    /// All options, those without a value as `Null`.
    pub(crate) fn options(&self) -> BTreeMap<String, Value> {
        let mut all = self.declared.config.clone();
        all.extend(self.config.clone());
        all
    }

    /// Sets options, all or none. Returns those whose value really changed.
    pub(crate) fn set_options(
        &mut self,
        values: BTreeMap<String, Value>,
    ) -> Result<Vec<String>, LabError> {
        for (name, value) in &values {
            self.check_option(name, value)?;
        }
        let mut changed = Vec::new();
        for (name, value) in values {
            let before = self.option(&name).cloned();
            if value.is_null() {
                self.config.remove(&name);
            } else {
                self.config.insert(name.clone(), value);
            }
            if self.option(&name) != before.as_ref() {
                changed.push(name);
            }
        }
        self.config_hash = self.hash_config();
        Ok(changed)
    }

    fn check_option(&self, name: &str, value: &Value) -> Result<(), LabError> {
        if !self.declared.config.contains_key(name) {
            let known: Vec<&str> = self.declared.config.keys().map(String::as_str).collect();
            return Err(LabError::NoOption {
                application: self.declared.name.clone(),
                option: name.to_owned(),
                known: or_none(&known),
            });
        }
        let kind = self
            .declared
            .config_types
            .get(name)
            .map_or("", String::as_str);
        let (fits, expected) = match kind {
            "string" | "secret" => (value.is_string(), "string"),
            "int" => (value.is_i64() || value.is_u64(), "whole number"),
            "float" => (value.is_number(), "number"),
            "boolean" => (value.is_boolean(), "boolean"),
            _ => (!value.is_array() && !value.is_object(), "scalar"),
        };
        if fits || value.is_null() {
            return Ok(());
        }
        Err(LabError::BadOptionValue {
            option: name.to_owned(),
            expected,
            got: value.to_string(),
        })
    }

    pub(crate) fn hash_config(&self) -> u64 {
        let texts: Vec<(String, String)> = self
            .options()
            .into_iter()
            .map(|(key, value)| (key, value.to_string()))
            .collect();
        fnv(texts
            .iter()
            .flat_map(|(key, value)| [key.as_bytes(), b"\0", value.as_bytes(), b"\0"]))
    }
}

/// Words joined by commas, or "none".
pub(crate) fn or_none(words: &[&str]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
