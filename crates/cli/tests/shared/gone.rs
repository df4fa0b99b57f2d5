//! A process, a unit or a machine that is gone while it holds.

use std::fs;
use std::path::Path;

use ops_coordinator_trial::{Cluster, signal};
use rustix::process::Signal;
use serde_json::json;

use crate::application::{Application, Roll, STANDINGS, assert_clean, in_line, stranger, until};

fn lives(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

#[test]
fn when_run_is_killed_its_command_ends_with_it_and_the_next_attempt_has_the_same_turn() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "5s", 60);
    let roll = application.roll(1);
    application.logged(1);
    let [run, command] = application.processes(0);
    signal(run, Signal::KILL);
    until("the command has ended", || !lives(command));
    application.end(roll).exits(0);
    let log = application.log();
    let token = log[0].strip_prefix("+ one-0-1-").unwrap();
    let whole = ["+ one-0-1-", "+ one-0-2-", "- one-0-2-"].map(|line| format!("{line}{token}"));
    assert_eq!(log, whole, "the first was killed, and said no more");
    assert_clean(&cluster);
}

/// A unit keeps the lock while its operation soaks. Its hooks all run, and say nothing of the lock.
#[test]
fn a_unit_that_is_removed_while_it_holds_gives_the_lock_back() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "60s", 0);
    let endpoints = cluster.endpoints();
    application.declare(&format!(
        "soak = '10m'\n[locks.restart.shared]\nname = 'db-restart'\nttl = '60s'\nendpoints = '{endpoints}'"
    ));
    let roll = application.roll(2);
    application.logged(2);
    // Who is first is the lab's choice.
    let holder = u32::from(application.log()[1].starts_with("- one-1"));
    in_line(&cluster, 2);
    application.step(&format!("remove-unit = \"app/{holder}\""));
    until("it is gone", || !application.has(holder));
    // Juju deletes the files of a unit; the lab keeps them for those who look.
    let files = application.path(holder, "");
    until("its files are gone", || {
        // Its deputy may be writing.
        fs::remove_dir_all(&files).is_ok() || !files.exists()
    });
    // The other one has its turn, long before the lease would have ended.
    application.logged(4);
    assert!(!application.log()[2].starts_with(&format!("+ one-{holder}")));
    assert!(!files.exists());
    in_line(&cluster, 1);
    end_in_the_middle(&application, roll);
}

#[test]
fn a_unit_that_is_lost_with_its_machine_holds_until_its_lease_ends() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "3s", 400);
    let roll = application.roll(1);
    application.logged(1);
    let [_, command] = application.processes(0);
    let deputy = application.deputy(0).unwrap();
    let mut stranger = stranger(&cluster);
    in_line(&cluster, 2);
    application.step("lose-machine = \"app/0\"");
    until("all its processes have ended", || {
        !lives(command) && !lives(deputy)
    });
    application.logged(2);
    assert!(
        application.log()[1].starts_with("+ stranger-"),
        "{:#?}",
        application.log()
    );
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    end_in_the_middle(&application, roll);
    assert_clean(&cluster);
}

/// What is left on the disk says that the lock is held until long after now: the clock of a boot begins at zero.
#[test]
fn a_machine_that_is_booted_believes_nothing_of_the_time_before() {
    let cluster = Cluster::start(1);
    let application = Application::new(&cluster, "one", "2s", 60);
    let roll = application.roll(1);
    application.logged(1);
    let (deputy, [_, command]) = (application.deputy(0).unwrap(), application.processes(0));
    application.step("agent-down = \"app/0\"");
    signal(deputy, Signal::KILL);
    signal(command, Signal::KILL);
    until("all its processes have ended", || {
        !lives(command) && !lives(deputy)
    });
    let mut standings = application.standings(0).unwrap();
    let until_later = &mut standings["locks"]["restart"]["until"];
    *until_later = json!(until_later.as_u64().unwrap() + 86_400_000);
    standings["boot"] = json!("the boot before");
    fs::write(application.path(0, STANDINGS), standings.to_string()).unwrap();
    let mut stranger = stranger(&cluster);
    application.logged(2);
    application.step("agent-up = \"app/0\"");
    in_line(&cluster, 2);
    assert_eq!(
        application.log().len(),
        2,
        "it waits: {:#?}",
        application.log()
    );
    drop(stranger.stdin.take());
    stranger.wait().unwrap();
    application.end(roll).exits(0);
    let log = application.log();
    let signs = log.iter().map(|line| line.rsplit_once('-').unwrap().0);
    let signs: Vec<&str> = signs.collect();
    assert_eq!(
        signs,
        [
            "+ one-0-1",
            "+ stranger",
            "- stranger",
            "+ one-0-2",
            "- one-0-2"
        ]
    );
    assert_clean(&cluster);
}

/// Ends a lab whose units still have something to do.
fn end_in_the_middle(application: &Application, roll: Roll) {
    roll.interrupt();
    application.end(roll);
}
