//! The identity of a running process, so that a later hook can tell whether it is still running.

use std::fs;

use ops_coordinator_core::engine::Process;
use rustix::process::{Pid, getpid};

/// This process; `None` if the system does not provide its identity.
pub fn own() -> Option<Process> {
    of(Pid::as_raw(Some(getpid())).cast_unsigned())
}

/// The live process with this pid; `None` if there is none.
pub fn of(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is a name that may hold blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let began = fields.nth(18)?.parse().ok()?;
    // A zombie does nothing any more; only its parent has not noticed.
    (!matches!(state, "Z" | "X")).then_some(Process { id, began })
}

/// Whether it is still alive.
pub fn is_alive(process: Process) -> bool {
    of(process.id) == Some(process)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_has_ended() {
        assert!(is_alive(own().unwrap()));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = of(child.id()).unwrap();
        assert!(is_alive(process));
        child.kill().unwrap();
        while of(child.id()).is_some() {}
        assert!(!is_alive(process), "though nobody has waited for it");
        child.wait().unwrap();
    }

    #[test]
    fn another_process_with_the_same_number_is_not_the_same() {
        let mut process = own().unwrap();
        process.began += 1;
        assert!(!is_alive(process));
    }
}
