//! A unit's log.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use super::lock::lock;
use crate::settings::Millis;

/// The log of one unit: what its hooks print and log, a line each.
pub(super) struct UnitLog {
    file: Mutex<Option<File>>,
}

impl UnitLog {
    pub(super) fn open(path: &Path) -> Self {
        Self {
            file: Mutex::new(File::options().create(true).append(true).open(path).ok()),
        }
    }

    pub(super) fn line(&self, at: Millis, level: &str, source: &str, text: &str) {
        if let Some(file) = lock(&self.file).as_mut() {
            let (seconds, rest) = (at / 1_000, at % 1_000);
            let line = format!("{seconds:>5}.{rest:03} {level:<7} {source}: {text}\n");
            // A log that cannot be written must not disturb the hooks.
            let _ = file.write_all(line.as_bytes());
        }
    }
}
