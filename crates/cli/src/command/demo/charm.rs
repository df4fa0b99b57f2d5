//! The example charm, carried within the executable.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

/// Each file of the charm: its name, its permissions, its text.
const FILES: &[(&str, u32, &str)] = &[
    (
        "config.yaml",
        0o644,
        include_str!("../../../../../charms/shell/config.yaml"),
    ),
    (
        "dispatch",
        0o755,
        include_str!("../../../../../charms/shell/dispatch"),
    ),
    (
        "metadata.yaml",
        0o644,
        include_str!("../../../../../charms/shell/metadata.yaml"),
    ),
    (
        "restart-server",
        0o755,
        include_str!("../../../../../charms/shell/restart-server"),
    ),
    (
        "start-server",
        0o755,
        include_str!("../../../../../charms/shell/start-server"),
    ),
    (
        "stop-server",
        0o755,
        include_str!("../../../../../charms/shell/stop-server"),
    ),
];

/// Writes the charm into a temporary directory.
pub(super) fn unpack() -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("ops-coordinator-charm-")
        .tempdir()?;
    for (name, mode, text) in FILES {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
    }
    Ok(folder)
}
