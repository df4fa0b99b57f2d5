//! What those inside say of themselves: lines in a file, which everybody appends to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use ops_coordinator_etcd::referee::Act;

/// The file. Its order is the order of events: an append of a short line is atomic.
#[derive(Debug, Clone)]
pub(super) struct Log(PathBuf);

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A command has begun: its token, the process that holds the lock for it, its own process.
    Enter(i64, u32, u32),
    /// It ends.
    Leave(i64),
    /// We are about to stop it for longer than its lease.
    Freeze(i64),
    /// The process that holds the lock says that etcd has ended its lease too early.
    Early(u32),
    /// The process that holds the lock has ended, and its command with it.
    Over(u32),
}

impl Log {
    /// A new file.
    ///
    /// # Panics
    /// When it cannot be made.
    pub(super) fn create(path: &Path) -> Self {
        File::create(path).expect("a new file");
        Self(path.to_owned())
    }

    /// A shell script that says when it begins and when it ends, also when it is stopped by a signal.
    pub(super) fn script(&self, milliseconds: u64) -> String {
        let file = self.0.display();
        let seconds = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
        format!(
            "trap 'exit 143' TERM; trap 'echo leave $OPS_COORDINATOR_TOKEN >>{file}' EXIT; \
             echo enter $OPS_COORDINATOR_TOKEN $PPID $$ >>{file}; sleep {seconds}"
        )
    }

    /// Adds a line of ours.
    ///
    /// # Panics
    /// When the disk is full.
    pub(super) fn add(&self, text: &str) {
        let file = File::options().append(true).open(&self.0);
        let written = file.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()));
        written.expect("the log can be written");
    }

    /// All lines so far.
    ///
    /// # Panics
    /// When somebody wrote something else.
    pub(super) fn lines(&self) -> Vec<Line> {
        let text = fs::read_to_string(&self.0).expect("the log can be read");
        let read = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |place: usize| words.get(place)?.parse().ok();
            let process = |place: usize| words.get(place)?.parse().ok();
            match words[0] {
                "enter" => Some(Line::Enter(number(1)?, process(2)?, process(3)?)),
                "leave" => Some(Line::Leave(number(1)?)),
                "freeze" => Some(Line::Freeze(number(1)?)),
                "early" => Some(Line::Early(process(1)?)),
                "over" => Some(Line::Over(process(1)?)),
                _ => None,
            }
        };
        let lines = text.lines().map(|line| read(line).expect("a line of ours"));
        lines.collect()
    }

    /// Who is inside now: the token, the process that holds the lock, the command.
    pub(super) fn inside(&self) -> Vec<(i64, u32, u32)> {
        let mut inside = BTreeMap::new();
        for line in self.lines() {
            match line {
                Line::Enter(token, holder, command) => {
                    inside.insert(token, (holder, command));
                }
                Line::Leave(token) => {
                    inside.remove(&token);
                }
                Line::Over(over) => inside.retain(|_, (holder, _)| *holder != over),
                Line::Freeze(_) | Line::Early(_) => {}
            }
        }
        let inside = inside.into_iter();
        inside
            .map(|(token, (holder, command))| (token, holder, command))
            .collect()
    }

    /// The tokens whose lease etcd has ended too early.
    pub(super) fn early(&self) -> BTreeSet<i64> {
        let lines = self.lines();
        let early = lines.iter().filter_map(|line| match line {
            Line::Early(holder) => lines.iter().find_map(|other| match other {
                Line::Enter(token, process, _) if process == holder => Some(*token),
                _ => None,
            }),
            _ => None,
        });
        early.collect()
    }

    /// What the referee judges.
    pub(super) fn acts(&self) -> Vec<Act> {
        let mut holders = BTreeMap::new();
        let mut acts = Vec::new();
        for line in self.lines() {
            match line {
                Line::Enter(token, holder, _) => {
                    holders.insert(holder, token);
                    acts.push(Act::Enter(token));
                }
                Line::Leave(token) => acts.push(Act::Leave(token)),
                Line::Freeze(token) => acts.push(Act::Freeze(token)),
                Line::Early(_) => {}
                Line::Over(holder) => acts.extend(holders.remove(&holder).map(Act::Leave)),
            }
        }
        acts
    }
}
