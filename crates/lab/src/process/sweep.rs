//! Finds and ends the processes that hooks left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::wire::ADDRESS_VARIABLE;

/// Ends every process whose socket's address begins so, and all that descends from one.
///
/// A hook's environment is never inherited from elsewhere and passes on to all that it starts, so
/// the address finds what has detached itself. What also emptied its environment after its parent
/// had gone is only found by a [`keeper`](super::keeper).
pub(super) fn end_marked(address: &str) {
    end_all(|| marked(address));
}

/// Sends a signal to the same processes, once.
pub(super) fn signal_marked(address: &str, signal: Signal) {
    send(&marked(address), signal);
}

/// Ends every process that descends from this one.
pub(super) fn end_descendants() {
    let own = std::process::id();
    end_all(|| {
        with_descendants(BTreeSet::from([own]))
            .into_iter()
            .filter(|pid| *pid != own)
            .collect()
    });
}

/// Kills what `find` finds until it finds nothing more: a process may start another meanwhile.
fn end_all(find: impl Fn() -> BTreeSet<u32>) {
    for _ in 0..500 {
        let found = find();
        if found.is_empty() {
            return;
        }
        send(&found, Signal::KILL);
        thread::sleep(Duration::from_millis(2));
    }
}

fn send(processes: &BTreeSet<u32>, signal: Signal) {
    let known = processes.iter().filter_map(|pid| i32::try_from(*pid).ok());
    for pid in known.filter_map(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

fn marked(address: &str) -> BTreeSet<u32> {
    let wanted = format!("{ADDRESS_VARIABLE}={address}");
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(wanted.as_bytes()))
    };
    let own = std::process::id();
    let carriers = processes()
        .into_keys()
        .filter(|pid| *pid != own)
        .filter(carries)
        .collect();
    with_descendants(carriers)
}

/// The processes given and all that descend from them, less those that have ended already.
fn with_descendants(mut known: BTreeSet<u32>) -> BTreeSet<u32> {
    let parents = processes();
    loop {
        let before = known.len();
        let children = parents.iter().filter(|(_, parent)| known.contains(parent));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        known.extend(children);
        if known.len() == before {
            return known;
        }
    }
}

/// Every process that has not ended, with its parent.
fn processes() -> BTreeMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, living_parent(pid)?)))
        .collect()
}

fn living_parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold any character; the state and the parent follow it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    words.next()?.parse().ok()
}
