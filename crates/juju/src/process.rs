//! The identity of a running process, so that a later hook can tell whether it is still running.

use std::fs;

use rustix::process::{Pid, getpid};
use serde::{Deserialize, Serialize};

/// A process of this machine, distinguished from a later one with the same pid by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its pid.
    pub id: u32,
    /// When it started, in the kernel's clock ticks since boot (proc(5), field 22).
    pub began: u64,
}

impl Process {
    /// This process; `None` if the system does not provide its identity.
    pub fn own() -> Option<Self> {
        Self::of(Pid::as_raw(Some(getpid())).cast_unsigned())
    }

    /// The live process with this pid; `None` if there is none.
    pub fn of(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The second field is a name that may hold blanks and parentheses.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace();
        let state = fields.next()?;
        let began = fields.nth(18)?.parse().ok()?;
        // A zombie does nothing any more; only its parent has not noticed.
        (!matches!(state, "Z" | "X")).then_some(Self { id, began })
    }

    /// Whether it is still alive.
    pub fn is_alive(self) -> bool {
        Self::of(self.id) == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        assert!(Process::own().unwrap().is_alive());
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.is_alive());
        child.kill().unwrap();
        while Process::of(child.id()).is_some() {}
        assert!(!process.is_alive(), "though nobody has waited for it");
        child.wait().unwrap();
    }

    #[test]
    fn another_process_with_the_same_number_is_not_the_same() {
        let mut process = Process::own().unwrap();
        process.began += 1;
        assert!(!process.is_alive());
    }
}
