//! What a hand-off takes, beside `etcdctl lock`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ops_coordinator_etcd::message::kv::RangeRequest;
use ops_coordinator_etcd::message::prefix_end;
use ops_coordinator_etcd::{Lease, Moment, PREFIX, Request, Wish};

use crate::metrics::metric;
use crate::{Cluster, run};

/// What one run of a tool has shown.
struct Figures {
    what: String,
    waiters: usize,
    /// From the end of a command to the start of the next, sorted.
    gaps: Vec<Duration>,
    whole: Duration,
    counted: Counted,
}

/// What the server has counted.
#[derive(Debug, Clone, Copy)]
struct Counted {
    /// Events sent to watchers.
    events: f64,
    /// Bytes to and from clients.
    bytes: f64,
}

impl Counted {
    /// Asks the server.
    fn now(cluster: &Cluster) -> Self {
        let value = |name| metric(cluster.ports()[0], name).expect("etcd counts this");
        Self {
            events: value("etcd_debugging_mvcc_events_total"),
            bytes: value("etcd_network_client_grpc_sent_bytes_total")
                + value("etcd_network_client_grpc_received_bytes_total"),
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            events: self.events - earlier.events,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

/// Measures, and tells.
///
/// # Panics
/// When etcd, `etcdctl` or the command does not do its part.
pub fn bench(command: &Path, largest: usize, tell: impl Fn(&str)) {
    let cluster = Cluster::start(1);
    tell(
        "one etcd on this machine, limit 1; from the end of a command to the start of the next, in ms",
    );
    tell(
        "                       waiters   median      p90      max   turns/s   events/turn  bytes/turn",
    );
    // Twice, in turn, because a machine is never the same for long.
    for _ in 0..2 {
        tell(&processes(&cluster, &Tool::Ours(command), 0).told());
        tell(&processes(&cluster, &Tool::Etcdctl, 0).told());
    }
    for waiters in [1, 10, 100]
        .into_iter()
        .filter(|waiters| *waiters <= largest)
    {
        tell(&processes(&cluster, &Tool::Ours(command), waiters).told());
        tell(&processes(&cluster, &Tool::Etcdctl, waiters).told());
    }
    for limit in [1, 5] {
        for waiters in [1, 10, 100, 1000]
            .into_iter()
            .filter(|waiters| *waiters <= largest)
        {
            tell(&in_one_process(&cluster, limit, waiters).told());
        }
    }
}

impl Figures {
    fn told(&self) -> String {
        let at = |share: usize| {
            let place = (self.gaps.len() * share / 100).min(self.gaps.len().saturating_sub(1));
            self.gaps
                .get(place)
                .map_or(f64::NAN, |gap| gap.as_secs_f64() * 1e3)
        };
        #[expect(clippy::cast_precision_loss, reason = "there are not so many turns")]
        let turns = (self.gaps.len() + 1) as f64;
        format!(
            "{:22} {:7}  {:7.2}  {:7.2}  {:7.2}   {:7.0}   {:11.2}  {:10.0}",
            self.what,
            self.waiters,
            at(50),
            at(90),
            at(100),
            turns / self.whole.as_secs_f64(),
            self.counted.events / turns,
            self.counted.bytes / turns,
        )
    }
}

/// Those who take a lock for the time of a command.
enum Tool<'a> {
    Ours(&'a Path),
    Etcdctl,
}

impl Tool<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "ops-coordinator lock",
            Self::Etcdctl => "etcdctl lock",
        }
    }

    fn prefix(&self) -> &'static str {
        match self {
            Self::Ours(_) => PREFIX,
            Self::Etcdctl => "bench/",
        }
    }

    /// Runs `stamp` under the lock.
    fn start(&self, cluster: &Cluster, log: &Path, milliseconds: u64) -> Child {
        let own = std::env::current_exe().expect("this program");
        let mut command = match self {
            Self::Ours(path) => {
                let mut command = Command::new(path);
                command.args(["lock", "--etcd", &cluster.endpoints(), "bench", "--"]);
                command
            }
            Self::Etcdctl => {
                let mut command = Command::new("etcdctl");
                command.env("ETCDCTL_API", "3");
                command.args(["--endpoints", &cluster.endpoints(), "lock", "bench"]);
                command
            }
        };
        command
            .arg(own)
            .arg("stamp")
            .arg(log)
            .arg(milliseconds.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.spawn().expect("the tool is installed")
    }
}

/// One after the other, for nobody (0) or with so many who wait.
fn processes(cluster: &Cluster, tool: &Tool<'_>, waiters: usize) -> Figures {
    let log = cluster.directory().join("stamps");
    File::create(&log).expect("a file of ours");
    let start = |time: u64| tool.start(cluster, &log, time);
    let end = |mut child: Child| assert!(child.wait().expect("our child").success());
    let (before, begun);
    if waiters == 0 {
        (before, begun) = (Counted::now(cluster), Instant::now());
        for _ in 0..30 {
            end(start(0));
        }
    } else {
        // The first holds the lock until all others are in line.
        let time = 500 + 30 * waiters as u64;
        let first = start(time);
        in_line(cluster, tool.prefix(), 1);
        let others: Vec<Child> = (0..waiters).map(|_| start(1)).collect();
        in_line(cluster, tool.prefix(), 1 + waiters);
        before = Counted::now(cluster);
        end(first);
        begun = Instant::now();
        others.into_iter().for_each(end);
    }
    let whole = begun.elapsed();
    let counted = Counted::now(cluster).since(before);
    let what = match waiters {
        0 => format!("{}, alone", tool.name()),
        _ => tool.name().to_owned(),
    };
    Figures {
        what,
        waiters,
        gaps: gaps(&log),
        whole,
        counted,
    }
}

fn in_line(cluster: &Cluster, prefix: &str, wanted: usize) {
    let client = cluster.client();
    let read = RangeRequest {
        key: prefix.into(),
        range_end: prefix_end(prefix.as_bytes()),
        count_only: true,
        ..RangeRequest::default()
    };
    let count = || run(async { client.range(&read).await }).map(|answer| answer.count);
    while usize::try_from(count().expect("etcd runs")).unwrap_or_default() < wanted {
        thread::sleep(Duration::from_millis(20));
    }
}

/// From each end to the next start.
fn gaps(log: &Path) -> Vec<Duration> {
    let text = fs::read_to_string(log).expect("a file of ours");
    let stamps: Vec<(u128, u128)> = text
        .lines()
        .filter_map(|line| {
            let (start, end) = line.split_once(' ')?;
            Some((start.parse().ok()?, end.parse().ok()?))
        })
        .collect();
    let gap = |pair: &[(u128, u128)]| {
        let gap = pair[1].0.saturating_sub(pair[0].1);
        Duration::from_nanos(u64::try_from(gap).unwrap_or(u64::MAX))
    };
    let mut gaps: Vec<Duration> = stamps.windows(2).map(gap).collect();
    gaps.sort_unstable();
    gaps
}

/// A command under a lock: writes when it began and when it ended, by the machine's clock, in nanoseconds.
///
/// # Panics
/// When it cannot write.
pub fn stamp(log: &Path, milliseconds: u64) {
    let begun = Moment::now();
    thread::sleep(Duration::from_millis(milliseconds));
    let mut file = File::options().append(true).open(log).expect("the log");
    let line = format!("{} {}\n", begun.as_nanos(), Moment::now().as_nanos());
    file.write_all(line.as_bytes())
        .expect("the log can be written");
}

/// Many requests of one process, each with a connection of its own.
fn in_one_process(cluster: &Cluster, limit: u32, waiters: usize) -> Figures {
    let wish = |who: usize| Wish {
        prefix: PREFIX.to_owned(),
        lock: "bench".parse().expect("a name"),
        limit,
        ttl: Duration::from_secs(60),
        who: format!("waiter {who}"),
    };
    let (gaps, whole, counted) = run(async {
        let mut turns = Vec::new();
        for who in 0..limit as usize {
            let mut first = Request::join(&cluster.client(), wish(who), Lease::draw())
                .await
                .expect("etcd runs");
            first.wait(|_| ()).await.expect("etcd runs");
            let turn = first.begin();
            turn.announce().await.expect("etcd runs");
            turns.push(turn);
        }
        let (told, mut ends) = tokio::sync::mpsc::unbounded_channel();
        for who in 0..waiters {
            let request = Request::join(&cluster.client(), wish(who), Lease::draw()).await;
            let (mut request, told) = (request.expect("etcd runs"), told.clone());
            tokio::spawn(async move {
                request.wait(|_| ()).await.expect("etcd runs");
                let begun = Instant::now();
                let turn = request.begin();
                if limit > 1 {
                    turn.announce().await.expect("etcd runs");
                }
                let ended = Instant::now();
                turn.release().await.expect("etcd runs");
                told.send((begun, ended)).expect("it is awaited");
            });
        }
        // Until all watches have begun.
        tokio::time::sleep(Duration::from_millis(500 + 2 * waiters as u64)).await;
        let (before, mut last) = (Counted::now(cluster), Instant::now());
        let begun = last;
        for turn in turns {
            turn.release().await.expect("etcd runs");
        }
        let mut gaps = Vec::new();
        for _ in 0..waiters {
            let (begun, ended) = ends.recv().await.expect("all end");
            gaps.push(begun.saturating_duration_since(last));
            last = ended;
        }
        gaps.sort_unstable();
        (gaps, begun.elapsed(), Counted::now(cluster).since(before))
    });
    Figures {
        what: format!("library, limit {limit}"),
        waiters,
        gaps,
        whole,
        counted,
    }
}

/// Where the command is that `dev` has built.
pub fn default_command() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("ops-coordinator")
}
