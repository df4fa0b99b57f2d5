//! Which process is at the other end of a connection on this machine.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How often it is looked for: a process may be on its way from one program to the next.
const LOOKS: u32 = 20;

/// Some processes, of which each may be replaced by another. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Callers(Arc<Mutex<Vec<Option<u32>>>>);

impl Callers {
    /// So many, none of which runs yet.
    pub(crate) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![None; count])))
    }

    /// This one is this process from now on.
    pub(crate) fn set(&self, caller: usize, process: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[caller] = Some(process);
    }

    /// Which of them has a connection from one port to another.
    pub(crate) fn find(&self, from: u16, to: u16) -> Option<usize> {
        for _ in 0..LOOKS {
            let processes = self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let socket = format!("socket:[{}]", socket(from, to)?);
            let has = |process: &Option<u32>| process.is_some_and(|id| has(id, &socket));
            if let Some(caller) = processes.iter().position(has) {
                return Some(caller);
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

/// The inode of the socket that is connected so, over IPv4 on this machine. `None` if there is none any more.
fn socket(from: u16, to: u16) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    // Addresses are written as the processor has them in memory.
    let host = format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]));
    let (local, remote) = (format!("{host}:{from:04X}"), format!("{host}:{to:04X}"));
    let row = table
        .lines()
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let mut found = row.filter(|cells| cells.get(1..3) == Some(&[&*local, &*remote]));
    found.next()?.get(9).map(|inode| (*inode).to_owned())
}

fn has(process: u32, socket: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd"));
    let mut links = files.into_iter().flatten().flatten();
    links.any(|file| fs::read_link(file.path()).is_ok_and(|link| link.to_str() == Some(socket)))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_process_behind_a_connection_is_found_and_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap().port();
        let stream = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let from = stream.local_addr().unwrap().port();
        let callers = Callers::new(2);
        assert_eq!(callers.find(from, to), None);
        callers.set(1, std::process::id());
        assert_eq!(callers.find(from, to), Some(1));
        drop(stream);
        assert_eq!(callers.find(from, to), None);
    }
}
