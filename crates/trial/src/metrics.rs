//! What a server counts, in its words for Prometheus.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The sum of a figure that the server at this port of the machine counts, over all labels.
///
/// # Errors
/// When the server does not answer, or does not count this.
pub(crate) fn metric(port: u16, name: &str) -> io::Result<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    // It may be stopped.
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let rows = text
        .lines()
        .filter(|row| row.split([' ', '{']).next() == Some(name));
    let values = rows.filter_map(|row| row.rsplit(' ').next()?.parse::<f64>().ok());
    let sum = values.reduce(|one, other| one + other);
    sum.ok_or_else(|| io::Error::other(format!("no {name}")))
}
