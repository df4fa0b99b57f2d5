//! How the command ends, and with which exit code.

use std::io::Read;
use std::process::{Command, Stdio};

use ops_coordinator_trial::{Cluster, signal};
use rustix::process::Signal;

use crate::{COMMAND, assert_clean, holder, in_line, lock, output, text, until};

#[test]
fn the_exit_code_is_the_commands_own() {
    let cluster = Cluster::start(1);
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)] {
        let ended = output(lock(&cluster, &[], script));
        assert_eq!(
            (ended.status.code(), text(&ended.stderr)),
            (Some(code), String::new())
        );
    }
    assert_clean(&cluster);
}

#[test]
fn a_command_that_does_not_exist_is_named_and_the_lock_is_free_again() {
    let cluster = Cluster::start(1);
    let ended = Command::new(COMMAND)
        .args([
            "lock",
            "--etcd",
            &cluster.endpoints(),
            "restart",
            "--",
            "/no/such/command",
        ])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(127));
    assert!(
        text(&ended.stderr).contains("/no/such/command"),
        "{ended:?}"
    );
    assert_clean(&cluster);
}

#[test]
fn without_etcd_nothing_runs_and_the_message_says_where_it_was_looked_for() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let ended = Command::new(COMMAND)
        .args([
            "lock",
            "--etcd",
            &format!("127.0.0.1:{port}"),
            "restart",
            "--",
            "echo",
            "ran",
        ])
        .output()
        .unwrap();
    assert_eq!(
        (ended.status.code(), text(&ended.stdout)),
        (Some(69), String::new())
    );
    let said = text(&ended.stderr);
    assert!(
        said.contains(&format!("127.0.0.1:{port}: Connection refused")),
        "{said}"
    );
    assert!(said.contains("hint: is etcd running there"), "{said}");
}

#[test]
fn a_signal_reaches_the_command_and_what_it_has_started() {
    let cluster = Cluster::start(1);
    let script = "trap 'echo usr1 >>said' USR1; trap 'echo term >>said; exit 3' TERM; echo >ready; while :; do sleep 0.05; done";
    let mut child = lock(&cluster, &[], script).spawn().unwrap();
    until(|| cluster.directory().join("ready").exists());
    signal(child.id(), Signal::USR1);
    let said = cluster.directory().join("said");
    until(|| std::fs::read_to_string(&said).is_ok_and(|text| text == "usr1\n"));
    signal(child.id(), Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(std::fs::read_to_string(said).unwrap(), "usr1\nterm\n");
    assert_clean(&cluster);
}

#[test]
fn a_signal_while_waiting_leaves_the_line_and_the_command_never_runs() {
    let cluster = Cluster::start(1);
    let mut first = holder(&cluster, &[]);
    let waiting = lock(&cluster, &[], "echo ran").spawn().unwrap();
    in_line(&cluster, 2);
    signal(waiting.id(), Signal::TERM);
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(
        (ended.status.code(), text(&ended.stdout)),
        (Some(143), String::new())
    );
    in_line(&cluster, 1);
    drop(first.stdin.take());
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_clean(&cluster);
}

#[test]
fn a_reader_that_is_gone_changes_nothing() {
    let cluster = Cluster::start(1);
    let mut command = lock(
        &cluster,
        &["--no-wait"],
        "echo said; echo more >ran; exit 5",
    );
    let mut child = command.spawn().unwrap();
    let mut said = child.stdout.take().unwrap();
    let mut first = [0; 1];
    said.read_exact(&mut first).unwrap();
    drop((said, child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(5));
    // Also where our own message has no reader.
    let mut busy = holder(&cluster, &[]);
    let mut refused = lock(&cluster, &["--no-wait"], "true");
    let mut refused = refused.stderr(Stdio::piped()).spawn().unwrap();
    drop(refused.stderr.take());
    assert_eq!(refused.wait().unwrap().code(), Some(75));
    drop(busy.stdin.take());
    busy.wait().unwrap();
    assert_clean(&cluster);
}

#[test]
fn a_command_does_not_outlive_the_process_that_holds_its_lock() {
    let cluster = Cluster::start(1);
    let script = "echo $$ >pid.new; mv pid.new pid; while :; do sleep 0.05; done";
    let mut child = lock(&cluster, &["--ttl", "2s"], script).spawn().unwrap();
    let file = cluster.directory().join("pid");
    until(|| file.exists());
    let command = std::fs::read_to_string(file).unwrap();
    let process = std::path::Path::new("/proc").join(command.trim());
    assert!(process.exists());
    signal(child.id(), Signal::KILL);
    child.wait().unwrap();
    until(|| !process.exists());
    // Nobody gave the lock back: the next one waits until its lease has ended.
    assert_eq!(output(lock(&cluster, &[], "true")).status.code(), Some(0));
    assert_clean(&cluster);
}
