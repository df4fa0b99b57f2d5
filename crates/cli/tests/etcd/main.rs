//! `lock` and `status --etcd`, as people call them, on a real etcd.

#![cfg(feature = "etcd")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clock;
mod deputy;
mod ending;
mod faults;
mod holding;
mod space;
mod waiting;

use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use ops_coordinator_etcd::{PREFIX, survey};
use ops_coordinator_trial::{Cluster, run};

/// The command.
const COMMAND: &str = env!("CARGO_BIN_EXE_ops-coordinator");

/// `lock` for the lock `restart`, with more options, and a shell script to run.
fn lock(cluster: &Cluster, options: &[&str], script: &str) -> Command {
    let mut command = Command::new(COMMAND);
    command
        .args(["lock", "--etcd", &cluster.endpoints()])
        .args(options)
        .args(["restart", "--", "sh", "-c", script])
        .current_dir(cluster.directory())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn output(mut command: Command) -> Output {
    command.output().unwrap()
}

/// Starts one that holds the lock until its standard input ends, and waits until it does.
fn holder(cluster: &Cluster, options: &[&str]) -> Child {
    let mut command = lock(cluster, options, "echo in >holds; cat >/dev/null; exit 0");
    let child = command.stdin(Stdio::piped()).spawn().unwrap();
    until(|| cluster.directory().join("holds").exists());
    child
}

/// Waits until so many are in the line.
fn in_line(cluster: &Cluster, wanted: usize) {
    let client = cluster.client();
    until(|| {
        let queues = run(async { survey(&client, PREFIX, None).await }).unwrap();
        queues
            .iter()
            .map(|queue| queue.entries.len())
            .sum::<usize>()
            == wanted
    });
}

/// Waits for something that must come; a test that hangs is ended from outside.
fn until(mut reached: impl FnMut() -> bool) {
    while !reached() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_clean(cluster: &Cluster) {
    run(async {
        let client = cluster.client();
        assert_eq!(survey(&client, PREFIX, None).await.unwrap(), []);
        assert_eq!(client.leases().await.unwrap(), [] as [i64; 0]);
    });
}
