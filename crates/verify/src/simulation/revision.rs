//! Which endpoints the revisions of a recipe's charm use.

use std::collections::BTreeSet;

use ops_coordinator_lab::deed::Deed;

use super::recipe::Recipe;
use crate::charm::{ENDPOINT, OTHER, THIRD};

/// A revision of the charm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revision {
    /// The peer endpoints that it declares.
    pub(super) peers: BTreeSet<String>,
    /// The endpoint that it names for each lock.
    pub(super) homes: Vec<&'static str>,
}

/// All revisions in order, from the one that is deployed. An upgrade that brings an endpoint along uses it from
/// then on, for the first lock where each has an endpoint of its own, else for all.
pub(super) fn revisions(recipe: &Recipe) -> Vec<Revision> {
    let side_by_side = recipe.two_endpoints && recipe.locks > 1;
    let first = Revision {
        peers: declared_at_first(recipe)
            .iter()
            .map(|&name| name.to_owned())
            .collect(),
        homes: if side_by_side {
            vec![ENDPOINT, OTHER]
        } else {
            vec![ENDPOINT; recipe.locks]
        },
    };
    let mut all = vec![first.clone()];
    let mut last = first;
    for (_, deed) in &recipe.deeds {
        let Deed::Upgrade { to, .. } = deed else {
            continue;
        };
        let adds = to.adds();
        last.peers.extend(adds.iter().cloned());
        let brought = |home: &&str| adds.iter().any(|added| added == home);
        let mut homes = [ENDPOINT, OTHER, THIRD].into_iter().filter(brought);
        if let Some(home) = homes.find(|home| !side_by_side || *home != OTHER) {
            let moving = if side_by_side { 1 } else { last.homes.len() };
            last.homes[..moving].fill(home);
        }
        all.push(last.clone());
    }
    all
}

/// The peer endpoints that the charm declares when it is deployed.
pub(super) fn declared_at_first(recipe: &Recipe) -> &'static [&'static str] {
    if recipe.two_endpoints {
        &[ENDPOINT, OTHER]
    } else {
        &[ENDPOINT]
    }
}
