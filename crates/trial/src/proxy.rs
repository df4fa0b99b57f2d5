//! A TCP proxy that delays, holds up and cuts connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How soon a change is felt.
const TICK: Duration = Duration::from_millis(5);

/// A proxy to one port of this machine. It ends when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Grows with each cut: connections of an earlier time end.
    cuts: AtomicU64,
    /// While set, connections end as soon as they begin.
    refuses: AtomicBool,
    /// While set, nothing passes and nothing breaks, as when a cable is pulled.
    holds: AtomicBool,
    /// Each piece waits so long, in milliseconds.
    delay: AtomicU64,
    bytes: AtomicU64,
    over: AtomicBool,
}

impl Proxy {
    /// A proxy to this port that lets everything pass.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        listener
            .set_nonblocking(true)
            .expect("a socket can do that");
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            while !shared.over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) if !shared.refuses.load(Ordering::Relaxed) => {
                        let _ = connect(client, target, &shared);
                    }
                    Ok(_) => {}
                    Err(_) => thread::sleep(TICK),
                }
            }
        });
        Self { port, state }
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts all connections; new ones are let through.
    pub fn cut(&self) {
        self.state.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// Cuts all connections and refuses new ones, or ends that.
    pub fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::Relaxed);
        if refuses {
            self.cut();
        }
    }

    /// Lets nothing pass without breaking anything, or ends that.
    pub fn hold(&self, holds: bool) {
        self.state.holds.store(holds, Ordering::Relaxed);
    }

    /// Delays every piece in both directions by so much.
    pub fn delay(&self, milliseconds: u64) {
        self.state.delay.store(milliseconds, Ordering::Relaxed);
    }

    /// How many bytes have passed in both directions.
    pub fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        self.cut();
    }
}

fn connect(client: TcpStream, target: u16, state: &Arc<State>) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let server = TcpStream::connect(("127.0.0.1", target))?;
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (from, to, state) = (from.try_clone()?, to.try_clone()?, state.clone());
        to.set_nodelay(true)?;
        from.set_read_timeout(Some(TICK))?;
        thread::spawn(move || {
            let _ = pass(&from, &to, &state);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, state: &State) -> io::Result<()> {
    let since = state.cuts.load(Ordering::Relaxed);
    let mut piece = [0; 16384];
    while state.cuts.load(Ordering::Relaxed) == since {
        let length = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        thread::sleep(Duration::from_millis(state.delay.load(Ordering::Relaxed)));
        while state.holds.load(Ordering::Relaxed) && state.cuts.load(Ordering::Relaxed) == since {
            thread::sleep(TICK);
        }
        to.write_all(&piece[..length])?;
        state.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
    Ok(())
}
