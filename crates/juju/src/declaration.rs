//! Whether the charm declares the peer relation at all. Juju itself gives the same answer for a relation that
//! does not exist yet and for one that never will.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Error;

/// Checks that one of the charm's metadata files mentions the endpoint. It only looks for the name as a
/// key: packing tools check its place in the file.
///
/// # Errors
/// [`Error::NotDeclared`] if there is metadata and none of it mentions the endpoint.
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

/// The endpoints under `peers:` in the charm's metadata, recognised by indentation. Endpoints written in
/// another style are just not found.
pub(crate) fn declared_peers(charm_dir: &Path) -> BTreeSet<String> {
    let files = ["metadata.yaml", "charmcraft.yaml"];
    let text = files
        .iter()
        .find_map(|file| fs::read_to_string(charm_dir.join(file)).ok());
    let text = text.unwrap_or_default();
    let indented = |line: &&str| line.starts_with([' ', '\t', '#']) || line.trim().is_empty();
    let section = text.lines().skip_while(|line| line.trim_end() != "peers:");
    let section = section.skip(1).take_while(indented);
    let mut depth = None;
    let mut endpoints = BTreeSet::new();
    for line in section {
        let name = line.trim_start();
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        let indent = line.len() - name.len();
        if indent == *depth.get_or_insert(indent)
            && let Some((name, _)) = name.split_once(':')
        {
            endpoints.insert(name.trim_matches(['"', '\'']).to_owned());
        }
    }
    endpoints
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
        let error = require_peer_relation(charm.path(), "restart").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the charm declares no peer relation 'restart'"
        );
        let hint = error.hint().unwrap();
        assert!(hint.contains("peers:\n    restart:"), "{hint}");
    }

    #[test]
    fn the_declared_peers_are_the_keys_under_peers() {
        let charm = tempfile::tempdir().unwrap();
        assert!(declared_peers(charm.path()).is_empty());
        let metadata = "name: app\n# peers:\npeers:\n  # the units\n  one:\n    interface: c\n\n  \"two\":\n    interface: c\nprovides:\n  web:\n    interface: http\n";
        fs::write(charm.path().join("charmcraft.yaml"), metadata).unwrap();
        let peers = declared_peers(charm.path());
        assert_eq!(peers.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}
