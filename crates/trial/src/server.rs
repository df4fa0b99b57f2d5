//! A real etcd on free ports of this machine, of one member or of several.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ops_coordinator_etcd::message::kv::RangeRequest;
use ops_coordinator_etcd::{Client, Config, Tls};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::certificate::Certificates;
use crate::run;

/// How long a cluster may take to answer for the first time.
const READY: Duration = Duration::from_secs(30);

/// A cluster. It ends, with its files, when this value is dropped.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    certificates: Option<Certificates>,
    times: Times,
    directory: TempDir,
}

/// How soon members miss their leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// So soon that tests need not wait for it.
    Short,
    /// As etcd has it by itself.
    Usual,
}

#[derive(Debug)]
struct Member {
    name: String,
    client_port: u16,
    peer_port: u16,
    child: Option<Child>,
}

/// The program: `ETCD` in the environment, else `etcd` on the PATH.
pub fn program() -> PathBuf {
    std::env::var_os("ETCD").map_or_else(|| "etcd".into(), PathBuf::from)
}

impl Cluster {
    /// A cluster that answers.
    ///
    /// # Panics
    /// When etcd is not installed, or does not start.
    pub fn start(members: usize) -> Self {
        Self::with(members, None, Times::Short)
    }

    /// A cluster of one member with the times that etcd has by itself, on which depends how short a lease can be.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn with_usual_times() -> Self {
        Self::with(1, None, Times::Usual)
    }

    /// A cluster that talks only TLS, and only to those who have a certificate.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn with_tls(members: usize) -> Self {
        Self::with(members, Some(Certificates::make()), Times::Short)
    }

    fn with(count: usize, certificates: Option<Certificates>, times: Times) -> Self {
        // Another process may take a port between our looking and etcd's binding it.
        for _ in 0..5 {
            if let Some(cluster) = Self::attempt(count, certificates.clone(), times) {
                return cluster;
            }
        }
        panic!("etcd does not start: is it installed (`./dev setup`)? its log is on standard error")
    }

    fn attempt(count: usize, certificates: Option<Certificates>, times: Times) -> Option<Self> {
        let ports = free_ports(2 * count);
        let member = |index: usize| Member {
            name: format!("m{index}"),
            client_port: ports[2 * index],
            peer_port: ports[2 * index + 1],
            child: None,
        };
        let mut cluster = Self {
            members: (0..count).map(member).collect(),
            certificates,
            times,
            directory: TempDir::new().expect("a temporary directory"),
        };
        for index in 0..count {
            cluster.start_member(index);
        }
        let since = Instant::now();
        while since.elapsed() < READY {
            if cluster.members.iter_mut().any(Member::has_ended) {
                for member in &cluster.members {
                    let log = fs::read_to_string(
                        cluster
                            .directory
                            .path()
                            .join(&member.name)
                            .with_extension("log"),
                    );
                    eprintln!("{}", log.unwrap_or_default());
                }
                return None;
            }
            if cluster.answers() {
                return Some(cluster);
            }
        }
        None
    }

    /// Waits until every member answers again.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn settle(&self) {
        let since = Instant::now();
        while !self.answers() {
            assert!(since.elapsed() < READY, "a member does not come back");
        }
    }

    /// Whether each member answers a linearizable read.
    fn answers(&self) -> bool {
        (0..self.members.len()).all(|index| {
            let mut config = self.config();
            config.endpoints = vec![config.endpoints[index].clone()];
            config.deadline = Duration::from_millis(700);
            let client = Client::new(config).expect("our own certificates are good");
            let read = RangeRequest {
                key: b"x".to_vec(),
                ..RangeRequest::default()
            };
            run(async { client.range(&read).await }).is_ok()
        })
    }

    /// Starts a member, again or for the first time.
    ///
    /// # Panics
    /// When etcd cannot be run.
    pub fn start_member(&mut self, index: usize) {
        let scheme = if self.certificates.is_some() {
            "https"
        } else {
            "http"
        };
        let all: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{}=http://127.0.0.1:{}", member.name, member.peer_port))
            .collect();
        let root = self.directory.path();
        let member = &self.members[index];
        let client = format!("{scheme}://127.0.0.1:{}", member.client_port);
        let peer = format!("http://127.0.0.1:{}", member.peer_port);
        let log = File::options()
            .create(true)
            .append(true)
            .open(root.join(&member.name).with_extension("log"))
            .expect("a log");
        // So that it ends with us, however we end.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(program())
            .env(
                "ETCD_UNSUPPORTED_ARCH",
                std::env::consts::ARCH.replace("aarch64", "arm64"),
            )
            .args(["--name", &member.name])
            .arg("--data-dir")
            .arg(root.join(&member.name))
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args([
                "--initial-cluster",
                &all.join(","),
                "--initial-cluster-state",
                "new",
            ])
            .args(["--logger", "zap", "--log-level", "error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if self.times == Times::Short {
            command.args(["--heartbeat-interval", "50", "--election-timeout", "500"]);
        }
        if let Some(made) = &self.certificates {
            command
                .arg("--client-cert-auth")
                .arg("--trusted-ca-file")
                .arg(made.path("ca.pem"))
                .arg("--cert-file")
                .arg(made.path("server.pem"))
                .arg("--key-file")
                .arg(made.path("server.key"));
        }
        let child = command.spawn().expect("setpriv, of util-linux, runs etcd");
        self.members[index].child = Some(child);
    }

    /// Kills a member with SIGKILL. Its files stay.
    pub fn kill_member(&mut self, index: usize) {
        self.members[index].end();
    }

    /// Kills a member and deletes its files: it does not come back.
    pub fn lose_member(&mut self, index: usize) {
        self.members[index].end();
        let _ = fs::remove_dir_all(self.directory.path().join(&self.members[index].name));
    }

    /// Stops a member's process, or lets it go on.
    pub fn freeze_member(&self, index: usize, frozen: bool) {
        if let Some(child) = &self.members[index].child {
            signal(child.id(), if frozen { Signal::STOP } else { Signal::CONT });
        }
    }

    /// Whether a member's process was started and not killed.
    pub fn runs(&self, index: usize) -> bool {
        self.members[index].child.is_some()
    }

    /// Whether a member has its files, or has never been started.
    pub fn has_files(&self, index: usize) -> bool {
        self.directory
            .path()
            .join(&self.members[index].name)
            .exists()
    }

    /// How many members there are, whether they run or not.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never: a cluster has members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The ports where clients are served.
    pub fn ports(&self) -> Vec<u16> {
        self.members
            .iter()
            .map(|member| member.client_port)
            .collect()
    }

    /// The endpoints, as `--etcd` takes them.
    pub fn endpoints(&self) -> String {
        let scheme = if self.certificates.is_some() {
            "https"
        } else {
            "http"
        };
        let all: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{scheme}://127.0.0.1:{}", member.client_port))
            .collect();
        all.join(",")
    }

    /// The certificates, if it talks TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// A place for a test's own files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// How to reach it.
    ///
    /// # Panics
    /// Never: the endpoints are ours.
    pub fn config(&self) -> Config {
        let tls = self
            .certificates
            .as_ref()
            .map_or(Tls::default(), Certificates::client);
        Config::parse(&self.endpoints(), tls).expect("our own endpoints are good")
    }

    /// A client of it.
    ///
    /// # Panics
    /// Never: the configuration is ours.
    pub fn client(&self) -> Client {
        Client::new(self.config()).expect("our own certificates are good")
    }
}

impl Member {
    fn has_ended(&mut self) -> bool {
        matches!(
            self.child.as_mut().map(Child::try_wait),
            Some(Ok(Some(_)) | Err(_))
        )
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.members.iter_mut().for_each(Member::end);
    }
}

/// Sends a signal to a process of ours.
pub fn signal(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn free_ports(count: usize) -> Vec<u16> {
    let listeners: io::Result<Vec<TcpListener>> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect();
    let ports = listeners.and_then(|all| {
        all.iter()
            .map(|listener| Ok(listener.local_addr()?.port()))
            .collect::<io::Result<Vec<u16>>>()
    });
    ports.expect("free ports")
}
