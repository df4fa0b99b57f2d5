//! Those who want the lock.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::log::Log;
use super::means::Means;
use super::plan::Plan;

/// The workers of a run.
pub(super) struct Workers<'a> {
    pub(super) command: &'a Path,
    pub(super) plan: &'a Plan,
    pub(super) log: Log,
    pub(super) prefix: String,
    pub(super) ports: Vec<u16>,
    pub(super) over: AtomicBool,
    pub(super) lost: AtomicU32,
    pub(super) refused: AtomicU32,
    pub(super) left: AtomicU32,
}

impl<'a> Workers<'a> {
    /// None of them has begun.
    pub(super) fn new(command: &'a Path, plan: &'a Plan, log: Log, ports: Vec<u16>) -> Self {
        Self {
            command,
            plan,
            log,
            prefix: format!("trial/{}/", plan.seed),
            ports,
            over: AtomicBool::new(false),
            lost: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            left: AtomicU32::new(u32::try_from(plan.workers.len()).unwrap_or(u32::MAX)),
        }
    }

    /// One of them, until it has had its turns.
    pub(super) fn work(&self, worker: usize) {
        let mut done = 0;
        while done < self.plan.workers[worker].0 && !self.over.load(Ordering::Relaxed) {
            match self.turn(worker) {
                Some(0) => done += 1,
                code => {
                    let count = |wanted, counter: &AtomicU32| {
                        counter.fetch_add(u32::from(code == Some(wanted)), Ordering::Relaxed);
                    };
                    count(76, &self.lost);
                    count(77, &self.refused);
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
    }

    /// One call of the command; its exit code.
    fn turn(&self, worker: usize) -> Option<i32> {
        let mut ports = self.ports.clone();
        let all = ports.len();
        ports.rotate_left(worker % all);
        let endpoints: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        let mut command = Command::new(self.command);
        let mut script = vec!["sh", "-c"];
        let rate = self.plan.workers[worker].1;
        if let Some(library) = Means::get().faketime().filter(|_| rate != 100) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("+0 x{}.{:02}", rate / 100, rate % 100));
            // What runs under the lock has the machine's clock.
            script.splice(..0, ["env", "-u", "LD_PRELOAD", "-u", "FAKETIME"]);
        }
        let mut child = command
            .args(["lock", "--etcd", &endpoints.join(",")])
            .args(["--prefix", &self.prefix])
            .args(["--limit", &self.plan.limit.to_string()])
            .args(["--ttl", &format!("{}s", self.plan.ttl.as_secs())])
            .args(["--as", &format!("worker {worker}")])
            .args(["lock", "--"])
            .args(script)
            .arg(self.log.script(self.plan.hold))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command can be run");
        let process = child.id();
        let since = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("our child") {
                break status;
            }
            // A run that is over takes the stuck ones with it.
            if self.over.load(Ordering::Relaxed) && since.elapsed() > self.plan.ttl {
                let _ = child.kill();
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        let pipe = child.stderr.take();
        // What it has started may have the pipe as well; it is gone by now, or will be soon.
        let _ = pipe.map(|mut pipe| pipe.read_to_string(&mut said));
        if said.contains("before its time") {
            self.log.add(&format!("early {process}"));
        }
        if status.signal().is_none() {
            self.log.add(&format!("over {process}"));
        }
        status.code()
    }
}
