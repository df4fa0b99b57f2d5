//! The charm in Rust: its executable keeps a lock in etcd with the command that it carries.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ops_coordinator_trial::Cluster;

use crate::application::assert_clean;
use crate::built::{COMMAND, built, charms};

/// An application of that charm on a lab of its own.
struct Application {
    directory: PathBuf,
}

impl Application {
    /// Its service takes a while to restart, and tells the cluster's file `log` of it.
    fn new(cluster: &Cluster, name: &str) -> Self {
        let directory = cluster.directory().join(name);
        let charm = directory.join("charm");
        fs::create_dir_all(&charm).unwrap();
        for file in ["metadata.yaml", "config.yaml", "dispatch"] {
            fs::copy(charms().join("rust").join(file), charm.join(file)).unwrap();
        }
        let application = Self { directory };
        let shared = format!(
            "[locks.restart.shared]\nname = 'db-restart'\nttl = '5s'\nendpoints = '{}'\n",
            cluster.endpoints()
        );
        fs::write(charm.join("coordination.toml"), shared).unwrap();
        let log = cluster.directory().join("log").display().to_string();
        let restart = format!(
            "[ \"$1\" = restart ] || exec echo active\necho + {name} $3 >>{log}\nsleep 0.3\necho - {name} $3 >>{log}"
        );
        application.write("systemctl", &restart);
        application
    }

    /// The charm carries the command.
    fn with_command(self) -> Self {
        self.write("charm/ops-coordinator", &format!("exec {COMMAND} \"$@\""));
        self
    }

    fn write(&self, name: &str, script: &str) {
        let file = self.directory.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Deploys so many units. Each restarts its service for its first message.
    fn deploy(&self, units: u32, executables: &Path) -> Child {
        Command::new(COMMAND)
            .args(["lab", "run", "--units", &units.to_string(), "--charm"])
            .arg(self.directory.join("charm"))
            .arg("--dir")
            .arg(self.directory.join("run"))
            .arg("--path")
            .arg(&self.directory)
            .arg("--path")
            .arg(executables)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn log(cluster: &Cluster) -> Vec<String> {
    let text = fs::read_to_string(cluster.directory().join("log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn two_applications_in_rust_take_turns() {
    let cluster = Cluster::start(1);
    let executables = built();
    let both = ["one", "two"].map(|name| Application::new(&cluster, name).with_command());
    let labs = both
        .each_ref()
        .map(|application| application.deploy(2, &executables));
    for lab in labs {
        let output = lab.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let log = log(&cluster);
    assert_eq!(log.len(), 8, "{log:#?}");
    for turn in log.chunks(2) {
        let (began, ended) = (&turn[0], &turn[1]);
        assert!(began.starts_with('+') && ended.starts_with('-'), "{log:#?}");
        assert_eq!(began[1..], ended[1..], "{log:#?}");
    }
    assert_clean(&cluster);
}

#[test]
fn a_charm_in_rust_without_the_command_begins_nothing_and_says_so() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one");
    let output = application.deploy(1, &built()).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let history = fs::read_to_string(application.directory.join("run/history.jsonl")).unwrap();
    let why = "to restart: waits for db-restart in etcd: cannot start the process that keeps the shared lock in etcd";
    assert!(history.contains(why), "{history}");
    assert_eq!(log(&cluster), [] as [String; 0]);
    assert_clean(&cluster);
}
