//! What becomes due, apart from the units' own waits.

use crate::name::UnitName;

/// Something that becomes due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The controller notices that the lease of this application has lapsed.
    Lapse(String),
    /// A crashed agent comes back.
    Restart(UnitName),
    /// A unit removed by force is gone, whatever it still does.
    Gone(UnitName),
}
