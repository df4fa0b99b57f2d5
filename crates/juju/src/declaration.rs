//! Whether the charm declares the peer relation at all. Juju answers "no such relation yet" and "no
//! such relation ever" alike.

use std::fs;
use std::path::Path;

use crate::Error;

/// Checks that one of the charm's metadata files mentions the endpoint. It looks for the name as a key,
/// no more: its place in the file is for the packing tools to judge.
///
/// # Errors
/// [`Error::NotDeclared`] where there is metadata and none of it mentions the endpoint.
pub fn require_peer_relation(charm_dir: &Path, endpoint: &str) -> Result<(), Error> {
    let files = ["metadata.yaml", "charmcraft.yaml"];
    let texts: Vec<String> = files
        .iter()
        .filter_map(|file| fs::read_to_string(charm_dir.join(file)).ok())
        .collect();
    let is_key = |line: &str| {
        let key = line.trim_start().strip_prefix(endpoint);
        key.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    if texts.is_empty() || texts.iter().any(|text| text.lines().any(is_key)) {
        return Ok(());
    }
    Err(Error::NotDeclared {
        relation: endpoint.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_declaration_is_told_with_the_lines_to_add() {
        let charm = tempfile::tempdir().unwrap();
        assert!(
            require_peer_relation(charm.path(), "coordinator").is_ok(),
            "no metadata, no verdict"
        );
        let metadata = charm.path().join("metadata.yaml");
        fs::write(
            &metadata,
            "name: app\npeers:\n  coordinator:\n    interface: c\n",
        )
        .unwrap();
        assert!(require_peer_relation(charm.path(), "coordinator").is_ok());
        let error = require_peer_relation(charm.path(), "restart")
            .unwrap_err()
            .to_string();
        assert!(error.contains("peers:\n    restart:"), "{error}");
    }
}
