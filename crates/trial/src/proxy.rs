//! A TCP proxy that delays, holds up and cuts connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How soon something that was held up goes on.
const TICK: Duration = Duration::from_millis(5);

/// Where bytes go in a connection through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From whoever called to whoever was called.
    Out,
    /// Back.
    Back,
}

/// A proxy to one port of this machine. It ends when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    over: Arc<AtomicBool>,
    links: Vec<Arc<Link>>,
}

/// The connections of one caller.
#[derive(Debug, Default)]
struct Link {
    /// While set, connections end as soon as they begin.
    refuses: AtomicBool,
    /// While set, nothing passes this way and nothing breaks, as when a cable is pulled.
    silent: [AtomicBool; 2],
    /// Each piece waits so long, in milliseconds.
    delay: AtomicU64,
    bytes: AtomicU64,
    open: Mutex<Vec<Arc<Connection>>>,
}

/// Both halves of a connection.
#[derive(Debug)]
struct Connection {
    caller: TcpStream,
    called: TcpStream,
    over: AtomicBool,
}

impl Proxy {
    /// A proxy to this port that lets everything pass.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn to(target: u16) -> Self {
        Self::between(target, 1, |_, _| Some(0))
    }

    /// The same, for so many callers, whose connections can be broken one by one. `who` says which of them has connected to
    /// the proxy's port from a port of its own; whoever is none of them is not served.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn between(
        target: u16,
        callers: usize,
        who: impl Fn(u16, u16) -> Option<usize> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let over = Arc::new(AtomicBool::new(false));
        let links: Vec<Arc<Link>> = (0..callers).map(|_| Arc::default()).collect();
        let (all, ended, who) = (links.clone(), over.clone(), Arc::new(who));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                // Most calls in vain are to one that is not there, and etcd calls again and again.
                let Ok(called) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                let (all, who) = (all.clone(), who.clone());
                // To find out who it is takes a moment.
                thread::spawn(move || {
                    let from = client.peer_addr().ok()?.port();
                    let link = all.get(who(from, port)?)?;
                    link.connect(client, called);
                    Some(())
                });
            }
        });
        Self { port, over, links }
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections; new ones are let through.
    pub fn cut(&self) {
        self.links.iter().for_each(|link| link.cut());
    }

    /// Cuts all connections and refuses new ones, or ends that.
    pub fn refuse(&self, refuses: bool) {
        for link in &self.links {
            link.refuses.store(refuses, Ordering::Relaxed);
        }
        if refuses {
            self.cut();
        }
    }

    /// Lets nothing pass without breaking anything, or ends that.
    pub fn hold(&self, holds: bool) {
        for way in [Way::Out, Way::Back] {
            self.silence(way, holds);
        }
    }

    /// Lets nothing pass one way while the other goes on, or ends that.
    pub fn silence(&self, way: Way, silent: bool) {
        for caller in 0..self.links.len() {
            self.silence_one(caller, way, silent);
        }
    }

    /// The same for the connections of one caller.
    pub fn silence_one(&self, caller: usize, way: Way, silent: bool) {
        self.links[caller].silent[way as usize].store(silent, Ordering::Relaxed);
    }

    /// Delays every piece in both directions by so much.
    pub fn delay(&self, milliseconds: u64) {
        for link in &self.links {
            link.delay.store(milliseconds, Ordering::Relaxed);
        }
    }

    /// How many bytes have passed in both directions.
    pub fn bytes(&self) -> u64 {
        let bytes = self.links.iter().map(|link| &link.bytes);
        bytes.map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.refuse(true);
        // What waits for the next caller sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Link {
    fn connect(self: &Arc<Self>, caller: TcpStream, called: TcpStream) {
        if self.refuses.load(Ordering::Relaxed) {
            return;
        }
        let connection = Arc::new(Connection {
            caller,
            called,
            over: AtomicBool::new(false),
        });
        self.open().push(connection.clone());
        for way in [Way::Out, Way::Back] {
            let (link, connection) = (self.clone(), connection.clone());
            thread::spawn(move || {
                let _ = link.pass(&connection, way);
                connection.end();
                link.open().retain(|other| !Arc::ptr_eq(other, &connection));
            });
        }
        // One that was refused meanwhile has not been cut.
        if self.refuses.load(Ordering::Relaxed) {
            connection.end();
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        for connection in self.open().drain(..) {
            connection.end();
        }
    }

    fn pass(&self, connection: &Connection, way: Way) -> io::Result<()> {
        let (mut from, mut to) = match way {
            Way::Out => (&connection.caller, &connection.called),
            Way::Back => (&connection.called, &connection.caller),
        };
        to.set_nodelay(true)?;
        let mut piece = [0; 16384];
        loop {
            let length = match from.read(&mut piece)? {
                0 => return Ok(()),
                length => length,
            };
            thread::sleep(Duration::from_millis(self.delay.load(Ordering::Relaxed)));
            while self.silent[way as usize].load(Ordering::Relaxed) {
                if connection.over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                thread::sleep(TICK);
            }
            to.write_all(&piece[..length])?;
            self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
    }
}

impl Connection {
    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.caller.shutdown(Shutdown::Both);
        let _ = self.called.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection through the proxy: the end that calls, and the end that is called.
    fn connected() -> (Proxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap().port());
        let caller = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let (called, _) = listener.accept().unwrap();
        for end in [&caller, &called] {
            end.set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
        }
        (proxy, caller, called)
    }

    /// What arrives of a word.
    fn said(mut from: &TcpStream, mut to: &TcpStream) -> Option<u8> {
        from.write_all(b"x").unwrap();
        let mut word = [0];
        to.read(&mut word).ok().map(|_| word[0])
    }

    #[test]
    fn one_way_falls_silent_while_the_other_goes_on_and_nothing_is_lost() {
        let (proxy, caller, called) = connected();
        assert_eq!(said(&caller, &called), Some(b'x'));
        for (way, from, to) in [(Way::Out, &caller, &called), (Way::Back, &called, &caller)] {
            proxy.silence(way, true);
            assert_eq!(said(from, to), None);
            assert_eq!(said(to, from), Some(b'x'));
            proxy.silence(way, false);
            let mut late = [0; 1];
            let (mut to, mut other) = (to, [0; 1]);
            to.read_exact(&mut late).unwrap();
            assert_eq!(said(from, to), Some(b'x'));
            // Nothing more.
            assert!(to.read(&mut other).is_err());
        }
    }

    #[test]
    fn what_is_silent_can_be_cut_and_what_is_refused_does_not_connect() {
        let (proxy, caller, mut called) = connected();
        proxy.hold(true);
        assert_eq!(said(&caller, &called), None);
        proxy.cut();
        assert_eq!(called.read(&mut [0]).unwrap(), 0);
        proxy.hold(false);
        proxy.refuse(true);
        let mut refused = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        assert_eq!(refused.read(&mut [0]).unwrap_or_default(), 0);
    }

    #[test]
    fn whoever_is_none_of_the_callers_is_not_served() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap().port();
        let proxy = Proxy::between(target, 1, |_, _| None);
        let mut caller = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        assert_eq!(caller.read(&mut [0]).unwrap_or_default(), 0);
    }
}
