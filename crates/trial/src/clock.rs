//! What libfaketime leaves behind.

use std::fs;
use std::path::Path;

/// Where the library keeps what its processes share.
const SHARED_MEMORY: &str = "/dev/shm";

/// Removes what the library of processes that are gone has left in memory: it does so itself only where a process ends by
/// itself, and in the program as which it has begun.
pub(crate) fn sweep() {
    for entry in fs::read_dir(SHARED_MEMORY).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| {
            name.strip_prefix("sem.faketime_sem_")
                .or_else(|| name.strip_prefix("faketime_shm_"))
        });
        let gone = |owner: &str| !Path::new("/proc").join(owner).exists();
        if owner.is_some_and(gone) {
            // Another user's stay.
            let _ = fs::remove_file(entry.path());
        }
    }
}
