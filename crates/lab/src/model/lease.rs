//! The leadership lease.

use crate::settings::Millis;

/// An application's lease. A healthy holder renews it in time for ever, so that only a silent
/// holder's lease has an end.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// Who holds it.
    pub(crate) holder: Option<u32>,
    /// When the controller will notice that it has lapsed; `None` while the holder renews it.
    pub(crate) lapses: Option<Millis>,
}
