//! An application on a lab of its own, whose restarts need a lock in etcd as well.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ops_coordinator_etcd::{PREFIX, survey};
use ops_coordinator_trial::{Cluster, run, signal};
use rustix::process::Signal;
use serde_json::Value;

use crate::fixture::{COMMAND, Fixture, Run};

/// How long anything may take; a test that fails should say so before the runner ends it.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a deputy writes down.
pub(crate) const STANDINGS: &str = ".ops-coordinator/cluster/deputy.json";

/// A charm whose units restart once the configuration has changed.
pub(crate) struct Application {
    fixture: Fixture,
    log: PathBuf,
}

/// A lab that rolls an application. A test that fails leaves none behind.
pub(crate) struct Roll(Option<Child>);

impl Roll {
    /// Ends the lab, and all that its hooks have left behind.
    pub(crate) fn interrupt(&self) {
        if let Some(lab) = &self.0 {
            signal(lab.id(), Signal::INT);
        }
    }
}

impl Drop for Roll {
    fn drop(&mut self) {
        self.interrupt();
        if let Some(mut lab) = self.0.take() {
            let _ = lab.wait();
        }
    }
}

impl Application {
    /// An operation takes so many naps of 50 ms, and says in the cluster's file `log` who goes in and out with which token.
    pub(crate) fn new(cluster: &Cluster, name: &str, ttl: &str, naps: u32) -> Self {
        let log = cluster.directory().join("log");
        let operation = format!(
            "who={name}-${{JUJU_UNIT_NAME##*/}}-$OPS_COORDINATOR_ATTEMPT-${{OPS_COORDINATOR_TOKEN-0}}
             trap 'echo - $who >>{log}; exit 1' TERM
             echo $PPID $$ >processes
             echo + $who >>{log}
             for _ in $(seq {naps}); do sleep 0.05; done
             echo - $who >>{log}",
            log = log.display()
        );
        let fixture = Fixture::new(
            r#"
            ops-coordinator begin --relation cluster
            if [ $hook = config-changed ] && [ "$(config-get message)" != hello ] && [ ! -e asked ]; then
                ops-coordinator request restart --relation cluster
                touch asked
            fi
            code=0
            ops-coordinator run restart --relation cluster -- bash -euc "$(cat operation)" >said || code=$?
            case $code in 0 | 66 | 75) ;; *) exit $code ;; esac
            ops-coordinator status --relation cluster >status
            ops-coordinator release --relation cluster"#,
        );
        let write = |name: &str, text: &str| fs::write(fixture.charm().join(name), text).unwrap();
        write("operation", &operation);
        let application = Self { fixture, log };
        let endpoints = cluster.endpoints();
        application.share(&format!("ttl = '{ttl}'\nendpoints = '{endpoints}'"));
        application
    }

    /// What the charm declares of the shared lock, besides its name.
    pub(crate) fn share(&self, lines: &str) {
        self.declare(&format!(
            "[locks.restart.shared]\nname = 'db-restart'\n{lines}"
        ));
    }

    /// What the charm declares, besides that the line in its peer relation lets two in.
    pub(crate) fn declare(&self, lines: &str) {
        let file = self.charm().join("coordination.toml");
        fs::write(file, format!("[locks.restart]\nlimit = 2\n{lines}\n")).unwrap();
    }

    /// The charm's directory, of which each unit gets a copy.
    pub(crate) fn charm(&self) -> PathBuf {
        self.fixture.charm()
    }

    /// Takes a step of a scenario in the running lab.
    #[track_caller]
    pub(crate) fn step(&self, step: &str) {
        let output = self.try_step(step);
        assert!(output.status.success(), "{output:?}");
    }

    /// The same, if the lab is not over yet.
    pub(crate) fn try_step(&self, step: &str) -> Output {
        let mut command = Command::new(COMMAND);
        command
            .args(["lab", "step", "--dir"])
            .arg(self.fixture.directory());
        command.arg(step).output().unwrap()
    }

    /// Starts a roll of so many units.
    pub(crate) fn roll(&self, units: u32) -> Roll {
        self.roll_and(units, "")
    }

    /// Starts a roll of so many units; then come these steps.
    pub(crate) fn roll_and(&self, units: u32, steps: &str) -> Roll {
        let scenario = self.fixture.charm().with_file_name("scenario.toml");
        let text =
            format!("retry-after = '500ms'\n[[step]]\nconfig = {{ message = 'x' }}\n{steps}");
        fs::write(&scenario, text).unwrap();
        let mut command = self
            .fixture
            .command(&["--units", &units.to_string(), "--scenario"]);
        let command = command.arg(scenario);
        let lab = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Roll(Some(lab.unwrap()))
    }

    /// Whether the running lab has a unit.
    pub(crate) fn has(&self, unit: u32) -> bool {
        let mut command = Command::new(COMMAND);
        command.args(["lab", "status", "--dir"]);
        let output = command.arg(self.fixture.directory()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).contains(&format!("app/{unit}"))
    }

    /// What came of a roll.
    pub(crate) fn end(&self, mut roll: Roll) -> Run {
        let lab = roll.0.take().unwrap();
        self.fixture.outcome(lab.wait_with_output().unwrap())
    }

    /// Where a file in the charm's directory of a unit is.
    pub(crate) fn path(&self, unit: u32, name: &str) -> PathBuf {
        let unit = format!("unit-app-{unit}/charm");
        self.fixture.directory().join(unit).join(name)
    }

    /// A file in the charm's directory of a unit.
    pub(crate) fn file(&self, unit: u32, name: &str) -> String {
        fs::read_to_string(self.path(unit, name)).unwrap_or_default()
    }

    /// What the deputy of a unit has written down.
    pub(crate) fn standings(&self, unit: u32) -> Option<Value> {
        serde_json::from_str(&self.file(unit, STANDINGS)).ok()
    }

    /// The process of a unit's deputy, once there is one.
    pub(crate) fn deputy(&self, unit: u32) -> Option<u32> {
        let standings = self.standings(unit)?;
        standings["process"]["id"].as_u64()?.try_into().ok()
    }

    /// The processes of a unit's operation: the one that runs it, and its own.
    pub(crate) fn processes(&self, unit: u32) -> [u32; 2] {
        let text = self.file(unit, "processes");
        let ids: Vec<u32> = text
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        ids.try_into().unwrap()
    }

    /// What the operations of all who share the file have said so far.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until the log has so many lines.
    pub(crate) fn logged(&self, lines: usize) {
        until("the log is long enough", || self.log().len() >= lines);
    }
}

/// Waits for something that must come.
#[track_caller]
pub(crate) fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let since = Instant::now();
    while !reached() {
        assert!(since.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Never two inside; the tokens of those who go in never fall, and rise from one unit to the next.
#[track_caller]
pub(crate) fn assert_one_at_a_time(log: &[String]) {
    let (mut inside, mut last) = (None::<&str>, (0, ""));
    for line in log {
        let (sign, who) = line.split_once(' ').unwrap();
        if sign == "-" {
            assert_eq!(inside.take(), Some(who), "{log:#?}");
            continue;
        }
        assert_eq!(inside.replace(who), None, "two inside: {log:#?}");
        let (unit, token) = who.rsplit_once('-').unwrap();
        // A later attempt may be in the same turn.
        let unit = unit.rsplit_once('-').map_or(unit, |(unit, _)| unit);
        let token: i64 = token.parse().unwrap();
        assert!(token > last.0 || last == (token, unit), "{log:#?}");
        last = (token, unit);
    }
    assert_eq!(inside, None, "{log:#?}");
}

/// Waits until so many are in the line.
pub(crate) fn in_line(cluster: &Cluster, wanted: usize) {
    until("so many are in the line", || {
        let client = cluster.client();
        let queues = run(async { survey(&client, PREFIX, None).await }).unwrap();
        let places = queues.iter().map(|queue| queue.entries.len());
        places.sum::<usize>() == wanted
    });
}

/// Nobody is left in the line.
pub(crate) fn assert_clean(cluster: &Cluster) {
    until("the line is empty", || {
        run(async {
            let client = cluster.client();
            let queues = survey(&client, PREFIX, None).await.unwrap();
            queues.is_empty() && client.leases().await.unwrap().is_empty()
        })
    });
}

/// Somebody without Juju who holds the lock until its standard input ends.
pub(crate) fn stranger(cluster: &Cluster) -> Child {
    let script = "echo + stranger-$OPS_COORDINATOR_TOKEN >>log; cat >/dev/null; echo - stranger-$OPS_COORDINATOR_TOKEN >>log";
    let mut command = Command::new(COMMAND);
    command.args(["lock", "--etcd", &cluster.endpoints(), "--ttl", "2s"]);
    if let Some(made) = cluster.certificates() {
        for (option, file) in [
            ("cacert", "ca.pem"),
            ("cert", "client.pem"),
            ("key", "client.key"),
        ] {
            command.arg(format!("--{option}")).arg(made.path(file));
        }
    }
    command
        .args(["--as", "other/0", "db-restart", "--", "sh", "-c", script])
        .current_dir(cluster.directory())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}
