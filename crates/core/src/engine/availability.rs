//! Whether the unit is available: others publish nothing about it, so it tells itself.

use serde::{Deserialize, Serialize};

use super::Need;
use super::round::Round;
use super::site::Site;

/// The shortest time after which an unavailable unit looks again whether it has recovered, in milliseconds.
const GLANCE: u64 = 30_000;
/// For how long it does so without waiting for a hook that comes anyway, in milliseconds. Then `update-status` is often enough.
const VIGIL: u64 = 600_000;

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

    /// That a unit has recovered brings no event, and others may wait for it. So it looks again, each time after half as
    /// long as it has been unavailable.
    pub(super) fn wake_for_recovery(&mut self, round: &mut Round<'_>) {
        let now = round.now;
        if self.session.availability.why_not().is_none() {
            self.session.unavailable_since = None;
            return;
        }
        // A later one is from before the machine was booted.
        let since = self.session.unavailable_since.filter(|since| *since <= now);
        let since = *self.session.unavailable_since.insert(since.unwrap_or(now));
        let age = now.0 - since.0;
        if age < VIGIL {
            self.wake_in(round, GLANCE.max(age / 2));
        }
    }
}
