//! The file from which Prometheus' node exporter reads a unit's metrics.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{Error, Hook};

impl Hook {
    /// Writes this unit's metrics to a file for the textfile collector of Prometheus' node exporter, if they have
    /// changed. A reader sees the old or the new content. `docs/metrics.md` names the metrics.
    ///
    /// A failure to write is a warning: metrics are no reason to fail a hook. Call it after [`Hook::release`].
    ///
    /// # Errors
    /// A hook tool's failure, or a state file that cannot be read.
    pub fn write_metrics(&mut self, path: &Path) -> Result<(), Error> {
        let text = self.metrics()?;
        if let Err(error) = replace(path, &text) {
            let path = path.display();
            self.warn(format!("cannot write the metrics to {path}: {error}"));
        }
        Ok(())
    }
}

/// Replaces the file, which anybody may read, if it has another content.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|content| content == text.as_bytes()) {
        return Ok(());
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // The collector reads only names that end with `.prom`.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_file_is_replaced_whole_and_anybody_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ops.prom");
        replace(&path, "one\n").unwrap();
        replace(&path, "two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_same_content_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ops.prom");
        replace(&path, "one\n").unwrap();
        let file = || fs::metadata(&path).unwrap().ino();
        let before = file();
        replace(&path, "one\n").unwrap();
        assert_eq!(file(), before);
        replace(&path, "two\n").unwrap();
        assert_ne!(file(), before);
    }
}
