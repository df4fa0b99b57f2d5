//! A real etcd on free ports of this machine, of one member or of several.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use ops_coordinator_etcd::message::kv::RangeRequest;
use ops_coordinator_etcd::{Client, Config, Tls};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::certificate::Certificates;
use crate::disk::Disks;
use crate::member::{Member, Setting};
use crate::peers::Peers;
use crate::run;

/// How long a cluster may take to answer for the first time.
const READY: Duration = Duration::from_secs(30);

/// A cluster. It ends, with its files, when this value is dropped.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    /// What is between the members, if they do not talk to each other directly.
    peers: Option<Peers>,
    setting: Setting,
    directory: TempDir,
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
        Self::with(members, false, Setting::default)
    }

    /// A cluster of one member with the times that etcd has by itself, on which depends how short a lease can be.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn with_usual_times() -> Self {
        Self::with(1, false, || Setting {
            usual_times: true,
            ..Setting::default()
        })
    }

    /// A cluster that talks only TLS, and only to those who have a certificate.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn with_tls(members: usize) -> Self {
        let made = Certificates::make();
        Self::with(members, false, || Setting {
            certificates: Some(made.clone()),
            ..Setting::default()
        })
    }

    /// A cluster of one member that has a database of so many bytes at most.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn with_quota(program: &Path, quota: u64) -> Self {
        Self::with(1, false, || Setting {
            quota: Some(quota),
            program: program.to_owned(),
            ..Setting::default()
        })
    }

    /// A cluster in which everything can go wrong: between the members as well, with that quota, and, if wanted, each of them
    /// with a small disk of its own.
    pub(crate) fn fragile(members: usize, quota: u64, small_disks: bool) -> Self {
        Self::with(members, true, || Setting {
            quota: Some(quota),
            disks: small_disks.then(Disks::default),
            ..Setting::default()
        })
    }

    fn with(count: usize, proxied: bool, setting: impl Fn() -> Setting) -> Self {
        // Another process may take a port between our looking and etcd's binding it.
        for _ in 0..5 {
            if let Some(cluster) = Self::attempt(count, proxied, setting()) {
                return cluster;
            }
        }
        panic!("etcd does not start: is it installed (`./dev setup`)? its log is on standard error")
    }

    fn attempt(count: usize, proxied: bool, mut setting: Setting) -> Option<Self> {
        let ports = free_ports(2 * count);
        let peers = proxied.then(|| Peers::before(ports.iter().skip(1).step_by(2).copied()));
        let directory = TempDir::new().expect("a temporary directory");
        let member = |index: usize| {
            let peer_port = ports[2 * index + 1];
            Member {
                name: format!("m{index}"),
                client_port: ports[2 * index],
                peer_port,
                known_port: peers.as_ref().map_or(peer_port, |all| all.port(index)),
                program: setting.program.clone(),
                lost: false,
                child: None,
            }
        };
        let members: Vec<Member> = (0..count).map(member).collect();
        if let Some(disks) = &mut setting.disks {
            disks.mount(
                members
                    .iter()
                    .map(|member| directory.path().join(&member.name)),
            );
        }
        let mut cluster = Self {
            members,
            peers,
            setting,
            directory,
        };
        for index in 0..count {
            cluster.start_member(index);
        }
        let since = Instant::now();
        while since.elapsed() < READY {
            if cluster.members.iter_mut().any(Member::has_ended) {
                for member in &cluster.members {
                    let log = fs::read_to_string(member.log(cluster.directory.path()));
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
        (0..self.members.len()).all(|index| self.member_answers(index))
    }

    /// Whether a member answers a linearizable read.
    ///
    /// # Panics
    /// Never: the configuration is ours.
    pub fn member_answers(&self, index: usize) -> bool {
        let mut config = self.config();
        config.endpoints = vec![config.endpoints[index].clone()];
        config.deadline = Duration::from_millis(700);
        let client = Client::new(config).expect("our own certificates are good");
        let read = RangeRequest {
            key: b"x".to_vec(),
            ..RangeRequest::default()
        };
        run(async { client.range(&read).await }).is_ok()
    }

    /// Starts a member, again or for the first time.
    ///
    /// # Panics
    /// When etcd cannot be run.
    pub fn start_member(&mut self, index: usize) {
        let known = self
            .members
            .iter()
            .map(|member| format!("{}=http://127.0.0.1:{}", member.name, member.known_port));
        let known: Vec<String> = known.collect();
        let root = self.directory.path();
        self.members[index].start(root, &self.setting, &known.join(","));
        let process = self.members[index].child.as_ref().map(Child::id);
        if let Some((peers, process)) = self.peers.as_ref().zip(process) {
            peers.callers.set(index, process);
        }
    }

    /// Kills a member with SIGKILL. Its files stay.
    pub fn kill_member(&mut self, index: usize) {
        self.members[index].end();
    }

    /// Ends a member in good order, if it runs, and starts another program with its files.
    ///
    /// # Panics
    /// As [`Cluster::start_member`].
    pub fn replace_member(&mut self, index: usize, program: &Path) {
        self.members[index].stop();
        program.clone_into(&mut self.members[index].program);
        self.start_member(index);
    }

    /// Kills a member and deletes its files: it does not come back.
    pub fn lose_member(&mut self, index: usize) {
        self.members[index].end();
        self.members[index].lost = true;
        let files = self.files(index).join("data");
        let _ = fs::remove_dir_all(files);
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

    /// Whether a member's process has ended by itself.
    pub fn has_ended(&mut self, index: usize) -> bool {
        self.members[index].has_ended()
    }

    /// Whether a member has its files, or has never been started.
    pub fn has_files(&self, index: usize) -> bool {
        !self.members[index].lost
    }

    /// Where a member's files are, as this process sees them.
    pub(crate) fn files(&self, index: usize) -> PathBuf {
        let path = self.directory.path().join(&self.members[index].name);
        match &self.setting.disks {
            Some(disks) => disks.seen(&path),
            None => path,
        }
    }

    /// What is between the members, if anything.
    pub(crate) fn peers(&self) -> Option<&Peers> {
        self.peers.as_ref()
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
        let scheme = self.setting.scheme();
        let all: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{scheme}://127.0.0.1:{}", member.client_port))
            .collect();
        all.join(",")
    }

    /// The certificates, if it talks TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.setting.certificates.as_ref()
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
        let certificates = self.setting.certificates.as_ref();
        let tls = certificates.map_or(Tls::default(), Certificates::client);
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
