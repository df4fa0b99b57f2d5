//! A small charm in a directory of its own, and a run of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;

/// The command under test.
pub(crate) const COMMAND: &str = env!("CARGO_BIN_EXE_ops-coordinator");

/// A charm of one `dispatch`, and the place where its units run.
pub(crate) struct Fixture {
    folder: Arc<TempDir>,
}

/// What came of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    directory: PathBuf,
    /// The files stay until their last reader is gone.
    _folder: Arc<TempDir>,
}

impl Fixture {
    /// A charm whose `dispatch` is this bash script; `$hook` is the name of the hook or action.
    pub(crate) fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let charm = folder.path().join("charm");
        fs::create_dir(&charm).unwrap();
        let write = |name: &str, text: &str| fs::write(charm.join(name), text).unwrap();
        write(
            "metadata.yaml",
            "name: app\npeers:\n  cluster:\n    interface: peers\n",
        );
        write(
            "config.yaml",
            "options:\n  message: {type: string, default: hello}\n",
        );
        write("actions.yaml", "go: {}\n");
        let head = "#!/bin/bash\nset -eu\nhook=${JUJU_DISPATCH_PATH##*/}\ncd \"$CHARM_DIR\"\n";
        write("dispatch", &format!("{head}{script}\n"));
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(charm.join("dispatch"), executable).unwrap();
        Self {
            folder: Arc::new(folder),
        }
    }

    pub(crate) fn charm(&self) -> PathBuf {
        self.folder.path().join("charm")
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// `lab run` of this charm with more arguments, not yet started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(COMMAND);
        command.args(["lab", "run", "--charm"]).arg(self.charm());
        command.arg("--dir").arg(self.directory()).args(args);
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.outcome(self.command(args).output().unwrap())
    }

    /// What came of a run of [`Self::command`].
    pub(crate) fn outcome(&self, output: Output) -> Run {
        let text = [output.stdout, output.stderr].concat();
        Run {
            code: output.status.code(),
            text: String::from_utf8(text).unwrap(),
            directory: self.directory(),
            _folder: Arc::clone(&self.folder),
        }
    }

    /// Runs it with a scenario.
    pub(crate) fn play(&self, scenario: &str, args: &[&str]) -> Run {
        let file = self.folder.path().join("scenario.toml");
        fs::write(&file, scenario).unwrap();
        let file = file.to_str().unwrap();
        self.run(&[&["--scenario", file], args].concat())
    }
}

impl Run {
    /// Fails the test with all that the run printed and logged, unless its exit code was this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.text, self.log());
        self
    }

    /// The file of this name in the charm's copy of a unit.
    pub(crate) fn file(&self, unit: u32, name: &str) -> String {
        let path = self.directory.join(format!("unit-app-{unit}/charm/{name}"));
        fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}\n{}\n{}", path.display(), self.text, self.log())
        })
    }

    /// The events of a kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.join("history.jsonl")).unwrap();
        let events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] == kind).collect()
    }

    /// The names of the hooks that a unit ran, in order.
    pub(crate) fn hooks(&self, unit: u32) -> Vec<String> {
        let begun = self.events("hook-begin").into_iter();
        let of_unit = begun.filter(|event| event["unit"] == format!("app/{unit}"));
        of_unit
            .map(|event| event["hook"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The logs of all units.
    fn log(&self) -> String {
        let folders = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let logs = folders.filter_map(|folder| fs::read_to_string(folder.path().join("log")).ok());
        logs.collect::<Vec<_>>().join("\n")
    }
}
