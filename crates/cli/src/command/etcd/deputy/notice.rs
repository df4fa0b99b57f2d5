//! Waits until something in the unit's directory changes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::io::read;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How often it looks where the system gives no notice, and whether the directory itself is gone.
const PERIOD: Duration = Duration::from_secs(2);

/// A directory that is watched.
pub(super) struct Notice(Arc<Notify>);

impl Notice {
    pub(super) fn of(directory: &Path) -> Self {
        let notice = Arc::new(Notify::new());
        // Without it, the unit's hooks are served a little later.
        let _ = watch(directory, Arc::clone(&notice));
        Self(notice)
    }

    /// Returns when a file has been replaced or deleted, or it is time to look again.
    pub(super) async fn wait(&self) {
        let _ = timeout(PERIOD, self.0.notified()).await;
    }
}

fn watch(directory: &Path, notice: Arc<Notify>) -> io::Result<()> {
    let watch = init(CreateFlags::CLOEXEC)?;
    let flags = WatchFlags::MOVED_TO | WatchFlags::DELETE | WatchFlags::DELETE_SELF;
    add_watch(&watch, directory, flags)?;
    thread::Builder::new().spawn(move || {
        let mut buffer = [0; 4096];
        // It ends with the process, or with the directory.
        while read(&watch, &mut buffer).is_ok_and(|count| count > 0) {
            notice.notify_one();
        }
    })?;
    Ok(())
}
