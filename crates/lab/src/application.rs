//! What an operator deploys.

use std::collections::BTreeMap;

use serde_json::Value;

/// An application to deploy: what its charm declares, as far as the model cares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Its peer endpoints.
    pub peers: Vec<String>,
    /// Every config option with its default; `Null` if it has none.
    pub config: BTreeMap<String, Value>,
    /// The type of each option: `string`, `int`, `float`, `boolean` or `secret`. An option without an
    /// entry takes any scalar.
    pub config_types: BTreeMap<String, String>,
    /// The names of its actions.
    pub actions: Vec<String>,
    /// By action, the parameters that have a default.
    pub action_defaults: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Application {
    /// An application with these peer endpoints and nothing else.
    pub fn with_peers(name: &str, peers: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            peers: peers.iter().map(|&peer| peer.to_owned()).collect(),
            ..Self::default()
        }
    }
}
