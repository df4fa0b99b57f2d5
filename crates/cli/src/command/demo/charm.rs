//! The example charm, embedded in the executable.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// The lock of the charm.
pub(super) const LOCK: &str = "restart";

/// The name under which the demo deploys it.
pub(super) const APPLICATION: &str = "app";

/// Each file of `charms/shell`, which a link of this package makes part of it: its name, its
/// permissions, its text.
const FILES: &[(&str, u32, &str)] = &[
    (
        "actions.yaml",
        0o644,
        include_str!("../../../charm/actions.yaml"),
    ),
    (
        "config.yaml",
        0o644,
        include_str!("../../../charm/config.yaml"),
    ),
    ("dispatch", 0o755, include_str!("../../../charm/dispatch")),
    (
        "metadata.yaml",
        0o644,
        include_str!("../../../charm/metadata.yaml"),
    ),
    (
        "restart-server",
        0o755,
        include_str!("../../../charm/restart-server"),
    ),
    (
        "start-server",
        0o755,
        include_str!("../../../charm/start-server"),
    ),
    (
        "stop-server",
        0o755,
        include_str!("../../../charm/stop-server"),
    ),
];

/// Writes the charm into a temporary directory, with a `coordination.toml` if there is one.
pub(super) fn unpack(coordination: Option<&str>) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("ops-coordinator-charm-")
        .tempdir()?;
    if let Some(text) = coordination {
        fs::write(folder.path().join("coordination.toml"), text)?;
    }
    for (name, mode, text) in FILES {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
    }
    Ok(folder)
}
