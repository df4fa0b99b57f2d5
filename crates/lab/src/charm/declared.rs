//! What the YAML files of a charm declare.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::error::CharmError;

/// The parts of the YAML files that the lab understands; the rest is for real Juju.
#[derive(Default, Deserialize)]
#[expect(
    clippy::zero_sized_map_values,
    reason = "only the names matter; what stands under them is for real Juju"
)]
pub(super) struct Declared {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) peers: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    #[serde(default)]
    pub(super) config: Option<Config>,
    #[serde(default)]
    pub(super) actions: Option<BTreeMap<String, Value>>,
}

/// The contents of `config.yaml`.
#[derive(Default, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) options: Option<BTreeMap<String, OptionDeclared>>,
}

/// One option of `config.yaml`.
#[derive(Deserialize)]
pub(super) struct OptionDeclared {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) default: Value,
}

impl Declared {
    /// What the charm in `directory` declares, and the file that names it. Where a declaration has a file of its
    /// own, as it has when the charm is packed, that file counts; otherwise `charmcraft.yaml` does.
    pub(super) fn read(directory: &Path) -> Result<(PathBuf, Self), CharmError> {
        let file = |name| directory.join(name);
        let project: Option<Self> = optional(&file("charmcraft.yaml"))?;
        let metadata: Option<Self> = optional(&file("metadata.yaml"))?;
        let main = match (&metadata, &project) {
            (Some(_), _) => file("metadata.yaml"),
            (None, Some(_)) => file("charmcraft.yaml"),
            (None, None) => return Err(CharmError::NoMetadata(directory.to_owned())),
        };
        let mut declared = project.unwrap_or_default();
        if let Some(metadata) = metadata {
            (declared.name, declared.peers) = (metadata.name, metadata.peers);
        }
        if let Some(config) = optional(&file("config.yaml"))? {
            declared.config = Some(config);
        }
        if let Some(actions) = optional(&file("actions.yaml"))? {
            declared.actions = Some(actions);
        }
        Ok((main, declared))
    }
}

/// The parameters of an action that have a default, and which.
pub(super) fn defaults(action: &Value) -> BTreeMap<String, Value> {
    let params = action.get("params").and_then(Value::as_object);
    let default = |(name, param): (&String, &Value)| {
        let default = param.get("default").filter(|default| !default.is_null())?;
        Some((name.clone(), default.clone()))
    };
    params.into_iter().flatten().filter_map(default).collect()
}

/// What the file says, if it exists.
pub(super) fn optional<T: serde::de::DeserializeOwned>(
    path: &Path,
) -> Result<Option<T>, CharmError> {
    if path.exists() {
        parse(path).map(Some)
    } else {
        Ok(None)
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CharmError> {
    let text = fs::read_to_string(path).map_err(|source| CharmError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    serde_saphyr::from_str(&text).map_err(|error| {
        // The parser draws the lines around the error as well; the first line says it.
        let text = error.to_string();
        CharmError::invalid(path, text.lines().next().unwrap_or("malformed").to_owned())
    })
}
