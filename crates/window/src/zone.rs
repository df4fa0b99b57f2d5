//! Time zones by name.

use std::fs;
use std::path::Path;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Where a system has its zones; it keeps them up to date.
const ZONES: &str = "/usr/share/zoneinfo";

/// The zone of this name: the system's, or if it has none, the built-in one.
///
/// A lookup through the whole database would first list all of its files, in a process that needs one.
pub(crate) fn find(name: &str) -> Option<TimeZone> {
    find_in(Path::new(ZONES), name)
}

fn find_in(zones: &Path, name: &str) -> Option<TimeZone> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    let is_name = name
        .split('/')
        .all(|part| !part.is_empty() && part.bytes().all(plain));
    if !is_name {
        return None;
    }
    let system = fs::read(zones.join(name)).ok();
    let system = system.and_then(|data| TimeZone::tzif(name, &data).ok());
    system.or_else(|| TimeZoneDatabase::bundled().get(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_zones_uses_the_built_in_ones() {
        let empty = Path::new("/nowhere");
        assert!(find_in(empty, "Europe/London").is_some());
        assert!(find_in(empty, "UTC").is_some());
        assert!(find_in(empty, "Europe/Atlantis").is_none());
    }

    #[test]
    fn a_zone_is_a_name_and_no_path() {
        for bad in [
            "../../../etc/passwd",
            "/etc/localtime",
            "Europe",
            "Europe/",
            "",
            "zone.tab",
        ] {
            assert!(find(bad).is_none(), "{bad}");
        }
    }
}
