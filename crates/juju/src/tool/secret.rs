//! The hook tools for secrets, which Juju 2.9 does not have.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Tools, Transport};
use crate::{Error, RelationId};

impl<T: Transport> Tools<T> {
    /// `secret-get --refresh`: the newest content of a secret. Juju 2.9 has no such tool.
    ///
    /// # Errors
    /// The tool's failure; one without exit code where there is no such tool.
    pub fn secret_get(&self, uri: &str) -> Result<BTreeMap<String, String>, Error> {
        let content: Option<_> = self.json("secret-get", &["--format=json", "--refresh", uri])?;
        Ok(content.unwrap_or_default())
    }

    /// `secret-get`: the content of a secret that is this application's own, which every unit may read by its id. It has one
    /// revision; and an owner may not ask for `--refresh` in every version of Juju.
    ///
    /// # Errors
    /// The tool's failure; one without exit code where there is no such tool.
    pub fn own_secret_get(&self, uri: &str) -> Result<BTreeMap<String, String>, Error> {
        let content: Option<_> = self.json("secret-get", &["--format=json", uri])?;
        Ok(content.unwrap_or_default())
    }

    /// `secret-add --owner application`: makes a secret that this hook commits, and returns its id. The values are read from
    /// files: anybody on the machine could see arguments.
    ///
    /// # Errors
    /// The tool's failure, such as on a unit that does not lead; one without exit code where there is no such tool.
    pub fn secret_add(&self, label: &str, files: &[(&str, &Path)]) -> Result<String, Error> {
        let values = files.iter();
        let values = values.map(|(key, file)| format!("{key}#file={}", file.display()));
        let values: Vec<String> = values.collect();
        let mut args = vec!["--owner", "application", "--label", label];
        args.extend(values.iter().map(String::as_str));
        let uri = self.run("secret-add", &args, None)?;
        Ok(uri.trim().to_owned())
    }

    /// `secret-grant`: lets the application at the other end of a relation read a secret of this application.
    ///
    /// # Errors
    /// The tool's failure.
    pub fn secret_grant(&self, uri: &str, relation: &RelationId) -> Result<(), Error> {
        let args = ["-r", relation.as_str(), uri];
        self.run("secret-grant", &args, None).map(drop)
    }
}
