//! A holder whose clock runs at another rate than etcd's, and who loses sight of etcd.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use ops_coordinator_etcd::referee::{Act, Violation, judge};
use ops_coordinator_trial::faults::Means;
use ops_coordinator_trial::{Cluster, Proxy};

use crate::{COMMAND, assert_clean, lock, output, text, until};

/// Says what it does, and ends when it is told to.
const OBEDIENT: &str = "echo enter $OPS_COORDINATOR_TOKEN >>acts; \
    trap 'echo leave $OPS_COORDINATOR_TOKEN >>acts; exit' TERM; while :; do sleep 0.02; done";
const SHORT: &str =
    "echo enter $OPS_COORDINATOR_TOKEN >>acts; echo leave $OPS_COORDINATOR_TOKEN >>acts";

/// Lets the holder's clock run at this rate, cuts the holder off, and lets somebody else, whose clock is good, want the lock.
/// Returns what the referee says; `None` if this machine has no libfaketime.
fn cut_off(rate: &str) -> Option<Vec<Violation>> {
    let Some(library) = Means::get().faketime() else {
        eprintln!("skipped: libfaketime is not installed");
        return None;
    };
    let cluster = Cluster::start(1);
    let proxy = Proxy::to(cluster.ports()[0]);
    let acts = cluster.directory().join("acts");
    let holder = Command::new(COMMAND)
        .args(["lock", "--etcd", &format!("127.0.0.1:{}", proxy.port())])
        .args(["--ttl", "4s", "restart", "--"])
        // The command has the machine's clock.
        .args(["env", "-u", "LD_PRELOAD", "sh", "-c", OBEDIENT])
        .env("LD_PRELOAD", library)
        .env("FAKETIME", format!("+0 {rate}"))
        .current_dir(cluster.directory())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until(|| fs::read_to_string(&acts).is_ok_and(|acts| acts.contains("enter")));
    proxy.hold(true);
    let next = output(lock(&cluster, &[], SHORT));
    assert_eq!(next.status.code(), Some(0), "{next:?}");
    let ended = holder.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(76), "{ended:?}");
    let why = "its lease cannot be renewed";
    assert!(text(&ended.stderr).contains(why), "{ended:?}");
    assert_clean(&cluster);
    let acts = fs::read_to_string(acts).unwrap();
    let acts = acts.lines().map(|line| {
        let (word, token) = line.split_once(' ').unwrap();
        let token = token.parse().unwrap();
        match word {
            "enter" => Act::Enter(token),
            _ => Act::Leave(token),
        }
    });
    let acts: Vec<Act> = acts.collect();
    assert_eq!(acts.len(), 4, "{acts:?}");
    Some(judge(1, &acts))
}

/// Why the documents say for which clocks the promise is made: two thirds would be the slowest.
#[test]
fn a_clock_may_be_slower_by_a_quarter_or_faster_by_a_third_but_not_run_at_half_speed() {
    let [slow, fast, half] = thread::scope(|scope| {
        ["x0.75", "x1.33", "x0.5"]
            .map(|rate| scope.spawn(move || cut_off(rate)))
            .map(|run| run.join().unwrap())
    });
    assert_eq!(slow.unwrap_or_default(), []);
    assert_eq!(fast.unwrap_or_default(), []);
    assert!(
        half.iter()
            .all(|found| matches!(found[..], [Violation::Overlap(_)])),
        "the referee sees that the holder was still inside: {half:?}"
    );
}
