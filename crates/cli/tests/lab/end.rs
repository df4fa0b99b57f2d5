//! Nothing outlives a run, however it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixture::Fixture;

/// Leaves a process in the hook's group, one that has detached itself, and one that has emptied
/// its environment too. Each is a `sleep` of a length that is this test's own.
fn leaves_sleepers(length: &str) -> Fixture {
    Fixture::new(&format!(
        "if [ $hook = start ]; then
           sleep {length} &
           setsid sleep {length} </dev/null >/dev/null 2>&1 &
           env -i setsid sleep {length} </dev/null >/dev/null 2>&1 &
           sleep 0.1
           touch left
         fi"
    ))
}

/// How many processes run `sleep` with this argument.
fn sleepers(length: &str) -> usize {
    let wanted = format!("sleep\0{length}\0");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line == wanted.as_bytes()).count()
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "waited in vain: {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn send(signal: &str, process: u32) {
    let status = Command::new("kill")
        .args([signal, &process.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// The process that the keeper keeps.
fn worker_of(keeper: u32) -> u32 {
    let children = format!("/proc/{keeper}/task/{keeper}/children");
    let text = fs::read_to_string(Path::new(&children)).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn what_hooks_leave_behind_lives_on_until_the_run_ends() {
    let fixture = leaves_sleepers("4242.1");
    let scenario =
        "[[step]]\nexec = { unit = 'app/0', command = 'pgrep -fc \"^sleep 4242.1\" >count' }\n";
    let run = fixture.play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "count"), "3\n");
    assert_eq!(sleepers("4242.1"), 0);
}

#[test]
fn an_interrupted_run_says_so_and_leaves_nothing() {
    let fixture = leaves_sleepers("4242.2");
    let scenario = fixture.directory().with_extension("toml");
    fs::write(&scenario, "[[step]]\nafter = '50s'\n").unwrap();
    let mut command = fixture.command(&["--scenario", scenario.to_str().unwrap()]);
    let keeper = command.stdout(Stdio::piped()).spawn().unwrap();
    let left = fixture.directory().join("unit-app-0/charm/left");
    wait_until("the hook leaves its sleepers", || left.exists());
    send("-INT", keeper.id());
    let output = keeper.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("problem: interrupted"), "{text}");
    assert_eq!(sleepers("4242.2"), 0);
}

#[test]
fn a_run_that_is_killed_leaves_neither_processes_nor_temporary_files() {
    let fixture = leaves_sleepers("4242.3");
    let scenario = fixture.directory().with_extension("toml");
    fs::write(&scenario, "[[step]]\nafter = '50s'\n").unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(crate::fixture::COMMAND);
    command.args(["lab", "run", "--charm"]).arg(fixture.charm());
    command
        .arg("--scenario")
        .arg(&scenario)
        .env("TMPDIR", scratch.path());
    let mut keeper = command.stdout(Stdio::null()).spawn().unwrap();
    wait_until("the hook leaves its sleepers", || sleepers("4242.3") == 3);
    send("-KILL", worker_of(keeper.id()));
    assert_eq!(keeper.wait().unwrap().code(), Some(128 + 9));
    assert_eq!(sleepers("4242.3"), 0);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_run_whose_keeper_is_killed_ends_by_itself() {
    let fixture =
        Fixture::new("[ $hook != start ] || { setsid sleep 4242.4 >/dev/null 2>&1 & touch left; }");
    let scenario = fixture.directory().with_extension("toml");
    fs::write(&scenario, "[[step]]\nafter = '50s'\n").unwrap();
    let mut command = fixture.command(&["--scenario", scenario.to_str().unwrap()]);
    let mut keeper = command.stdout(Stdio::null()).spawn().unwrap();
    let left = fixture.directory().join("unit-app-0/charm/left");
    wait_until("the hook leaves its sleeper", || {
        left.exists() && sleepers("4242.4") == 1
    });
    let worker = worker_of(keeper.id());
    keeper.kill().unwrap();
    keeper.wait().unwrap();
    wait_until("the sleeper ends", || sleepers("4242.4") == 0);
    wait_until("the worker ends", || {
        !Path::new(&format!("/proc/{worker}/cwd")).exists()
    });
}

#[test]
fn an_orphan_neither_holds_its_hook_up_nor_outlives_the_run() {
    let fixture = Fixture::new(
        "if [ $hook = start ]; then
           [ ! -e begun ] || exit 0
           touch begun
           lab-mark enter disk
           sleep 4242.6
         fi",
    );
    let scenario = "
        [[step]]
        after = { mark = 'enter', delay = '200ms' }
        kill = 'app/0'
        spare-children = true
        [[step]]
        exec = { unit = 'app/0', command = 'pgrep -fc \"^sleep 4242.6\" >count' }
        [[step]]
        expect = { failed-hooks = 0 }
        ";
    let run = fixture.play(scenario, &[]).exits(0);
    assert_eq!(run.file(0, "count"), "1\n");
    let starts = run.hooks(0).into_iter().filter(|hook| hook == "start");
    assert_eq!(starts.count(), 2);
    assert_eq!(sleepers("4242.6"), 0);
}
