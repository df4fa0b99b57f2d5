//! The id of a relation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A relation's id as Juju writes it, `endpoint:number`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelationId(String);

impl RelationId {
    /// Takes an id as Juju gave it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The endpoint's name: the part before the colon.
    pub fn endpoint(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The number after the colon, for ordering: `peer:10` comes after `peer:9`.
    pub fn number(&self) -> u64 {
        self.0
            .rsplit(':')
            .next()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(u64::MAX)
    }
}

impl fmt::Display for RelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_an_endpoint_and_a_number() {
        let id = RelationId::new("peer:10");
        assert_eq!((id.endpoint(), id.number()), ("peer", 10));
        assert!(id.number() > RelationId::new("peer:9").number());
        assert_eq!(RelationId::new("strange").number(), u64::MAX, "goes last");
    }
}
