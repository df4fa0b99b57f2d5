//! Small disks: a file system in memory for each member, which can be full.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Two files of 64 MiB, which etcd makes for its log, and some more.
const SIZE: &str = "200m";
/// What a full disk is full of.
const FILLER: &str = "filler";

/// The disks, in a mount namespace of their own. They are gone when this value is dropped.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    keeper: Option<Child>,
}

/// Whether this machine lets us have disks of our own: that takes root and mount namespaces.
pub(crate) fn can_mount() -> bool {
    let mut tried = Command::new("unshare");
    tried.args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    let tried = tried.stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

impl Disks {
    /// Mounts a disk at each of these places.
    ///
    /// # Panics
    /// When that is not possible.
    pub(crate) fn mount(&mut self, places: impl Iterator<Item = PathBuf>) {
        let script = "for place; do mkdir -p \"$place\" && mount -t tmpfs -o size=$SIZE tmpfs \"$place\" || exit; done; \
                      echo mounted; exec sleep infinity";
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "unshare", "-m", "sh", "-c", script])
            .arg("sh")
            .args(places)
            .env("SIZE", SIZE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut keeper = command.spawn().expect("unshare, of util-linux");
        let mut said = String::new();
        let pipe = keeper.stdout.take().map(BufReader::new);
        let _ = pipe.map(|mut pipe| pipe.read_line(&mut said));
        self.keeper = Some(keeper);
        assert_eq!(said, "mounted\n", "disks need root and mount namespaces");
    }

    fn keeper(&self) -> u32 {
        self.keeper.as_ref().map_or(0, Child::id)
    }

    /// The words before a command that make it see the disks.
    pub(crate) fn inside(&self) -> Vec<String> {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.keeper());
        vec!["nsenter".to_owned(), namespace]
    }

    /// A path on the disks, as this process sees it.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.keeper(), path.display()))
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
    }
}

/// Fills the disk of a directory, to the last byte.
pub(crate) fn fill(directory: &Path) {
    let Ok(mut file) = File::create(directory.join(FILLER)) else {
        return;
    };
    // The last piece is written as far as there is room.
    let piece = vec![0; 1 << 16];
    while file.write_all(&piece).is_ok() {}
}

/// Makes room again.
pub(crate) fn empty(directory: &Path) {
    let _ = fs::remove_file(directory.join(FILLER));
}
