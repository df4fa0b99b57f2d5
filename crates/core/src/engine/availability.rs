//! Whether the unit is available: others publish nothing about it, so it tells itself.

use serde::{Deserialize, Serialize};

use super::Need;
use super::round::Round;
use super::site::Site;

/// Whether a unit serves, as its charm sees it. A policy can limit how many units may be unavailable at once
/// ([`Policy::max_unavailable`](crate::policy::Policy::max_unavailable)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// The charm does not tell; the unit counts as available.
    #[default]
    Untold,
    /// It is available.
    Available,
    /// It is unavailable, for this reason.
    Unavailable(String),
}

impl Availability {
    /// Whether nothing is to be published.
    pub(super) fn is_untold(&self) -> bool {
        *self == Self::Untold
    }

    /// Why the unit is unavailable, if it is.
    pub(super) fn why_not(&self) -> Option<&str> {
        match self {
            Self::Unavailable(why) => Some(why),
            Self::Untold | Self::Available => None,
        }
    }
}

impl Site {
    /// Notes whether the unit is available now. If that has changed, this hook and the ones after it publish the unit's
    /// record, until one of them has read it back.
    pub(super) fn note_availability(&mut self, round: &Round<'_>) -> Result<(), Need> {
        let now = round.known.availability()?;
        if self.session.availability != *now {
            self.session.availability = now.clone();
            self.session.availability_is_news = true;
        }
        Ok(())
    }
}
