//! One peer relation as the controller stores it.

use std::collections::{BTreeMap, BTreeSet};

use super::bag::Bag;
use super::member::Member;

/// A peer relation: the application's bag, each unit's bag, and who is in scope.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The endpoint's name.
    pub(crate) endpoint: String,
    /// The application's databag.
    pub(crate) bag: Bag,
    /// Every unit's databag; those of units that left stay readable.
    pub(crate) bags: BTreeMap<Member, Bag>,
    /// The units that have entered and not left.
    pub(crate) scope: BTreeSet<Member>,
    /// Some unit sees it no longer: nobody enters it any more.
    pub(crate) going: bool,
}

impl Peer {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            bag: Bag::default(),
            bags: BTreeMap::new(),
            scope: BTreeSet::new(),
            going: false,
        }
    }

    /// The version of a member's bag while it is in scope.
    pub(crate) fn version_of(&self, member: Member) -> Option<u64> {
        self.scope
            .contains(&member)
            .then(|| self.bags.get(&member).map_or(0, Bag::version))
    }
}
