//! The files that packing makes from `charmcraft.yaml`.
//!
//! A modern project declares everything there. Juju and `ops` read `metadata.yaml`, `config.yaml` and
//! `actions.yaml`, which `charmcraft pack` makes from it if the project has no such files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::declared::optional;
use super::error::CharmError;

/// The keys that `metadata.yaml` has under the same name.
/// Charmcraft: `charmcraft/models/metadata.py`, `CharmMetadata`.
const SAME: [&str; 16] = [
    "assumes",
    "charm-user",
    "containers",
    "description",
    "devices",
    "extra-bindings",
    "name",
    "peers",
    "provides",
    "requires",
    "resources",
    "storage",
    "subordinate",
    "summary",
    "terms",
    "title",
];

/// The text of each file that packing the project in `directory` would add; none where there is no `charmcraft.yaml`.
pub(super) fn made_files(directory: &Path) -> Result<BTreeMap<String, String>, CharmError> {
    let source = directory.join("charmcraft.yaml");
    let Some(project) = optional::<Map<String, Value>>(&source)? else {
        return Ok(BTreeMap::new());
    };
    let contents = [
        ("metadata.yaml", Some(Value::from(metadata(&project)))),
        ("config.yaml", project.get("config").cloned()),
        ("actions.yaml", project.get("actions").cloned()),
    ];
    let mut made = BTreeMap::new();
    for (file, content) in contents {
        let content = content.filter(|content| !is_empty(content));
        if let Some(content) = content.filter(|_| !directory.join(file).exists()) {
            let text = serde_saphyr::to_string(&content);
            let text = text.map_err(|error| CharmError::invalid(&source, error.to_string()))?;
            made.insert(file.to_owned(), text);
        }
    }
    Ok(made)
}

/// Charmcraft makes no file of a section that says nothing.
fn is_empty(content: &Value) -> bool {
    content.is_null() || content.as_object().is_some_and(Map::is_empty)
}

/// The metadata of a project. Some keys have another name there, and links stand among the rest.
fn metadata(project: &Map<String, Value>) -> Map<String, Value> {
    let links = project.get("links").and_then(Value::as_object);
    let links = links
        .into_iter()
        .flatten()
        .map(|(key, value)| match key.as_str() {
            "documentation" => ("docs", value.clone()),
            "contact" if value.is_string() => ("maintainers", Value::from(vec![value.clone()])),
            "contact" => ("maintainers", value.clone()),
            other => (other, value.clone()),
        });
    let same = SAME.iter().filter_map(|&key| {
        let name = if key == "title" { "display-name" } else { key };
        Some((name, project.get(key)?.clone()))
    });
    same.chain(links)
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
