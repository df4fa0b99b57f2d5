//! Which process is at the other end of a connection on this machine.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink, recv, send};

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

/// The inode of the socket that is connected so, over IPv4 on this machine. `None` if there is none any more, or nobody has it
/// open. Asks the kernel for the one socket (`sock_diag(7)`): to read `/proc/net/tcp` takes a tenth of a second where thousands
/// of connections come and go.
fn socket(from: u16, to: u16) -> Option<u32> {
    const REQUEST: u16 = 1;
    const BY_FAMILY: u16 = 20;
    const TCP: u8 = 6;
    const IPV4: u8 = 2;
    const HEADER: usize = 16;
    let mut body = vec![IPV4, TCP, 0, 0];
    // In whichever state.
    body.extend(u32::MAX.to_ne_bytes());
    body.extend(from.to_be_bytes());
    body.extend(to.to_be_bytes());
    for _ in 0..2 {
        body.extend([127, 0, 0, 1]);
        body.extend([0; 12]);
    }
    // On any interface, with any cookie.
    body.extend(0_u32.to_ne_bytes());
    body.extend([u8::MAX; 8]);
    let length = u32::try_from(HEADER + body.len()).ok()?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    let kernel = rustix::net::socket(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        Some(netlink::SOCK_DIAG),
    );
    let kernel = kernel.ok()?;
    send(&kernel, &message, SendFlags::empty()).ok()?;
    let mut answer = [0; 4096];
    let (_, length) = recv(&kernel, &mut answer, RecvFlags::empty()).ok()?;
    let kind = answer
        .get(4..6)
        .filter(|kind| **kind == BY_FAMILY.to_ne_bytes());
    // Behind the four bytes of the state, the 48 of the addresses, and four other figures.
    let place = HEADER + 4 + 48 + 16;
    let inode = answer[..length]
        .get(place..place + 4)
        .filter(|_| kind.is_some())?;
    let inode = u32::from_ne_bytes(inode.try_into().ok()?);
    (inode != 0).then_some(inode)
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
