//! A deputy and the hooks of its unit, at the unit's files at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use ops_coordinator_juju::shared::{Standing, Standings, Wish, Wishes};
use ops_coordinator_juju::{LocalMachine, LockName, Machine, SharedLock, WakerCommand};
use ops_coordinator_trial::Cluster;

use crate::{COMMAND, in_line, until};

const WISHES: &str = "peers/shared.json";

fn lock() -> LockName {
    "restart".parse().unwrap()
}

fn wish(cluster: &Cluster) -> Vec<u8> {
    let wish = Wish {
        seq: 1,
        lock: SharedLock::new("all".parse().unwrap(), vec![cluster.endpoints()]),
        taken: None,
    };
    let locks = BTreeMap::from([(lock(), wish)]);
    serde_json::to_vec(&Wishes { locks }).unwrap()
}

fn standing(state: &Path) -> Option<Standing> {
    let read = std::fs::read(state.join("peers/deputy.json")).ok()?;
    let standings: Standings = serde_json::from_slice(&read).ok()?;
    standings.locks.get(&lock()).cloned()
}

fn start(state: &Path) -> Child {
    let mut command = Command::new(COMMAND);
    command.args(["deputy", "app/0"]).arg(state).arg("peers");
    command.spawn().unwrap()
}

/// A hook that gives its place back, and one right after it that wants it again and believes that it is held, must not
/// meet a deputy that has seen only the first.
#[test]
fn a_place_that_is_wanted_again_at_once_is_not_given_back() {
    let cluster = Cluster::start(1);
    let state = cluster.directory().join("state");
    let machine = LocalMachine::new(&state, WakerCommand::none());
    machine.store(WISHES, &wish(&cluster), true).unwrap();
    let mut deputy = start(&state);
    let holds = || standing(&state).is_some_and(|own| own.until.is_some());
    until(holds);
    let token = standing(&state).unwrap().token;
    {
        let _hook = machine.lock().unwrap();
        machine.remove(WISHES).unwrap();
        // Long enough for the deputy to see that.
        std::thread::sleep(Duration::from_millis(500));
        assert!(holds(), "no hook comes in between");
        machine.store(WISHES, &wish(&cluster), true).unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(holds());
    assert_eq!(standing(&state).unwrap().token, token);
    in_line(&cluster, 1);
    let hook = machine.lock().unwrap();
    machine.remove(WISHES).unwrap();
    drop(hook);
    assert!(deputy.wait().unwrap().success());
    in_line(&cluster, 0);
}
