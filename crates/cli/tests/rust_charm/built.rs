//! The executable of the charm in Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) const COMMAND: &str = env!("CARGO_BIN_EXE_ops-coordinator");

/// Where the example charms are.
pub(crate) fn charms() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charms")
}

/// Builds the charm beside the command, and gives the directory of its executable. Where the whole workspace was
/// built, next to nothing is left to do.
pub(crate) fn built() -> PathBuf {
    let target = Path::new(COMMAND).ancestors().nth(2).unwrap();
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--message-format=json",
            "--manifest-path",
        ])
        .arg(charms().join("rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut executables = text.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    let executable = executables.next().unwrap();
    executable.parent().unwrap().to_owned()
}
