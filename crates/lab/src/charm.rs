//! What a charm's directory declares: its name, peer endpoints, config options and actions.
//!
//! This is read from `metadata.yaml`, `config.yaml` and `actions.yaml`. If one of them is missing, it is made from
//! `charmcraft.yaml`, as packing would.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use ops_coordinator_excerpt::{LONG, excerpt};
use serde_json::Value;

use crate::application::Application;
use crate::name::is_application_name;

mod declared;
mod error;
mod project;

pub use error::CharmError;

use declared::{Declared, OptionDeclared, defaults};
use project::made_files;

/// A charm directory and what it declares.
#[derive(Debug, Clone, PartialEq)]
pub struct Charm {
    /// The charm's directory.
    pub directory: PathBuf,
    /// The text of each file that it lacks, and that packing would make from `charmcraft.yaml`.
    pub made: BTreeMap<String, String>,
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
    /// By action, the parameters that have a default.
    pub action_defaults: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Charm {
    /// Reads what the charm in `directory` declares.
    ///
    /// # Errors
    /// When the directory holds no charm, or one of its files is malformed; the error names the file.
    pub fn read(directory: &Path) -> Result<Self, CharmError> {
        if is_zip(directory) {
            return Err(CharmError::Zipped(directory.to_owned()));
        }
        if !directory.is_dir() {
            return Err(CharmError::NoDirectory(directory.to_owned()));
        }
        let (main, declared) = Declared::read(directory)?;
        let name = declared.name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| CharmError::invalid(&main, "it has no `name`"))?;
        if !is_application_name(&name) {
            let text = format!(
                "`name` is \"{}\": use lower-case letters, digits and single dashes, starting with a letter",
                excerpt(&name)
            );
            return Err(CharmError::invalid(&main, text));
        }
        if !runs_something(directory) {
            return Err(CharmError::NotPacked(directory.to_owned()));
        }
        let (config, mut actions) = (declared.config, declared.actions.unwrap_or_default());
        actions.remove("additionalProperties");
        let options = config.unwrap_or_default().options.unwrap_or_default();
        let kind =
            |option: &OptionDeclared| option.kind.clone().unwrap_or_else(|| "string".to_owned());
        Ok(Self {
            directory: directory.to_owned(),
            made: made_files(directory)?,
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
            action_defaults: actions
                .iter()
                .map(|(name, action)| (name.clone(), defaults(action)))
                .collect(),
            actions: actions.into_keys().collect(),
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
            action_defaults: self.action_defaults.clone(),
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

/// Whether the directory has anything that Juju would run.
fn runs_something(directory: &Path) -> bool {
    let hooks = fs::read_dir(directory.join("hooks")).into_iter().flatten();
    is_executable(&directory.join("dispatch"))
        || hooks.flatten().any(|hook| is_executable(&hook.path()))
}

/// Whether `path` is a file that may be executed.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether `path` is a zip file, such as `charmcraft pack` makes.
fn is_zip(path: &Path) -> bool {
    let mut start = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    path.is_file() && read.is_ok() && start == *b"PK\x03\x04"
}

#[cfg(test)]
mod tests;
