//! One etcd server of a cluster.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::certificate::Certificates;
use crate::disk::Disks;
use crate::server::{program, signal};

/// How long a member may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A member, whether it runs or not.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) client_port: u16,
    /// Where it listens for the others.
    pub(crate) peer_port: u16,
    /// Where the others are told to find it.
    pub(crate) known_port: u16,
    pub(crate) program: PathBuf,
    /// Its files are gone for good.
    pub(crate) lost: bool,
    pub(crate) child: Option<Child>,
}

/// What all members of a cluster have in common.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The program as which they begin.
    pub(crate) program: PathBuf,
    /// If they talk TLS.
    pub(crate) certificates: Option<Certificates>,
    /// Whether they have the times that etcd has by itself, or miss their leader so soon that tests need not wait for it.
    pub(crate) usual_times: bool,
    /// How many bytes their database may have.
    pub(crate) quota: Option<u64>,
    /// If each has a small disk of its own.
    pub(crate) disks: Option<Disks>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            program: program(),
            certificates: None,
            usual_times: false,
            quota: None,
            disks: None,
        }
    }
}

impl Setting {
    pub(crate) fn scheme(&self) -> &'static str {
        match self.certificates {
            Some(_) => "https",
            None => "http",
        }
    }
}

impl Member {
    /// Starts its process.
    ///
    /// # Panics
    /// When it cannot be run.
    pub(crate) fn start(&mut self, root: &Path, setting: &Setting, cluster: &str) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(root))
            .expect("a log");
        // So that it ends with us, however we end.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(disks) = &setting.disks {
            command.args(disks.inside());
        }
        let scheme = setting.scheme();
        let client = format!("{scheme}://127.0.0.1:{}", self.client_port);
        command
            .arg(&self.program)
            .env(
                "ETCD_UNSUPPORTED_ARCH",
                std::env::consts::ARCH.replace("aarch64", "arm64"),
            )
            .args(["--name", &self.name])
            .arg("--data-dir")
            .arg(root.join(&self.name).join("data"))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .arg("--listen-peer-urls")
            .arg(format!("http://127.0.0.1:{}", self.peer_port))
            .arg("--initial-advertise-peer-urls")
            .arg(format!("http://127.0.0.1:{}", self.known_port))
            .args(["--initial-cluster", cluster])
            .args(["--initial-cluster-state", "new"])
            .args(["--logger", "zap", "--log-level", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if !setting.usual_times {
            command.args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        }
        if let Some(quota) = setting.quota {
            command.args(["--quota-backend-bytes", &quota.to_string()]);
        }
        if let Some(made) = &setting.certificates {
            command
                .arg("--client-cert-auth")
                .arg("--trusted-ca-file")
                .arg(made.path("ca.pem"))
                .arg("--cert-file")
                .arg(made.path("server.pem"))
                .arg("--key-file")
                .arg(made.path("server.key"));
        }
        self.child = Some(command.spawn().expect("setpriv, of util-linux, runs etcd"));
    }

    /// Where its output goes.
    pub(crate) fn log(&self, root: &Path) -> PathBuf {
        root.join(&self.name).with_extension("log")
    }

    /// Whether it was started, and has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(
            self.child.as_mut().map(Child::try_wait),
            Some(Ok(Some(_)) | Err(_))
        )
    }

    /// Kills it.
    pub(crate) fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let since = Instant::now();
        if let Some(child) = &self.child {
            signal(child.id(), Signal::TERM);
        }
        while self.child.is_some() && !self.has_ended() && since.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
        self.end();
    }
}
