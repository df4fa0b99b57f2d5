//! What a charm's directory declares: its name, peer endpoints, config options and actions.
//!
//! Read from `metadata.yaml` with `config.yaml` and `actions.yaml`, or from `charmcraft.yaml`,
//! which may hold all three.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ops_coordinator_excerpt::{LONG, excerpt, path};
use serde::Deserialize;
use serde_json::Value;

use crate::application::Application;
use crate::name::is_application_name;

/// A charm directory and what it declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Charm {
    /// The charm's directory.
    pub directory: PathBuf,
    /// Its name, which is also the application's name.
    pub name: String,
    /// The endpoints under `peers`, sorted.
    pub peers: Vec<String>,
    /// Every config option with its default; `Null` if it has none.
    pub config: BTreeMap<String, Value>,
    /// The type that each config option declares, such as `string` or `int`.
    pub config_types: BTreeMap<String, String>,
    /// The names of its actions, sorted.
    pub actions: Vec<String>,
}

/// Why a directory is not a charm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CharmError {
    /// The directory does not exist, or is no directory.
    #[error("{} is not a directory", path(.0))]
    NoDirectory(PathBuf),
    /// Neither of the files that declare a charm is there.
    #[error("{} is not a charm: it has neither metadata.yaml nor charmcraft.yaml", path(.0))]
    NoMetadata(PathBuf),
    /// A file could not be read.
    #[error("cannot read {}: {source}", ops_coordinator_excerpt::path(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is invalid.
    #[error("{}: {}", ops_coordinator_excerpt::path(path), excerpt(problem).up_to(LONG))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line if known.
        problem: String,
    },
    /// Nothing in the directory can be run.
    #[error("{} has nothing to run: neither an executable `dispatch` nor a `hooks` directory", path(.0))]
    NothingToRun(PathBuf),
}

impl CharmError {
    /// What to do about it, where there is something that a person can do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoDirectory(_) | Self::NoMetadata(_) => Some("give the directory of a charm"),
            Self::NothingToRun(_) => Some("`chmod +x dispatch` if there is one"),
            Self::Unreadable { .. } | Self::Invalid { .. } => None,
        }
    }
}

/// The parts of the YAML files that the lab understands; the rest is for real Juju.
#[derive(Deserialize)]
#[expect(
    clippy::zero_sized_map_values,
    reason = "only the names matter; what stands under them is for real Juju"
)]
struct Declared {
    name: Option<String>,
    #[serde(default)]
    peers: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    #[serde(default)]
    config: Option<Config>,
    #[serde(default)]
    actions: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    options: Option<BTreeMap<String, OptionDeclared>>,
}

/// One option of `config.yaml`.
#[derive(Deserialize)]
struct OptionDeclared {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    default: Value,
}

impl Charm {
    /// Reads what the charm in `directory` declares.
    ///
    /// # Errors
    /// When the directory holds no charm, or one of its files is malformed; the error names the file.
    pub fn read(directory: &Path) -> Result<Self, CharmError> {
        if !directory.is_dir() {
            return Err(CharmError::NoDirectory(directory.to_owned()));
        }
        let metadata = directory.join("metadata.yaml");
        let charmcraft = directory.join("charmcraft.yaml");
        let main = [metadata, charmcraft]
            .into_iter()
            .find(|path| path.exists());
        let main = main.ok_or_else(|| CharmError::NoMetadata(directory.to_owned()))?;
        let declared: Declared = parse(&main)?;
        let name = declared.name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| invalid(&main, "it has no `name`"))?;
        if !is_application_name(&name) {
            let text = format!(
                "`name` is \"{}\": use lower-case letters, digits and single dashes, starting with a letter",
                excerpt(&name)
            );
            return Err(invalid(&main, text));
        }
        let config = match optional::<Config>(&directory.join("config.yaml"))? {
            Some(config) => config,
            None => declared.config.unwrap_or_default(),
        };
        let actions = match optional(&directory.join("actions.yaml"))? {
            Some(actions) => actions,
            None => declared.actions.unwrap_or_default(),
        };
        if !runs_something(directory) {
            return Err(CharmError::NothingToRun(directory.to_owned()));
        }
        let options = config.options.unwrap_or_default();
        let kind =
            |option: &OptionDeclared| option.kind.clone().unwrap_or_else(|| "string".to_owned());
        Ok(Self {
            directory: directory.to_owned(),
            name,
            peers: declared.peers.unwrap_or_default().into_keys().collect(),
            config_types: options
                .iter()
                .map(|(key, o)| (key.clone(), kind(o)))
                .collect(),
            config: options
                .into_iter()
                .map(|(key, option)| (key, option.default))
                .collect(),
            actions: actions
                .into_keys()
                .filter(|name| name != "additionalProperties")
                .collect(),
        })
    }

    /// The application that the charm makes, under the charm's own name.
    pub fn application(&self) -> Application {
        Application {
            name: self.name.clone(),
            peers: self.peers.clone(),
            config: self.config.clone(),
            config_types: self.config_types.clone(),
            actions: self.actions.clone(),
        }
    }

    /// Turns the text of a `key=value` into the value that the option declares.
    ///
    /// # Errors
    /// When the charm has no such option, or the text does not match its type; the error says what to do.
    pub fn config_value(&self, key: &str, text: &str) -> Result<Value, String> {
        let Some(kind) = self.config_types.get(key) else {
            let known: Vec<_> = self.config_types.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(format!(
                "{} has no config option `{}`; known: {}",
                excerpt(&self.name),
                excerpt(key),
                excerpt(&known).up_to(LONG)
            ));
        };
        let value = match kind.as_str() {
            "int" => text.parse::<i64>().ok().map(Value::from),
            "float" => text.parse::<f64>().ok().map(Value::from),
            "boolean" => text
                .to_ascii_lowercase()
                .parse::<bool>()
                .ok()
                .map(Value::from),
            _ => Some(Value::from(text)),
        };
        value.ok_or_else(|| {
            format!(
                "config option `{}` is of type {}, not \"{}\"",
                excerpt(key),
                excerpt(kind),
                excerpt(text)
            )
        })
    }
}

fn runs_something(directory: &Path) -> bool {
    is_executable(&directory.join("dispatch")) || directory.join("hooks").is_dir()
}

/// Whether `path` is a file that may be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn invalid(path: &Path, problem: impl Into<String>) -> CharmError {
    CharmError::Invalid {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

fn optional<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, CharmError> {
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
        invalid(path, text.lines().next().unwrap_or("malformed").to_owned())
    })
}

#[cfg(test)]
mod tests;
